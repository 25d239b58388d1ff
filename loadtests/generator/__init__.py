"""Locust at wire speed: each request timed from when it was due, recorded raw, the generator watched too.

The law: a request has one record, whatever ends it, and Locust's event, its table and the archive are
made from that record. Nothing is retried, nothing is rounded, nothing waits for the server that the
schedule did not make wait; and what the generator could not do is said by its own checks.
"""
