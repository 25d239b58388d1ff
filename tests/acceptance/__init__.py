"""One script an area, run outside the suite on a quiet machine: prints every figure asked for."""
