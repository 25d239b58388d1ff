"""The shipped plans, each explained by the sentence on its first line."""
