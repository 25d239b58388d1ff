"""gunicorn's configuration: `gunicorn -c asgi_app/gunicorn_conf.py -k asgi asgi_app:app`.

Processes, loop and address are gunicorn's own options (`-w`, `--asgi-loop`, `-b`). Its ASGI worker has a
protocol for which there is no option; `post_worker_init` puts ours in its place, as uvicorn's `--http` does.
"""

import asyncio
import math
import signal
import sys
from functools import partial
from typing import Any
from weakref import WeakSet

from gunicorn.asgi.parser import InvalidRequestMethod
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.http.message import TOKEN_RE
from gunicorn.workers import gasgi

from asgi_app.connections import Parting
from shared.admission import asks_to_close
from shared.dates import date_now
from shared.parents import terminate_with
from shared.progress import LOOKS
from shared.settings import (
    BACKLOG,
    GRACEFUL_TIMEOUT_S,
    KEEP_ALIVE_S,
    MAX_FIELD_LINES,
    SILENT_TIMEOUT_S,
    read_client_timeout,
)

wsgi_app = "asgi_app:app"
worker_class = "asgi"
backlog = BACKLOG
keepalive = KEEP_ALIVE_S
graceful_timeout = GRACEFUL_TIMEOUT_S
timeout = SILENT_TIMEOUT_S
accesslog = None
loglevel = "warning"
limit_request_line = 8190  # the largest gunicorn allows; the application answers 414 below it
limit_request_field_size = 64 * 1024
limit_request_fields = MAX_FIELD_LINES
permit_unconventional_http_method = True  # the application knows methods, and answers 501
http_parser = "python"  # gunicorn's own choice depends on what else is installed
control_socket_disable = True
forwarded_allow_ips = ""  # nobody says for a client where it comes from: nothing here asks
secure_scheme_headers: dict[str, str] = {}  # nor what it asked for, as whoever comes by a Unix socket may
forwarder_headers = ""
CLIENT_TIMEOUT_S = read_client_timeout()
DISCONNECTED_S = 3  # what a request of a client that is gone may take to end in order


def post_worker_init(worker: Any) -> None:
    """Give up silent clients, serve by our protocol, stop with the master, wait for no idle connection."""
    gasgi.ASGIProtocol = LimitedGunicorn
    worker.cfg.set("timeout", math.ceil(CLIENT_TIMEOUT_S))  # for a body; the master has its own copy
    # asyncio would listen again, with a queue of 100
    worker.loop.create_server = partial(worker.loop.create_server, backlog=worker.cfg.backlog)
    worker.loop.call_later(CLIENT_TIMEOUT_S / LOOKS, watch, worker.loop)
    worker.loop.add_signal_handler(signal.SIGTERM, stop, worker)
    if worker.max_requests < sys.maxsize:
        recycle(worker)
    terminate_with(worker.ppid)


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Give up clients that take nothing of their responses, again and again."""
    for protocol in list(OPEN):
        if protocol.transport.stalled():
            protocol.transport.abort()
    loop.call_later(CLIENT_TIMEOUT_S / LOOKS, watch, loop)


def stop(worker: Any) -> None:
    """End in order: gunicorn would wait for idle connections as if a request were under way on each."""
    worker.handle_exit_signal()
    end_idle()


def end_idle() -> None:
    for protocol in list(OPEN):
        protocol.close_if_idle()


def recycle(worker: Any, ended: bool = False) -> None:
    """End the idle connections of a worker that has had `max_requests`, a second after the last request."""
    if ended:
        end_idle()
    worker.loop.call_later(1.0, recycle, worker, not worker.alive)


class LimitedGunicorn(ASGIProtocol):  # type: ignore[misc]  # untyped: see pyproject.toml
    """gunicorn's protocol with a deadline for a first head, one policy for connections, and no WebSockets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(Parting(transport, CLIENT_TIMEOUT_S))
        OPEN.add(self)
        self._answering: Any = None
        # gunicorn's own timer, which it sets for later heads and cancels when a head is there
        self._keepalive_handle = self.worker.loop.call_later(CLIENT_TIMEOUT_S, self._keepalive_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the task of an idle connection at once, and another within gunicorn's own three seconds.

        gunicorn's timer for that would hold the protocol, with what it has read, for as long in any case.
        """
        OPEN.discard(self)
        self.transport.lost()
        task: Any = self._task
        self._task: Any = None
        super().connection_lost(exc)
        self._task = task
        self._request_ready.set()
        if task is not None and not task.done():
            ending = self.worker.loop.call_later(DISCONNECTED_S, task.cancel)
            task.add_done_callback(lambda _: ending.cancel())

    def data_received(self, data: bytes) -> None:
        if self.transport.over:
            self.transport.heard(data)
        else:
            super().data_received(data)

    def _keepalive_timeout(self) -> None:
        self.transport.idle = True
        super()._keepalive_timeout()

    def close_if_idle(self) -> None:
        if self._awaiting_request:
            self._keepalive_timeout()

    def _on_headers_complete(self) -> bool:
        """Only what can be a method: gunicorn looks at it no more where it permits what is unconventional."""
        method = self._callback_parser.method.decode("latin-1")
        if not TOKEN_RE.fullmatch(method):
            raise InvalidRequestMethod(method)
        return bool(super()._on_headers_complete())

    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        """Always with HTTP/1.0, and wherever `close` is among the options: gunicorn takes it only alone.

        And where a body is answered before its end, or `max_requests` is reached before this response has
        ended, with those under way: gunicorn ends the connection then, and does not say so.
        """
        return (
            request.version < (1, 1)
            or (self._body_receiver is not None and not self._body_receiver._complete)
            or any(
                name == b"connection" and asks_to_close(value.decode("latin-1"))
                for name, value in request.headers_bytes
            )
            or (self.worker.max_requests < sys.maxsize and self._is_among_the_last())
            or super()._will_close(request, response_requires_close)
        )

    def _is_among_the_last(self) -> bool:
        """Whether all that is under way may reach `max_requests` before this response has ended."""
        under_way = sum(not protocol._awaiting_request for protocol in OPEN)
        return bool(self.worker.nr + under_way >= self.worker.max_requests)

    def _is_websocket_upgrade(self, request: Any) -> bool:
        return False  # the service has none: the request is served as if it had not asked

    def _send_response_start(self, status: int, headers: Any, request: Any, close: bool = False) -> None:
        self._answering = request
        dated = [*headers, (b"date", date_now())]  # gunicorn's own is up to a second old
        super()._send_response_start(status, dated, request, close)

    def _send_error_response(self, status: int, message: str, extra_headers: Any = ()) -> None:
        """Nothing where the request has begun to be answered: it would stand within that answer."""
        if self._current_request is None or self._answering is not self._current_request:
            super()._send_error_response(status, message, extra_headers)


OPEN: WeakSet[LimitedGunicorn] = WeakSet()
