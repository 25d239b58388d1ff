"""The requests that a server counted itself, in a memory map that every one of its processes writes.

The file named by `TWINS_COUNTERS` holds 1 + 1,024 + 1,024 little-endian unsigned integers of 8 bytes: the
number of slots that are taken, a counter a slot, and the process id of each slot, 0 where its process has not
written it (version 2; version 1 had no process ids, and a program that was written for it needs no change).
A server process takes the next slot under an exclusive lock (flock(2)) and is the only one to write it,
adding 1 for each request before it is answered: a count costs no system call, and a killed process leaves
its count behind. `docs/counting.md` has a middleware for each interface.
"""

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "TWINS_COUNTERS"
SLOTS = 1024
SLOT_BYTES = 8


@dataclass(frozen=True)
class Slot:
    """What one server process counted; `process` is its id, None where it did not write it."""

    process: int | None
    requests: int


def create(path: Path) -> None:
    """Make an empty map."""
    with open(path, "wb") as file:
        file.truncate((1 + 2 * SLOTS) * SLOT_BYTES)


def slots(path: Path) -> list[Slot]:
    """The slots that are taken, in the order in which processes took them, of a map of either version."""
    data = path.read_bytes()
    (taken,) = struct.unpack_from("<Q", data)
    taken = min(taken, SLOTS)
    counts = struct.unpack_from(f"<{taken}Q", data, SLOT_BYTES)
    place = (1 + SLOTS) * SLOT_BYTES
    processes = struct.unpack_from(f"<{taken}Q", data, place) if len(data) > place else (0,) * taken
    return [Slot(pid or None, count) for pid, count in zip(processes, counts, strict=True)]


def total(path: Path) -> int:
    """Requests received by all server processes since `create`."""
    return requests(slots(path))


def requests(taken: Sequence[Slot]) -> int:
    return sum(slot.requests for slot in taken)


def growth(before: Sequence[Slot], after: Sequence[Slot], alive: Collection[int]) -> list[Slot]:
    """What each process counted between two readings; of those that counted none, only the living ones."""
    known = [slot.requests for slot in before] + [0] * (len(after) - len(before))
    grown = [Slot(slot.process, slot.requests - count) for slot, count in zip(after, known, strict=True)]
    return [slot for slot in grown if slot.requests or slot.process in alive]
