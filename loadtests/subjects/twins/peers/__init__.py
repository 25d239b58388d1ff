"""The idiomatic applications that a reader would write in ten lines, and that the twins must beat."""
