"""What leaves by WebRTC: the clock, encoding, the tracks and their publication. Knows neither speech nor faces."""
