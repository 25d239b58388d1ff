"""Plain values that everything else is told in: records, samples, costs. It imports no other package."""
