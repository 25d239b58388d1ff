"""A server under test: started, waited for, read back, stopped."""
