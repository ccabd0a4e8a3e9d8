"""Cloned voices: recordings that are good enough, where voices and consents are kept, and `/v1/voices`."""
