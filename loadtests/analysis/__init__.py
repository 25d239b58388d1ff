"""From raw samples to verdicts: pure functions of the archive; a figure without enough samples is None."""
