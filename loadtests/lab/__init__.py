"""What a plan asks for is run so that it can be believed and repeated; the archive opens anywhere."""
