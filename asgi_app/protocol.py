"""uvicorn's two protocols with the limits it lacks: the size of a request's head, and silent clients.

For uvicorn's own command: `--http asgi_app.protocol:LimitedHttpTools`, or `LimitedH11`.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.errors import FieldsTooLarge, problem
from shared.settings import MAX_HEAD_BYTES, read_client_timeout

CONTROLS = bytes(set(range(32)) - {9}) + b"\x7f"
TICKS = 4  # looks at a connection within one timeout: a client is given up after 1 to 1.25 timeouts


def refusal() -> bytes:
    """The answer to a head without an end, as bytes."""
    reply = problem(FieldsTooLarge(f"The request's head has more than {MAX_HEAD_BYTES} bytes."))
    lines = [f"HTTP/1.1 {reply.status} Request Header Fields Too Large", "connection: close"]
    lines += [f"{name.lower()}: {value}" for name, value in reply.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + reply.body


class Watched(asyncio.Protocol):
    """Gives up a client that is silent in the middle of a request, or does not take its response.

    One timer a connection looks at it four times a timeout, so that a request costs none.
    """

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    cycle: Any
    flow: Any
    timeout_keep_alive_task: asyncio.TimerHandle | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._heard = False
        self._seen: Any = None
        self._unsent = 0
        self._ticks = 0
        self._interval_s = read_client_timeout() / TICKS
        self._watching = self.loop.call_later(self._interval_s, self._watch)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watching.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        unread = unsent > 0 and unsent == self._unsent
        stalled = self._seen is self.cycle and (
            unread or self._waits_for_a_head() or self._waits_for_a_body()
        )
        self._ticks = self._ticks + 1 if stalled else 0
        self._seen, self._unsent, self._heard = self.cycle, unsent, False
        if self._ticks < TICKS:
            self._watching = self.loop.call_later(self._interval_s, self._watch)
        else:
            self.transport.abort()

    def _waits_for_a_head(self) -> bool:
        """A first head, or a later one that has begun: uvicorn's own timer is for connections kept alive."""
        return self.cycle is None or (self.cycle.response_complete and self.timeout_keep_alive_task is None)

    def _waits_for_a_body(self) -> bool:
        unfinished = self.cycle.more_body and not self.cycle.response_complete
        return unfinished and not self._heard and not self.flow.read_paused

    def _may_answer(self) -> bool:
        """Whether what cannot be parsed belongs to a request that has no answer yet, and is next in turn."""
        if self.cycle is None:
            return True
        if self.cycle.response_complete:
            return not self.cycle.more_body
        return self.cycle.more_body and not self.cycle.response_started


class LimitedHttpTools(Watched, HttpToolsProtocol):
    """httptools, which by itself reads a head of any size."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._unparsed = 0

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > MAX_HEAD_BYTES and not self.transport.is_closing():
            if self._may_answer():
                self.transport.write(refusal())
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        super().on_headers_complete()
        self.headers = []  # trailers are no headers: the request's own list stays as it is

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        if self._may_answer():
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        self.cycle.keep_alive = False  # the parser takes all that follows for another protocol


class StrictH11(h11.Connection):
    """Refuses control characters in the values of headers (RFC 9110 section 5.5): h11 lets most pass."""

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request) and any(
            len(value.translate(None, CONTROLS)) != len(value) for _, value in event.headers
        ):
            raise h11.RemoteProtocolError("control character in a header")
        return event


class LimitedH11(Watched, H11Protocol):
    """h11, which has a limit of its own for a head: `--h11-max-incomplete-event-size`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.conn = StrictH11(h11.SERVER, MAX_HEAD_BYTES)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        if self._may_answer() and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """What a client asks for needs no line in the log."""
