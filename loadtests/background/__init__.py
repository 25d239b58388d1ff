"""Clients beside the users that are measured, in a process of their own."""
