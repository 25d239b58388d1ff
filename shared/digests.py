"""SHA-256 of stored files, once for a (device, inode, size, mtime, ctime), shared by the processes."""

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

Identity = tuple[int, int, int, int, int]
READ_BYTES = 1024 * 1024
REMEMBERED = 100_000


def identity_of(facts: os.stat_result) -> Identity:
    """What changes when a file's bytes do: replaced by rename, or written and closed."""
    return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


class DigestStore:
    """Digests in a small SQLite file. A store that cannot be written only costs hashing again."""

    def __init__(
        self, folder: Path, lock: Callable[[], AbstractContextManager[Any]] = threading.Lock
    ) -> None:
        self._path = folder / "digests.sqlite"
        self._known: dict[Identity, bytes] = {}
        self._turn = lock()  # at the SQLite file, never while one is read
        self._connection = self._connect(folder)

    def digest(self, descriptor: int, identity: Identity) -> bytes | None:
        """SHA-256 of an open file (32 bytes); None where it changed while it was read."""
        digest = self.known(identity) or self.look_up(identity)
        if digest is not None:
            return digest
        digest = sha256_of(descriptor)
        if identity_of(os.fstat(descriptor)) != identity:
            return None
        self.remember(identity, digest)
        return digest

    def known(self, identity: Identity) -> bytes | None:
        """What this process has in memory."""
        return self._known.get(identity)

    def look_up(self, identity: Identity) -> bytes | None:
        """What any process has stored; touches the disk."""
        with self._turn:
            digest = self._look_up(identity)
            if digest is not None:
                self._keep(identity, digest)
            return digest

    def remember(self, identity: Identity, digest: bytes) -> None:
        """Keep a digest, for all processes and later starts."""
        with self._turn:
            self._keep(identity, digest)
            self._store(identity, digest)

    def _keep(self, identity: Identity, digest: bytes) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[identity] = digest

    def _connect(self, folder: Path) -> sqlite3.Connection | None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
            connection.execute("pragma journal_mode=wal")
            connection.execute("pragma synchronous=off")
            connection.execute(
                "create table if not exists digests (identity text primary key, sha256 blob not null)"
                " without rowid"
            )
        except (OSError, sqlite3.Error):
            return None
        return connection

    def _look_up(self, identity: Identity) -> bytes | None:
        if self._connection is None:
            return None
        try:
            row = self._connection.execute(
                "select sha256 from digests where identity=?", (_key(identity),)
            ).fetchone()
        except sqlite3.Error:
            return None
        return row[0] if row else None

    def _store(self, identity: Identity, digest: bytes) -> None:
        if self._connection is None:
            return
        try:
            self._connection.execute("insert or ignore into digests values (?,?)", (_key(identity), digest))
        except sqlite3.Error:
            return


def _key(identity: Identity) -> str:
    return ":".join(map(str, identity))  # text: an inode may be larger than SQLite's integers


def sha256_of(descriptor: int) -> bytes:
    """SHA-256 of a whole open file, 32 bytes, in bounded memory; leaves its position alone."""
    digest = hashlib.sha256()
    offset = 0
    while block := os.pread(descriptor, READ_BYTES, offset):
        digest.update(block)
        offset += len(block)
    return digest.digest()
