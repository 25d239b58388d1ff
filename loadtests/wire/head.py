"""The head of a response, read by llhttp (httptools), and remembered: equal bytes have equal meaning."""

from dataclasses import dataclass
from functools import lru_cache

import httptools

from loadtests.wire.failures import WireFailure

HEAD_END = b"\r\n\r\n"
LARGEST_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Head:
    """What the head says of the rest. `length` is None where it is announced by chunks or by closing."""

    status: int
    length: int | None
    chunked: bool
    keep_alive: bool

    @property
    def bodiless(self) -> bool:
        return self.status < 200 or self.status in (204, 304)


class _Fields:
    """The parser's callbacks. At a message's end the parser forgets it: it is asked at the headers' end."""

    def __init__(self) -> None:
        self.length: int | None = None
        self.chunked = False
        self.keep_alive = False
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        lowered = name.lower()
        if lowered == b"content-length":
            self.length = int(value)
        elif lowered == b"transfer-encoding":
            self.chunked = value.lower().rstrip().endswith(b"chunked")

    def on_headers_complete(self) -> None:
        self.keep_alive = self.parser.should_keep_alive()


# A server's heads differ by their Date, once a second, so that few of them are ever parsed.
@lru_cache(maxsize=256)
def parse_head(raw: bytes) -> Head:
    """Parse the bytes up to and with the empty line; raises WireFailure("protocol")."""
    fields = _Fields()
    parser = fields.parser
    try:
        parser.feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        raise WireFailure("protocol") from None
    return Head(
        parser.get_status_code(), None if fields.chunked else fields.length, fields.chunked, fields.keep_alive
    )


class ChunkedBody:
    """Decodes a chunked body, trailers included: feed it, then read `complete`."""

    def __init__(self, raw_head: bytes) -> None:
        self.complete = False
        self._messages = 0
        self._pieces: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(raw_head)

    def on_message_begin(self) -> None:
        self._messages += 1

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self.complete = True

    def feed(self, data: memoryview) -> list[bytes]:
        """The pieces of the body in `data`; raises WireFailure("protocol"), also for bytes after its end."""
        self._pieces = []
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise WireFailure("protocol") from None
        if self._messages > 1:
            raise WireFailure("protocol")
        return self._pieces
