"""gunicorn's configuration: `gunicorn -c wsgi_app/gunicorn_conf.py wsgi_app:app`.

Worker class, processes, threads, connections and address are gunicorn's own options (`-k`, `-w`, `--threads`,
`--worker-connections`, `-b`).
"""

import logging
import os
import socket
import struct
from typing import Any
from urllib.parse import quote

from shared.admission import asks_to_close
from shared.parents import terminate_with
from shared.paths import read_path
from shared.settings import (
    BACKLOG,
    CONNECTIONS,
    GRACEFUL_TIMEOUT_S,
    KEEP_ALIVE_S,
    MAX_FIELD_LINES,
    SILENT_TIMEOUT_S,
    read_client_timeout,
)
from wsgi_app.connections import begin_request, end_request, look_after

wsgi_app = "wsgi_app:app"
backlog = BACKLOG
worker_connections = CONNECTIONS
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


def post_worker_init(worker: Any) -> None:
    """Give up silent clients: gunicorn has no timeout for them, but accepted sockets inherit the kernel's.

    And end when the master does.
    """
    timeval = struct.pack("ll", int(CLIENT_TIMEOUT_S), int(CLIENT_TIMEOUT_S % 1 * 1_000_000))
    for listener in worker.sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    look_after(worker, CLIENT_TIMEOUT_S)
    worker.log.error_log.addFilter(is_no_timeout)
    terminate_with(worker.ppid)


def is_no_timeout(record: logging.LogRecord) -> bool:
    """A client that is given up is no error of the server: no traceback for it."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError | TimeoutError))


def pre_request(worker: Any, request: Any) -> None:
    """What gunicorn takes too literally: when a connection ends, the prefix of a path, an expectation."""
    begin_request(request)
    request.version = min(request.version, (1, 1))  # the highest that is spoken here (RFC 9110 section 2.5)
    if request.version < (1, 1) or any(
        name == "CONNECTION" and asks_to_close(value) for name, value in request.headers
    ):
        request.force_close()
    prefix = os.environ.get("SCRIPT_NAME", "")
    if prefix:  # gunicorn answers 500 where a path does not begin with it, letter by letter
        request.path = prefix + quote(read_path(request.path.encode("latin-1"), prefix))
    if request._expected_100_continue:
        request._expected_100_continue = False
        request.body = AwaitedBody(request)


def post_request(worker: Any, request: Any, environ: Any, response: Any) -> None:
    if "HTTP_TRANSFER_ENCODING" in environ:
        request.body = RestOfBody(request.body)
    end_request()


class AwaitedBody:
    """A body whose client waits to be told to send it (RFC 9110 section 10.1.1), which the first read does.

    gunicorn would tell it before the application could refuse. Where nothing is read the connection ends:
    what comes on it next may be the body or another request.
    """

    def __init__(self, request: Any) -> None:
        self._request = request
        self._body = request.body
        self._awaited = True
        self._closes = request.must_close
        request.force_close()

    @property
    def failed(self) -> bool:
        """For gunicorn: whether it cannot be told where the body ends."""
        return bool(self._body.failed)

    def read(self, size: int) -> bytes:
        if self._awaited:
            self._awaited = False
            self._request.must_close = self._closes
            self._request.unreader.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        block: bytes = self._body.read(size)
        return block


class RestOfBody:
    """What the application left of a chunked body: where it is broken, the connection ends without a word."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self.failed: bool = body.failed

    def read(self, size: int) -> bytes:
        try:
            block: bytes = self._body.read(size)
        except Exception:
            raise TimeoutError from None  # gunicorn would answer once more to whatever else
        return block
