"""`make bench-voice`: what the running product hears, and when, measured by speaking to it by WebRTC."""
