"""`make bench`: the whole path on this machine, measured where a person is: at a WebRTC viewer, after decoding."""
