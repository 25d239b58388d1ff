"""Uploads: a file becomes visible whole, durable and checked, or not at all.

Bytes go to a temporary file in a folder of the catalogue that has no address, under a lock that its writer
holds: what a killed process left is recognised by the lock being free, and swept at the next start.
"""

import errno
import fcntl
import hmac
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from shared.admission import admit_coding
from shared.catalogue import Catalogue, check_name
from shared.conditions import check_change, compares_tags
from shared.digests import identity_of
from shared.entries import Entry, address, etag_of, version_tag
from shared.errors import (
    BadName,
    BadRequest,
    ContentTooLarge,
    Forbidden,
    InsufficientStorage,
    NotFound,
    Unauthorized,
    Unavailable,
)
from shared.integrity import ALGORITHMS, read_digests
from shared.replies import Reply
from shared.settings import UPLOADS_FOLDER

DECIDING = (
    "authorization",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-range",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "repr-digest",
    "upload-complete",
)
"""The request headers that uploads and deletions look at."""

MAX_LENGTH_DIGITS = 15
DIGEST_FIELDS = ("Content-Digest", "Repr-Digest")


def authorize(headers: Mapping[str, str], token: str | None) -> None:
    """Raise Forbidden where writes are off, Unauthorized without the right bearer token (RFC 6750)."""
    if token is None:
        raise Forbidden("Writing is off: the service was started without TWINS_TOKEN.")
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1"), token.encode()):
        raise Unauthorized("Writing needs the bearer token.", (("WWW-Authenticate", "Bearer"),))


def admit_whole(headers: Mapping[str, str]) -> None:
    """BadRequest where the body is announced as a part of the file (RFC 9110 section 14.5)."""
    if "content-range" in headers:
        raise BadRequest("The request has a Content-Range: a file is stored whole, never in parts.")
    if headers.get("upload-complete", "").strip(" \t") == "?0":  # of resumable uploads, an Internet-Draft
        raise BadRequest("The request says Upload-Complete: ?0: a file is stored whole, never in parts.")


class Upload:
    """One upload under way. `finish` or `abort` ends it; `abort` after either does nothing."""

    def __init__(self, catalogue: Catalogue, name: str, headers: Mapping[str, str], limit_bytes: int) -> None:
        """Open the temporary file; raises whatever can be refused before the first byte of the body."""
        self._catalogue = catalogue
        self._name = check_name(name)
        self._headers = headers
        self._limit = limit_bytes
        admit_coding(headers.get("content-encoding"))
        admit_whole(headers)
        self._expected = [
            (field, *digest)
            for field in DIGEST_FIELDS
            for digest in read_digests(field, headers.get(field.lower(), "")).items()
        ]
        announced = headers.get("content-length", "0")
        if len(announced) > MAX_LENGTH_DIGITS or int(announced) > limit_bytes:
            raise ContentTooLarge(f"The body has {announced} bytes; at most {limit_bytes} are stored.")
        check_place(catalogue, name)
        check_change(current(catalogue, name, headers), headers)
        self._size = 0
        algorithms = {"sha-256", *(algorithm for _, algorithm, _ in self._expected)}
        self._digests = {algorithm: ALGORITHMS[algorithm]() for algorithm in algorithms}
        with storing(name):
            self._descriptor, self._path = tempfile.mkstemp(dir=uploads_folder(catalogue))
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def write(self, block: bytes) -> None:
        """Append to the file; ContentTooLarge, InsufficientStorage."""
        self._size += len(block)
        if self._size > self._limit:
            raise ContentTooLarge(f"The body has more than {self._limit} bytes.")
        for digest in self._digests.values():
            digest.update(block)
        with storing(self._name):
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def finish(self, prefix: str = "") -> Reply:
        """Make the file visible: 201 where there was none, 204 where it replaced one, with its new ETag.

        `prefix`: what the service is mounted at, for its Location.
        """
        if self._size != int(self._headers.get("content-length", self._size)):
            raise BadRequest("The body ended before its Content-Length.")
        for field, algorithm, expected in self._expected:
            if self._digests[algorithm].digest() != expected:
                raise BadRequest(f"The body is not the one whose {algorithm} digest {field} has.")
        target = os.path.join(self._catalogue.root, self._name)
        with storing(self._name):
            os.fchmod(self._descriptor, 0o644)
            os.fsync(self._descriptor)
            with alone(self._catalogue):
                check_place(self._catalogue, self._name)
                before = current(self._catalogue, self._name, self._headers)
                check_change(before, self._headers)
                make_folders(target)
                os.replace(self._path, target)
                sync_folder(os.path.dirname(target))
        sha256 = self._digests["sha-256"].digest()
        facts = os.fstat(self._descriptor)
        if self._catalogue.digests_of(facts):
            self._catalogue.digests.remember(identity_of(facts), sha256)
            etag = ("ETag", etag_of(sha256))
        else:
            etag = ("ETag", version_tag(facts))
        self.abort()
        if before is None:
            return Reply(201, (etag, ("Location", address(self._name, prefix)), ("Content-Length", "0")))
        return Reply(204, (etag,))

    def abort(self) -> None:
        """Leave nothing behind."""
        if self._descriptor >= 0:
            with suppress(FileNotFoundError):
                os.unlink(self._path)
            os.close(self._descriptor)
            self._descriptor = -1


