"""Entries: what the headers of a response say of a stored file."""

import mimetypes
import os
from base64 import b64encode
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import sha256
from urllib.parse import quote

from shared.dates import modified_s, settled
from shared.replies import Headers

_media_types = mimetypes.MimeTypes()  # not the machine's own table: both faces and all machines agree
_media_types.add_type("text/markdown", ".md")
CACHE_CONTROL = "no-cache"
"""Kept copies are asked about before each use (RFC 9111 section 5.2.2.4): a file may be replaced any time."""


@dataclass(frozen=True, eq=False)  # by identity: entries are keys on the hot path
class Entry:
    """A stored file as it was when opened: everything its headers say, nothing of its bytes.

    `etag` is strong, from the content, or from the version of a file too large for that; `modified_s` whole
    seconds since the epoch, a strong validator where `settled`; `headers` are those of every 200 and, but for
    the length, of every 206.
    """

    name: str
    size: int
    modified_s: int
    settled: bool
    etag: str
    media_type: str
    last_modified: str
    headers: Headers


def describe(name: str, facts: os.stat_result, digest: bytes | None) -> Entry:
    """Everything a response's headers say of a file; `digest` is its SHA-256, 32 bytes, or not known."""
    modified = modified_s(facts)
    etag = version_tag(facts) if digest is None else etag_of(digest)
    media_type = guess_media_type(name)
    last_modified = formatdate(modified, usegmt=True)
    integrity: Headers = ()
    if digest is not None:
        integrity = (("Repr-Digest", f"sha-256=:{b64encode(digest).decode('ascii')}:"),)
    headers = (
        ("Content-Type", media_type),
        ("ETag", etag),
        ("Last-Modified", last_modified),
        ("Cache-Control", CACHE_CONTROL),
        ("Accept-Ranges", "bytes"),
        *integrity,
        ("Content-Disposition", content_disposition(name)),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Entry(
        name=name,
        size=facts.st_size,
        modified_s=modified,
        settled=settled(facts),
        etag=etag,
        media_type=media_type,
        last_modified=last_modified,
        headers=headers,
    )


def etag_of(digest: bytes) -> str:
    """The strong entity tag of a content, from its SHA-256."""
    return f'"{digest[:16].hex()}"'


def version_tag(facts: os.stat_result) -> str:
    """The strong entity tag of one version of a file, whatever its content (RFC 9110 section 8.8.1).

    A version that replaces another has an inode of its own or a later change time, which nobody can set; so
    has one that is written in place, from the next tick of the kernel's clock for files on. The same in every
    process and after every start; hashed, so that it tells nothing of the disk.
    """
    version = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return etag_of(sha256(repr(version).encode("ascii")).digest())


def address(name: str, prefix: str = "") -> str:
    """The path of a file's own address, below the prefix (as `write_prefix` has it) of the service."""
    return prefix + "/files/" + quote(name)


def guess_media_type(name: str) -> str:
    kind, coding = _media_types.guess_type(name, strict=True)
    return kind if kind and not coding else "application/octet-stream"


def content_disposition(name: str) -> str:
    """`attachment` with both forms of the last part of the name (RFC 6266 section 4.3, RFC 8187)."""
    last = name.rpartition("/")[2]
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"%\\' else "_" for c in last)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(last, safe='')}"
