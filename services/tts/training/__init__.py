"""How the mouth model is trained: speech whose phoneme times are known, and from it the weights."""
