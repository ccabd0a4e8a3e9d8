"""A pose to a picture, in a few milliseconds: the layers bent, mouth and eyes drawn over them."""
