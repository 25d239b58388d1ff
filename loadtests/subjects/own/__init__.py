"""Applications that were never written for the laboratory, measured from a plan alone."""
