"""Who is drawn, and in which light: values only."""
