"""What a download sends: one pure function from a file's entry, a method and its headers to a plan."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from shared.conditions import Decision, evaluate
from shared.entries import Entry
from shared.errors import PreconditionFailed, RangeNotSatisfiable
from shared.ranges import ByteRange, parse_ranges, satisfy
from shared.replies import Headers, RawHeaders, raw

STORED_BYTES = 1024 * 1024 * 1024  # of a body, by nginx for a client that is slower than the service
Segment = bytes | ByteRange
DECIDING = (
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "range",
)
"""The request headers that `plan_download` looks at; a face may leave out all others."""
OF_A_304 = ("ETag", "Last-Modified", "Cache-Control")


@dataclass(frozen=True)
class DownloadPlan:
    """What to send: `segments` in order, bytes as they are and ranges from the open file.

    `length` is the sum of the segments, and the response's Content-Length; for HEAD the
    segments are those of the answer that GET would get, and the face sends none of them.
    """

    status: int
    headers: Headers
    segments: tuple[Segment, ...]
    length: int

    @cached_property
    def raw_headers(self) -> RawHeaders:
        return raw(self.headers)

    @property
    def only_range(self) -> ByteRange | None:
        """The one stretch of the file that is the whole body, where it is."""
        if len(self.segments) == 1 and isinstance(self.segments[0], ByteRange):
            return self.segments[0]
        return None


def plan_download(entry: Entry, method: str, headers: Mapping[str, str]) -> DownloadPlan:
    """Decide a GET or HEAD of `entry`; `headers` have lower-case names, repeated lines joined by a comma.

    Raises PreconditionFailed and RangeNotSatisfiable.
    """
    if not headers:
        return whole(entry)
    outcome = evaluate(entry, method, headers)
    if outcome is Decision.FAILED:
        raise PreconditionFailed("The file is not the one that the request's conditions name.")
    if outcome is Decision.NOT_MODIFIED:
        return unchanged(entry)
    specs = parse_ranges(headers["range"]) if outcome is Decision.PERFORM_RANGE else None
    # a suffix of an empty file is satisfiable but has no Content-Range: the whole is the answer
    if specs is None or (entry.size == 0 and any(first is None and last for first, last in specs)):
        return whole(entry)
    ranges = satisfy(specs, entry.size)
    if ranges is None:
        return whole(entry)
    if not ranges:
        raise RangeNotSatisfiable(
            f"The file has {entry.size} bytes; no range asked for lies within.",
            (("Content-Range", f"bytes */{entry.size}"),),
        )
    if len(ranges) == 1:
        return single(entry, ranges[0])
    return multiple(entry, ranges)


def in_memory(plan: DownloadPlan, method: str, content: bytes) -> bytes:
    """The body of a plan, from all bytes of its file; a whole file is not copied."""
    if method == "HEAD":
        return b""
    part = plan.only_range
    if part is not None:
        return content[part.start : part.end]
    return b"".join(
        segment if isinstance(segment, bytes) else content[segment.start : segment.end]
        for segment in plan.segments
    )


def unstored(length: int) -> Headers:
    """What keeps nginx from storing the begin of a long body, and pausing until its client has taken that."""
    return (("X-Accel-Buffering", "no"),) if length > STORED_BYTES else ()


@lru_cache(maxsize=8192)
def whole(entry: Entry) -> DownloadPlan:
    segments = (ByteRange(0, entry.size),) if entry.size else ()
    headers = (*entry.headers, *unstored(entry.size), ("Content-Length", str(entry.size)))
    return DownloadPlan(200, headers, segments, entry.size)


@lru_cache(maxsize=8192)
def unchanged(entry: Entry) -> DownloadPlan:
    """A 304 with those headers of the 200 that a cache needs (RFC 9110 section 15.4.5)."""
    headers = tuple(field for field in entry.headers if field[0] in OF_A_304)
    return DownloadPlan(304, headers, (), 0)


def single(entry: Entry, part: ByteRange) -> DownloadPlan:
    headers = (
        *entry.headers,
        *unstored(part.length),
        ("Content-Range", content_range(part, entry.size)),
        ("Content-Length", str(part.length)),
    )
    return DownloadPlan(206, headers, (part,), part.length)


def multiple(entry: Entry, parts: list[ByteRange]) -> DownloadPlan:
    """A multipart/byteranges body (RFC 9110 section 14.6); its boundary follows from tag and ranges."""
    named = f"{entry.etag} {[(part.start, part.length) for part in parts]}"
    boundary = hashlib.sha256(named.encode()).hexdigest()[:32]
    segments: list[Segment] = []
    for part in parts:
        head = (
            f"\r\n--{boundary}\r\nContent-Type: {entry.media_type}\r\n"
            f"Content-Range: {content_range(part, entry.size)}\r\n\r\n"
        )
        segments += [head.encode("latin-1"), part]
    segments.append(f"\r\n--{boundary}--\r\n".encode("latin-1"))
    length = sum(part.length if isinstance(part, ByteRange) else len(part) for part in segments)
    headers = (
        ("Content-Type", f"multipart/byteranges; boundary={boundary}"),
        *(field for field in entry.headers if field[0] != "Content-Type"),
        *unstored(length),
        ("Content-Length", str(length)),
    )
    return DownloadPlan(206, headers, tuple(segments), length)


def content_range(part: ByteRange, size: int) -> str:
    return f"bytes {part.start}-{part.end - 1}/{size}"
