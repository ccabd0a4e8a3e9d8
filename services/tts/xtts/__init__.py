"""XTTS v2 as a real-time engine: loading, one token a step for many utterances, a vocoder in windows, cloning."""
