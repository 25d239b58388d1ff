"""A server to be fetched from: every answer's latency, size, pace and faults stand in its address.

It counts its hits, so that a call that was skipped or answered from a cache is seen.
"""
