"""The instant voice: libespeak-ng, and which of its sounds belongs to which word."""
