"""Small files that are asked for again: their bytes, kept in memory by each server process.

What is kept is found by name and believed only while the name still leads to that very file, so that a
file replaced, changed or removed is never answered for from here. Nothing of it is shared or written.
"""

import os
import threading
from dataclasses import dataclass

from shared.digests import Identity, identity_of
from shared.entries import Entry

KEPT_FILE_BYTES = 1024 * 1024  # of one file; larger ones are sent as they are read


@dataclass(frozen=True)
class Kept:
    """A file as it was when read: `content` is all of its bytes."""

    identity: Identity
    entry: Entry
    content: bytes


class Contents:
    """At most `limit_bytes` of files; what was kept first leaves first. Safe to share between threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._kept: dict[str, Kept] = {}
        self._bytes = 0
        self._changing = threading.Lock()

    def find(self, path: str) -> Kept | None:
        """The file that a path leads to, where it is kept: one stat(2), without a descriptor."""
        kept = self._kept.get(path)
        if kept is None:
            return None
        try:
            facts = os.stat(path)
        except OSError:
            return None
        return kept if identity_of(facts) == kept.identity else None

    def wants(self, size: int) -> bool:
        """Whether a file of so many bytes may be kept."""
        return 0 < size <= min(KEPT_FILE_BYTES, self._limit_bytes)

    def keep(self, path: str, kept: Kept) -> None:
        """Keep a file for the next request, in place of what the path led to before."""
        with self._changing:
            self._forget(path)
            while self._bytes + len(kept.content) > self._limit_bytes:
                self._forget(next(iter(self._kept)))
            self._kept[path] = kept
            self._bytes += len(kept.content)

    def _forget(self, path: str) -> None:
        before = self._kept.pop(path, None)
        if before is not None:
            self._bytes -= len(before.content)
