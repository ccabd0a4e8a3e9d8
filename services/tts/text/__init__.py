"""Written text to lines that can be said."""
