"""What a plan asks for is run so that it can be believed and repeated, and leaves an archive anyone can open."""