def delete(catalogue: Catalogue, name: str, headers: Mapping[str, str]) -> Reply:
    """Remove a file, if it is the one that the request's conditions name."""
    with storing(name), alone(catalogue):
        entry = current(catalogue, check_name(name), headers)
        if entry is None:  # whatever the conditions (RFC 9110 section 13.2.1)
            raise NotFound(f"There is no file named {name!r}.")
        check_change(entry, headers)
        path = os.path.join(catalogue.root, name)
        os.unlink(path)
        sync_folder(os.path.dirname(path))
    return Reply(204, ())


def sweep(catalogue: Catalogue) -> None:
    """Remove what uploads of server processes that were killed have left: nobody holds their locks."""
    try:
        left = list(os.scandir(os.path.join(catalogue.root, UPLOADS_FOLDER)))
    except OSError:
        return
    for entry in left:
        with suppress(OSError):
            descriptor = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(entry.path)
            finally:
                os.close(descriptor)


def current(catalogue: Catalogue, name: str, headers: Mapping[str, str]) -> Entry | None:
    """The stored file's entry, None where there is no such file; Undigested where its tag is asked for."""
    try:
        if not compares_tags(headers):
            return catalogue.look_at(name)
        opened = catalogue.open(name)
    except NotFound:
        return None
    os.close(opened.descriptor)
    return opened.entry


def check_place(catalogue: Catalogue, name: str) -> None:
    """BadName where no file can be put: out of the catalogue, below a file, or in a folder's place."""
    target = os.path.join(catalogue.root, name)
    folder = os.path.dirname(target)
    real = os.path.realpath(folder)
    if real != catalogue.root and not real.startswith(catalogue.root + os.sep):
        raise BadName("The name leads out of the catalogue.")
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise BadName("A part of the name is a file, not a folder.")
    if os.path.isdir(target):
        raise BadName("The name is a folder's.")


def make_folders(target: str) -> None:
    """Make the folders above a file; BadName where one of them has become a file."""
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise BadName("A part of the name is a file, not a folder.") from None


def uploads_folder(catalogue: Catalogue) -> str:
    folder = os.path.join(catalogue.root, UPLOADS_FOLDER)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return folder


def sync_folder(folder: str) -> None:
    """Make a rename in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone(catalogue: Catalogue) -> Iterator[None]:
    """Hold the catalogue's lock, so that a condition still holds when the change is made."""
    descriptor = os.open(uploads_folder(catalogue), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def storing(name: str) -> Iterator[None]:
    """Turn what the disk refuses into what the client is told."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InsufficientStorage("There is no room left to store the file.") from None
        if error.errno == errno.ENAMETOOLONG:
            raise BadName("A part of the name is longer than this disk's names can be.") from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise Forbidden(f"{name!r} cannot be written here.") from None
        raise Unavailable(f"{name!r} cannot be stored now: {os.strerror(error.errno or 0)}.") from None
