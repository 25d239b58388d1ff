"""The folder being served: names to open files, and the facts of each that make its headers.

A name is opened first and judged by its open descriptor, so that a file replaced or a link swapped
in between is answered for as it was opened. A file changed in place is outside the contract.
"""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from shared.contents import Contents, Kept
from shared.digests import DigestStore, Identity, identity_of
from shared.entries import Entry, describe
from shared.errors import BadName, NotFound, Unavailable
from shared.hashing import Hashers, Undigested
from shared.reading import Block
from shared.settings import DIGESTED_BYTES, KEPT_BYTES, UPLOADS_FOLDER

MAX_NAME_BYTES = 1024
PART_PATTERN = r"(?:[^/\\\x00]{1,63}|[\x01-.0-\[\]-\x7f]{1,255})"  # at most 255 bytes
NO_PART = r"(?:\.|\.\.|" + UPLOADS_FOLDER.replace(".", r"\.") + ")"
NAME_PATTERN = rf"^(?!(?:[\s\S]*/)?{NO_PART}(?:/|$)){PART_PATTERN}(?:/{PART_PATTERN})*$"
"""What `check_name` takes, and a disk can have, as a regular expression of JSON Schema."""

REMEMBERED = 8192
OPEN_TRIES = 10  # a file changed in place as often as that is being written, not replaced
OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True)
class Opened:
    """An entry and the descriptor it was read from; whoever opened it closes it."""

    entry: Entry
    descriptor: int

    def close(self) -> None:
        os.close(self.descriptor)


class Catalogue:
    """Opens names below one root. Safe to share between threads; made after the fork."""

    def __init__(
        self,
        root: Path,
        digests: DigestStore,
        kept_bytes: int = KEPT_BYTES,
        digested_bytes: int = DIGESTED_BYTES,
        hashers: Hashers | None = None,
    ) -> None:
        """Without `hashers` a new file is read where it is opened."""
        self.root = os.path.realpath(root)
        self._prefix = self.root.rstrip("/") + "/"
        self.digests = digests
        self._contents = Contents(kept_bytes)
        self._digested_bytes = digested_bytes
        self._hashers = hashers
        self._entries: dict[str, tuple[Identity, Entry]] = {}

    def kept(self, name: str) -> Kept | None:
        """A small file whose bytes this process keeps; None where it must be opened."""
        return self._contents.find(self._prefix + name)

    def keeps(self, entry: Entry) -> bool:
        """Whether a file is small enough to be kept: then read it whole, and call `keep`."""
        return self._contents.wants(entry.size)

    def keep(self, opened: Opened, content: Block) -> None:
        """Keep all bytes of a file that was opened here, unless they changed meanwhile."""
        identity, entry = self._entries.get(opened.entry.name, (None, None))
        if entry is opened.entry and identity == identity_of(os.fstat(opened.descriptor)):
            self._contents.keep(self._prefix + entry.name, Kept(identity, entry, bytes(content)))

    def open_known(self, name: str) -> Opened | None:
        """Open a file whose digest this process has, without waiting for a disk's worth of hashing.

        None where the digest must be computed first: call `open` off the event loop.
        """
        remembered = self._entries.get(name)
        if remembered is None:
            return None
        try:
            descriptor = os.open(self._prefix + name, OPEN_FLAGS)
        except OSError:
            return None
        if identity_of(os.fstat(descriptor)) == remembered[0]:
            return Opened(remembered[1], descriptor)
        os.close(descriptor)
        return None

    def open(self, name: str) -> Opened:
        """Open `name`; BadName, NotFound, or Unavailable where it kept changing while it was digested.

        Undigested where its digest must be waited for: then ask again. A file that is replaced while it is
        digested is another one by then: its name leads to the next.
        """
        for _ in range(OPEN_TRIES):
            opened = self._open_once(name)
            if opened is not None:
                return opened
        raise changing()

    def look_at(self, name: str) -> Entry:
        """The facts of `name` whose tag nobody asks for, without its digest; BadName, NotFound."""
        descriptor, facts = open_file(self.root, name)
        os.close(descriptor)
        return describe(name, facts, None)

    def digests_of(self, facts: os.stat_result) -> bool:
        """Whether a file has a digest, and its tag from that: by its size alone, in every process."""
        return facts.st_size <= self._digested_bytes

    def _digest(self, descriptor: int, identity: Identity) -> bytes | None:
        if self._hashers is None:
            return self.digests.digest(descriptor, identity)
        digest = self.digests.known(identity)
        if digest is None:
            raise Undigested(self._hashers.ask(descriptor, identity))
        return digest

    def _open_once(self, name: str) -> Opened | None:
        """None where the file changed, or lost its name, while it was digested."""
        descriptor, facts = open_file(self.root, name)
        try:
            identity = identity_of(facts)
            digest = self._digest(descriptor, identity) if self.digests_of(facts) else None
            if digest is None and self.digests_of(facts):
                os.close(descriptor)
                return None
            entry = describe(name, facts, digest)
        except BaseException:
            os.close(descriptor)
            raise
        if len(self._entries) >= REMEMBERED:
            self._entries.clear()
        self._entries[name] = (identity, entry)
        return Opened(entry, descriptor)


def changing() -> Unavailable:
    return Unavailable("The file changed whenever it was read; try again.")


def open_file(root: str, name: str) -> tuple[int, os.stat_result]:
    """Open a regular file inside `root` (a real path), wherever links lead; its descriptor and its facts."""
    prefix = root.rstrip("/") + "/"
    try:
        descriptor = os.open(prefix + check_name(name), OPEN_FLAGS)
    except OSError as error:
        raise _refusal(name, error) from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise NotFound(f"There is no file named {name!r}.")
        if not _real_path(prefix + name, descriptor).startswith(prefix):
            raise BadName(f"The name {name!r} leads out of the catalogue.")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, facts


def _real_path(path: str, descriptor: int) -> str:
    """Where an open file lies: by the kernel's word for the descriptor, or by following the path again."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return os.path.realpath(path)


def decode_name(raw: bytes) -> str:
    """A percent-decoded path as a name; BadName where it is not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadName("The name is not UTF-8 once its percent-encoding is undone.") from None


def check_name(name: str) -> str:
    """The name itself if it can name a file of the catalogue, else BadName."""
    if not name or name.startswith("/"):
        raise BadName("A file's name is relative to the catalogue and not empty.")
    if "\\" in name or "\0" in name:
        raise BadName(f"The name {name!r} has a backslash or a NUL, which no file of the catalogue has.")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:  # a surrogate would open a file whose name has no address
        raise BadName("The name is not text that UTF-8 can carry.") from None
    if size > MAX_NAME_BYTES:
        raise BadName(f"The name has more than {MAX_NAME_BYTES} bytes.")
    for part in name.split("/"):
        if part in ("", ".", "..", UPLOADS_FOLDER):
            raise BadName(f"The name {name!r} has a part {part!r}, which no file of the catalogue has.")
    return name


def _refusal(name: str, error: OSError) -> Exception:
    if error.errno in (
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENXIO,
    ):
        return NotFound(f"There is no file named {name!r}.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotFound(f"The file {name!r} cannot be read.")
    return Unavailable(f"{name!r} cannot be opened now: {os.strerror(error.errno or 0)}.")
