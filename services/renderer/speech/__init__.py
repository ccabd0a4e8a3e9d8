"""One turn's speech from messages to sound. `streaming_buffer.py` puts turns one after another."""
