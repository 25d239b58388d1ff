"""What makes a cell sound: each self-check with its figure, its limit and its advice (pure)."""
