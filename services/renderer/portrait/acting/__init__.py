"""What the face does: speech and idle motion to one pose an instant. Nothing here draws."""
