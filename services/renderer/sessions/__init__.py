"""What is on air: each session's life, its playout, and what it reports."""
