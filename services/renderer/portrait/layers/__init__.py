"""What does not move by itself, drawn once for a person in a style. `baking` collects all of it."""
