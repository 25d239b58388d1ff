"""The requests that a server counted itself, in a memory map that every one of its processes writes.

The file named by `TWINS_COUNTERS` holds 1 + 1,024 little-endian unsigned integers of 8 bytes: the number of
slots that are taken, then a counter a slot. A server process takes the next slot under an exclusive lock
(flock(2)) and is the only one to write it, adding 1 for each request before it is answered: a count costs no
system call, and a killed process leaves its count behind. `docs/counting.md` has a middleware for each
interface.
"""

import struct
from pathlib import Path

VARIABLE = "TWINS_COUNTERS"
SLOTS = 1024
SLOT_BYTES = 8


def create(path: Path) -> None:
    """Make an empty map."""
    with open(path, "wb") as file:
        file.truncate((SLOTS + 1) * SLOT_BYTES)


def total(path: Path) -> int:
    """Requests received by all server processes since `create`."""
    data = path.read_bytes()
    return sum(struct.unpack_from(f"<{SLOTS}Q", data, SLOT_BYTES))
