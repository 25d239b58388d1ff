"""The values a face puts on the wire: a whole reply, or a plan of what to send from an open file."""

from dataclasses import dataclass
from functools import cached_property

from shared.encoding import encode

Headers = tuple[tuple[str, str], ...]
RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Reply:
    """A response that is whole: status code, headers in the order of sending, body."""

    status: int
    headers: Headers
    body: bytes = b""

    @cached_property
    def raw_headers(self) -> RawHeaders:
        return raw(self.headers)


def raw(headers: Headers) -> RawHeaders:
    """Headers as ASGI wants them: lower-case names, both as Latin-1 bytes."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def json_reply(document: object, status: int = 200) -> Reply:
    return whole(encode(document), "application/json", status)


def whole(body: bytes, media_type: str, status: int = 200) -> Reply:
    headers = (
        ("Content-Type", media_type),
        ("Content-Length", str(len(body))),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Reply(status, headers, body)
