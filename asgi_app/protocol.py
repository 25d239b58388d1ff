"""uvicorn's two protocols with the limits it lacks: the size of a request's head, and silent clients.

For uvicorn's own command: `--http asgi_app.protocol:LimitedHttpTools`, or `LimitedH11`.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import h11
import httptools
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from asgi_app.connections import Parting
from shared.dates import date_now
from shared.errors import FieldsTooLarge, ServiceError, problem, title_of
from shared.paths import origin_form
from shared.progress import LOOKS
from shared.routes import unknown_method
from shared.settings import MAX_HEAD_BYTES, read_client_timeout

CONTROLS = bytes(set(range(32)) - {9}) + b"\x7f"
REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) [!-~]+ HTTP/1\.[0-9]\r\n")
INVALID = "Invalid HTTP request received."


def refusal(error: ServiceError) -> bytes:
    """The answer to a request that no application can be given, as bytes."""
    reply = problem(error)
    lines = [f"HTTP/1.1 {reply.status} {title_of(error)}", "connection: close"]
    lines += [f"{name.lower()}: {value}" for name, value in reply.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + reply.body


class Dated(list[tuple[bytes, bytes]]):
    """The headers that uvicorn puts before a response's own, with a Date of the moment when they are sent.

    uvicorn's is from when the request began, and up to a second older, or as old as the loop was busy: a
    file that was just replaced would be later than its answer (RFC 9110 section 8.8.2.1).
    """

    def __add__(self, others: Any) -> Any:
        return [(b"date", date_now()), *self, *others]


class Watched(asyncio.Protocol):
    """Gives up a client that is silent in the middle of a request, or does not take its response.

    One timer a connection looks at it four times a timeout, so that a request costs none.
    """

    transport: Any  # a Parting
    loop: asyncio.AbstractEventLoop
    config: Any
    cycle: Any
    flow: Any
    timeout_keep_alive_task: asyncio.TimerHandle | None
    _unset_keepalive_if_required: Callable[[], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        timeout_s = read_client_timeout()
        super().connection_made(Parting(transport, timeout_s))  # type: ignore[arg-type]
        self._dated = Dated(self.config.encoded_headers)
        self._heard = False
        self._seen: Any = None
        self._ticks = 0
        self._interval_s = timeout_s / LOOKS
        self._watching = self.loop.call_later(self._interval_s, self._watch)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watching.cancel()
        self.transport.lost()
        super().connection_lost(exc)
        self._let_go()

    def _let_go(self) -> None:
        """Leave nothing that holds this protocol, with what it has read, until a timer or the collector.

        uvicorn keeps its timer for idle connections where one ends with a reset, and a ring with the cycle.
        """
        self._unset_keepalive_if_required()
        if self.cycle is not None:
            self.cycle.on_response = lambda: None
            self.cycle.body = bytearray()  # the application is told of no more than the client's going

    def _watch(self) -> None:
        silent = self._seen is self.cycle and (self._waits_for_a_head() or self._waits_for_a_body())
        self._ticks = self._ticks + 1 if silent else 0
        self._seen, self._heard = self.cycle, False
        if self.transport.stalled() or (self._ticks >= LOOKS and not self.transport.over):
            self.transport.abort()
        else:
            self._watching = self.loop.call_later(self._interval_s, self._watch)

    def timeout_keep_alive_handler(self) -> None:
        self.transport.idle = True
        super().timeout_keep_alive_handler()  # type: ignore[misc]  # of uvicorn's, next in line

    def shutdown(self) -> None:
        self.transport.idle = True
        super().shutdown()  # type: ignore[misc]  # of uvicorn's, next in line
        self.transport.idle = False

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

    def _silence_application(self) -> None:
        """What it may still send would stand behind an answer that ends the connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()


