"""Mouth shapes: of known sounds (`shapes`), and found in any voice's sound (`tracking`)."""
