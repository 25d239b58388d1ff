"""Digests of files that are asked for the first time: each file once, for as long as somebody waits for it.

A few threads take turns at the files, whichever has had least so far: a new file waits for a slice of
each other one that is new, and for the rest of none. Nothing is locked while a file is read.
"""

import hashlib
import heapq
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from typing import Any

from shared.digests import READ_BYTES, DigestStore, Identity, identity_of
from shared.errors import Unavailable
from shared.settings import DATABASE_RETRY_S, MAX_HASHING

THREADS = 2
SLICE_BYTES = 8 * READ_BYTES


class Undigested(Exception):
    """A file whose digest is not known yet: wait for `hashing` and ask again; it must be left in any case."""

    def __init__(self, hashing: "Hashing") -> None:
        super().__init__()
        self.hashing = hashing


class Hashing:
    """One file on its way to its digest, and how many wait for it."""

    def __init__(self, owner: "Hashers", descriptor: int, identity: Identity) -> None:
        self.identity = identity
        self.finished = False
        self.error: Exception | None = None
        self.waiting = 0
        self.offset = 0
        self.taken = False  # by a thread, which then closes the file
        self.told: list[Callable[[], object]] = []
        self._owner = owner
        self._descriptor = os.dup(descriptor)
        self._sha256 = hashlib.sha256()

    def when_finished(self, tell: Callable[[], object]) -> None:
        """Have `tell` called once, from another thread or at once."""
        self._owner.tell(self, tell)

    def leave(self) -> None:
        """Wait no longer: what nobody waits for is not read to its end."""
        self._owner.leave(self)

    def read_on(self) -> bytes | None:
        """Read a slice; the digest where that was the last."""
        end = self.offset + SLICE_BYTES
        while self.offset < end and self.waiting:
            block = os.pread(self._descriptor, READ_BYTES, self.offset)
            if not block:
                return self._sha256.digest()
            self._sha256.update(block)
            self.offset += len(block)
        return None

    def unchanged(self) -> bool:
        return identity_of(os.fstat(self._descriptor)) == self.identity

    def close(self) -> None:
        os.close(self._descriptor)


def start_thread(function: Callable[[], None]) -> None:
    threading.Thread(target=function, name="hashing", daemon=True).start()


class Hashers:
    """The files that wait for their digests, and the threads that read them while there are any."""

    def __init__(
        self,
        store: DigestStore,
        lock: Callable[[], AbstractContextManager[Any]] = threading.Lock,
        start: Callable[[Callable[[], None]], object] = start_thread,
    ) -> None:
        self._store = store
        self._changing = lock()
        self._start = start
        self._under_way: dict[Identity, Hashing] = {}
        self._queue: list[tuple[int, int, Hashing]] = []
        self._order = count()
        self._threads = 0

    def ask(self, descriptor: int, identity: Identity) -> Hashing:
        """Wait for a file together with all who do; Unavailable where too many others are waited for.

        The descriptor may be closed afterwards. Whoever asks must `leave`.
        """
        with self._changing:
            hashing = self._under_way.get(identity)
            if hashing is None:
                if len(self._under_way) >= MAX_HASHING:
                    raise Unavailable(
                        "Too many new files are being read at the same time; try again.",
                        (("Retry-After", str(DATABASE_RETRY_S)),),
                    )
                hashing = self._under_way[identity] = Hashing(self, descriptor, identity)
                self._enqueue(hashing)
            hashing.waiting += 1
            starts = self._threads < THREADS and bool(self._queue)
            self._threads += starts
        if starts:
            try:
                self._start(self._work)
            except RuntimeError:  # of a system that has no thread left
                with self._changing:
                    self._threads -= 1
                self.leave(hashing)
                raise Unavailable("No thread is left to read a new file; try again.") from None
        return hashing

    def tell(self, hashing: Hashing, tell: Callable[[], object]) -> None:
        with self._changing:
            if not hashing.finished:
                hashing.told.append(tell)
                return
        tell()

    def leave(self, hashing: Hashing) -> None:
        with self._changing:
            hashing.waiting -= 1
            if hashing.waiting or hashing.finished:
                return
            self._forget(hashing)
            closes = not hashing.taken
        if closes:
            hashing.close()

    def _enqueue(self, hashing: Hashing) -> None:
        heapq.heappush(self._queue, (hashing.offset, next(self._order), hashing))

    def _forget(self, hashing: Hashing) -> None:
        if self._under_way.get(hashing.identity) is hashing:
            del self._under_way[hashing.identity]

    def _work(self) -> None:
        while (hashing := self._take()) is not None:
            digest, error = None, None
            try:
                digest = self._step(hashing)
            except Exception as caught:  # those who wait are told
                error = caught
            self._put_back(hashing, digest, error)

    def _take(self) -> Hashing | None:
        """The file that has had least; None, and the thread ends, where there is none."""
        with self._changing:
            while self._queue:
                _, _, hashing = heapq.heappop(self._queue)
                if hashing.waiting:
                    hashing.taken = True
                    return hashing
            self._threads -= 1
            return None

    def _step(self, hashing: Hashing) -> bytes | None:
        digest = self._store.look_up(hashing.identity) if hashing.offset == 0 else None
        if digest is not None:
            return digest
        digest = hashing.read_on()
        if digest is not None and hashing.unchanged():
            self._store.remember(hashing.identity, digest)
        return digest

    def _put_back(self, hashing: Hashing, digest: bytes | None, error: Exception | None) -> None:
        told: list[Callable[[], object]] = []
        with self._changing:
            hashing.taken = False
            goes_on = digest is None and error is None and hashing.waiting > 0
            if goes_on:
                self._enqueue(hashing)
            else:
                self._forget(hashing)
                hashing.finished, hashing.error = True, error
                told, hashing.told = hashing.told, told
        if not goes_on:
            hashing.close()
        for tell in told:
            tell()