class ClosingCycle(RequestResponseCycle):
    """uvicorn's request and response in HTTP/1.0, which has no chunks and no 100 (RFC 9112 section 6.1)."""

    _by_close = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._by_close = all(name != b"content-length" for name, _ in message["headers"])
            if self._by_close:
                self.chunked_encoding = False
        elif (
            self._by_close and self.scope["method"] != "HEAD"
        ):  # as long as it takes: uvicorn counts to a length
            if self.flow.write_paused and not self.disconnected:
                await self.flow.drain()
            if not self.disconnected:
                self.transport.write(message.get("body", b""))
            message = {**message, "body": b""}
        await super().send(message)


class LimitedHttpTools(Watched, HttpToolsProtocol):
    """httptools, which by itself reads a head of any size, and no body where another protocol is offered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._unparsed = 0
        self._offered = False
        self.parser.set_dangerous_leniencies(
            lenient_version=True
        )  # 1.2 is spoken as 1.1; what is not, is refused

    def data_received(self, data: bytes) -> None:
        if self.transport.over:
            self.transport.heard(data)
            return
        self._heard = True
        self._unparsed += len(data)
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserInvalidMethodError:
            self._refuse_method(data)
        except httptools.HttpParserError:
            self.logger.warning(INVALID)
            self.send_400_response(INVALID)
        if self._unparsed > MAX_HEAD_BYTES and not self.transport.is_closing():
            if self._may_answer():
                self._silence_application()
                self.transport.write(
                    refusal(FieldsTooLarge(f"The request's head has more than {MAX_HEAD_BYTES} bytes."))
                )
            self.transport.close()

    def _parse(self, data: bytes) -> None:
        """Feed the parser. An offer of another protocol is none to take: its head is read again without it.

        For httptools such a message has no body, and what follows is no HTTP (RFC 9110 section 7.8).
        """
        while True:
            try:
                return self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                if not self._offered:  # CONNECT
                    self.cycle.keep_alive = False
                    return None
                data = self._head_without_offer() + data[offer.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_version=True)

    def _head_without_offer(self) -> bytes:
        parser = self.parser
        lines = [b"%b %b HTTP/%b" % (parser.get_method(), self.url, parser.get_http_version().encode())]
        lines += [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join((*lines, b"", b""))

    def on_header(self, name: bytes, value: bytes) -> None:
        """As uvicorn's, but blanks after a value are not of it (RFC 9112 section 5)."""
        name, value = name.lower(), value.rstrip(b" \t")
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        self._offered = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._offered:
            return
        if not self.url.startswith(b"/"):
            self.url = origin_form(self.url)
        super().on_headers_complete()
        self.cycle.default_headers = self._dated
        self.headers = []  # trailers are no headers: the request's own list stays as it is
        if self.scope["http_version"] == "1.0":
            self.cycle.__class__ = ClosingCycle
            self.cycle.waiting_for_100_continue = False  # (RFC 9110 section 10.1.1)

    def on_message_complete(self) -> None:
        if not self._offered:
            super().on_message_complete()

    def _may_answer(self) -> bool:
        return not self.pipeline and super()._may_answer()

    def _refuse_method(self, data: bytes) -> None:
        """501 for a method that httptools does not know; 400 where it does not begin a request line."""
        line = REQUEST_LINE.match(data)
        error = unknown_method(line[1].decode("ascii")) if line else None
        if error is None:
            self.logger.warning(INVALID)
            self.send_400_response(INVALID)
            return
        if self._may_answer():
            self.transport.write(refusal(error))
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        if self._may_answer():
            self._silence_application()
            super().send_400_response(msg)
        else:
            self.transport.close()


class StrictH11(h11.Connection):
    """Refuses control characters in the values of headers (RFC 9110 section 5.5): h11 lets most pass.

    And passes over empty lines before a request line (RFC 9112 section 2.2), which h11 refuses.
    """

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE:
            buffer = self._receive_buffer
            while buffer._data.startswith(b"\r\n"):
                buffer.maybe_extract_at_most(2)
            if buffer._data == b"\r":
                return h11.NEED_DATA
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

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None:
            self.cycle.default_headers = self._dated

    def data_received(self, data: bytes) -> None:
        if self.transport.over:
            self.transport.heard(data)
            return
        self._heard = True
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        if self._may_answer() and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._silence_application()
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """What a client asks for needs no line in the log."""
