"""Behaviour, shown on real servers and real sockets; nothing here asserts a speed."""
