"""Dates that are sent: of a response (RFC 9110 section 6.6.1) and of a file (section 8.8.2)."""

import os
import time
from email.utils import formatdate

_NS = 1_000_000_000
_now: tuple[int, bytes] = (0, b"")


def date_now() -> bytes:
    """The value of a Date header at this moment, made anew once a second."""
    global _now
    second = int(time.time())
    if _now[0] != second:
        _now = (second, formatdate(second, usegmt=True).encode("ascii"))
    return _now[1]


def modified_s(facts: os.stat_result) -> int:
    """When a file was modified, in whole seconds since the epoch, from 0 to this moment.

    No file was modified after its inode was last changed, whatever time it was given, and none in the future
    (RFC 9110 section 8.8.2.1): so no Last-Modified is later than its Date. What HTTP-dates cannot carry, the
    year 10000 or a time before 1970, is told as the nearest that they can.
    """
    return max(0, min(facts.st_mtime_ns, facts.st_ctime_ns, time.time_ns()) // _NS)


def settled(facts: os.stat_result) -> bool:
    """Whether no other content can have had the same modification date (RFC 9110 section 8.8.2.2).

    A file that came to its place within a minute of its date may be the second of that very second: nothing
    tells. One that is older was the same all the time, as far as its date can be believed at all.
    """
    return facts.st_ctime_ns - facts.st_mtime_ns >= SETTLED_S * _NS


SETTLED_S = 60
