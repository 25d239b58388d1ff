"""The servers' own count of requests: a memory map with a slot per server process.

A server process claims the next free slot under a file lock and is the only one to write it,
so that a count costs no system call and a killed process leaves its count behind.
"""

import fcntl
import mmap
import os
import threading
from collections.abc import Callable
from pathlib import Path

SLOTS = 1024
SLOT_BYTES = 8


def claim(path: Path) -> Callable[[], None]:
    """Claim a slot for this process; the returned function counts one request and is thread-safe.

    The process id goes into a second row of words, as long as the counters' and behind it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        shared_map = mmap.mmap(descriptor, 0)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        slots = memoryview(shared_map).cast("Q")
        slot = slots[0] + 1
        if slot > SLOTS:
            raise OverflowError(f"{path} has no free slot: {SLOTS} server processes have claimed one each.")
        if SLOTS + slot < len(slots):  # a map of version 1 has no process ids
            slots[SLOTS + slot] = os.getpid()
        slots[0] = slot
    finally:
        # the map keeps a duplicate of the descriptor, and with it the lock
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
    lock = threading.Lock()

    def count() -> None:
        with lock:
            slots[slot] += 1

    return count
