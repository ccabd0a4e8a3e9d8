"""What layers and pictures are drawn with: curves, colours, light, and where things lie on the canvas."""
