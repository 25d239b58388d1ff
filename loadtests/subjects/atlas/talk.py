"""One connection to a server and what it answers, kept as it was sent: framing, interim answers, the end.

The laboratory's own client refuses what the atlas wants to see, so it reads with these few lines (RFC 9112).
"""

import socket
import struct
import time
from dataclasses import dataclass

HOST = "127.0.0.1"


class Silent(Exception):
    """Nothing came within the time."""


class Gone(Exception):
    """The server closed or reset the connection where an answer was due."""


@dataclass(frozen=True)
class ResponseMessage:
    """A response: `framing` is `length`, `chunked`, `close` or `none`; `whole` where its end was marked."""

    status: int
    version: str
    reason: str
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""
    framing: str = "none"
    whole: bool = True
    interim: tuple[int, ...] = ()
    seconds: float = 0.0

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def value(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)

    def says(self, option: str) -> bool:
        """Whether `Connection` names the option."""
        listed = ",".join(self.values("connection")).lower().split(",")
        return option in [part.strip() for part in listed]


class Talk:
    """A connection; everything on it ends by `deadline` (a monotonic time) with Silent."""

    def __init__(self, port: int, deadline: float) -> None:
        self.deadline = deadline
        self.received = b""
        try:
            self.socket = socket.create_connection((HOST, port), timeout=self._left())
        except TimeoutError:
            raise Silent from None
        except OSError as error:
            raise Gone(str(error)) from None

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Silent
        return left

    def send(self, data: bytes) -> None:
        self.socket.settimeout(self._left())
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise Silent from None
        except OSError:
            pass  # what the server said before it closed is still to be read

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Leave as a program does that was killed with data unread: with RST, at once."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def more(self) -> bool:
        """Read once more; False at the end. Raises Silent; a reset counts as an end."""
        self.socket.settimeout(self._left())
        try:
            part = self.socket.recv(65536)
        except TimeoutError:
            raise Silent from None
        except OSError:
            return False
        self.received += part
        return bool(part)

    def closed_within(self, limit_s: float) -> float | None:
        """Seconds until the server closed; None where it is still open after `limit_s`."""
        start = time.monotonic()
        kept, self.deadline = self.deadline, min(self.deadline, start + limit_s)
        try:
            while self.more():
                pass
            return time.monotonic() - start
        except Silent:
            return None
        finally:
            self.deadline = kept

    def ask(self, request: bytes) -> ResponseMessage:
        self.send(request)
        return self.answer(head=request.startswith(b"HEAD "))

    def answer(self, head: bool = False) -> ResponseMessage:
        """The next response; raises Gone where the connection ends before its head, Silent where late."""
        start, interim = time.monotonic(), []
        while True:
            status, version, reason, fields = self._head()
            if status >= 200 or status == 101:
                break
            interim.append(status)
        names = dict(fields)
        framing, whole, body = "none", True, b""
        if "transfer-encoding" in names:
            framing = "chunked"
        elif "content-length" in names:
            framing = "length"
        elif not head and status >= 200 and status not in (204, 304):
            framing = "close"
        if not head and status >= 200 and status not in (204, 304):
            body, whole = self._body(framing, names)
        seconds = time.monotonic() - start
        return ResponseMessage(
            status, version, reason, tuple(fields), body, framing, whole, tuple(interim), seconds
        )

    def _head(self) -> tuple[int, str, str, list[tuple[str, str]]]:
        while b"\r\n\r\n" not in self.received:
            if not self.more():
                raise Gone(f"after {self.received[:60]!r}")
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = line.partition(" ")
        status, _, reason = rest.partition(" ")
        if not status.isdigit():
            raise Gone(f"after {line[:60]!r}")
        fields = [
            (name.strip().lower(), value.strip())
            for name, _, value in (text.partition(":") for text in lines)
        ]
        return int(status), version, reason, fields

    def _body(self, framing: str, names: dict[str, str]) -> tuple[bytes, bool]:
        if framing == "length":
            return self._exactly(int(names["content-length"]))
        if framing == "chunked":
            return self._chunks()
        if framing == "close":
            while self.more():
                pass
        body, self.received = self.received, b""
        return body, framing == "close"

    def _exactly(self, size: int) -> tuple[bytes, bool]:
        while len(self.received) < size and self.more():
            pass
        body, self.received = self.received[:size], self.received[size:]
        return body, len(body) == size

    def _chunks(self) -> tuple[bytes, bool]:
        body = b""
        while True:
            while b"\r\n" not in self.received:
                if not self.more():
                    return body, False
            line, _, self.received = self.received.partition(b"\r\n")
            size = int(line.split(b";")[0] or b"0", 16)
            part, whole = self._exactly(size + 2) if size else self._trailers()
            body += part[:size]
            if not whole or not size:
                return body, whole

    def _trailers(self) -> tuple[bytes, bool]:
        while not (self.received.startswith(b"\r\n") or b"\r\n\r\n" in self.received):
            if not self.more():
                return b"", False
        ends = 2 if self.received.startswith(b"\r\n") else self.received.index(b"\r\n\r\n") + 4
        self.received = self.received[ends:]
        return b"", True


def request(
    target: str = "/",
    method: str = "GET",
    *,
    version: str = "1.1",
    fields: tuple[str, ...] = (),
    body: bytes = b"",
    host: bool = True,
) -> bytes:
    """A request's bytes; a body that is given is announced by its length."""
    lines = [f"{method} {target} HTTP/{version}", *(["Host: atlas.test"] if host else []), *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
