"""A request as bytes made before the run, and what its answer must be."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from loadtests.model.protocol import request_target

COMPARED_BYTES = 16 * 2**20
"""Bodies up to this size are compared byte for byte; of larger ones, one in N is digested."""


@dataclass(frozen=True)
class Address:
    """Where the server under test listens; `authority` is the Host header's value."""

    host: str
    port: int
    tls: bool
    authority: str
    base_path: str


def parse_address(url: str) -> Address:
    """Read `http://host:port/base`; IPv6 hosts stand in brackets. ValueError with one plain sentence."""
    parts = urlsplit(url if "//" in url else "//" + url, scheme="http")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"the host '{url}' has no valid port: ports go from 1 to 65535.") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"the host '{url}' begins with '{parts.scheme}': only http and https are spoken.")
    if not parts.hostname:
        raise ValueError(f"the host '{url}' names no host: it looks like http://127.0.0.1:8000.")
    tls = parts.scheme == "https"
    authority = parts.netloc.rpartition("@")[2]
    if not authority.isascii():
        try:
            authority = authority.encode("idna").decode()
        except UnicodeError:
            raise ValueError(f"the host '{url}' has a name that cannot be one on the Internet.") from None
    base = request_target(parts.path.rstrip("/"))
    return Address(parts.hostname, port or (443 if tls else 80), tls, authority, base)


@dataclass(frozen=True)
class Expectation:
    """What a right answer has. `body` is compared whole, `contains` is searched for, `digest` is SHA-256.

    `head` is searched for in the head. After `cut` bytes of the body the client hangs up.
    """

    statuses: frozenset[int] = frozenset({200})
    length: int | None = None
    body: bytes | None = None
    contains: bytes | None = None
    digest: bytes | None = None
    head: bytes | None = None
    cut: int | None = None

    @property
    def plain(self) -> bool:
        """Whether an answer that came in one piece can be compared as it stands."""
        return self.contains is None and self.head is None and self.cut is None


@dataclass(slots=True)
class Request:
    """A request ready to be sent: `wire` holds the head, and the body where it is bytes.

    `stream` yields the body's pieces for an upload that is not held in memory. It is not frozen, for of a
    plan's requests each is made anew, and freezing it would cost more than writing it.
    """

    name: str
    method: str
    path: str
    wire: bytes
    expectation: Expectation = Expectation()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    stream: Callable[[], Iterable[bytes]] | None = None
    afterwards: Callable[[], object] | None = None  # done after each answer, in nobody's time


def build_request(
    target: Address,
    method: str,
    path: str,
    *,
    name: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
    stream: Callable[[], Iterable[bytes]] | None = None,
    stream_length: int | None = None,
    close: bool = False,
    expectation: Expectation = Expectation(),
) -> Request:
    """Write the request's bytes. A stream of unknown length is sent in chunks (RFC 9112, 7.1)."""
    path, label = request_target(path), path
    own = list(headers)
    if body is not None:
        own.append(("Content-Length", str(len(body))))
    elif stream is not None and stream_length is not None:
        own.append(("Content-Length", str(stream_length)))
    elif stream is not None:
        own.append(("Transfer-Encoding", "chunked"))
    if close:
        own.append(("Connection", "close"))
    lines = [f"{method} {target.base_path}{path} HTTP/1.1", f"Host: {target.authority}", "User-Agent: twins"]
    lines += [f"{field}: {value}" for field, value in own]
    wire = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")
    pieces = _in_chunks(stream) if stream is not None and stream_length is None else stream
    return Request(name or label, method, path, wire, expectation, tuple(own), body, pieces)


def _in_chunks(stream: Callable[[], Iterable[bytes]]) -> Callable[[], Iterable[bytes]]:
    def pieces() -> Iterable[bytes]:
        for piece in stream():
            if piece:
                yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    return pieces
