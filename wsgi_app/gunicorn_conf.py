"""gunicorn's configuration: `gunicorn -c wsgi_app/gunicorn_conf.py wsgi_app:app`.

Worker class, processes, threads, connections and address are gunicorn's own options (`-k`, `-w`, `--threads`,
`--worker-connections`, `-b`).
"""

import logging
import socket
import struct
from typing import Any

from shared.parents import terminate_with
from shared.settings import (
    BACKLOG,
    CONNECTIONS,
    GRACEFUL_TIMEOUT_S,
    KEEP_ALIVE_S,
    MAX_FIELD_LINES,
    SILENT_TIMEOUT_S,
    read_client_timeout,
)

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
control_socket_disable = True
forwarded_allow_ips = ""  # nobody says for a client where it comes from: nothing here asks
CLIENT_TIMEOUT_S = read_client_timeout()


def post_worker_init(worker: Any) -> None:
    """Give up silent clients: gunicorn has no timeout for them, but accepted sockets inherit the kernel's.

    And end when the master does.
    """
    timeval = struct.pack("ll", int(CLIENT_TIMEOUT_S), int(CLIENT_TIMEOUT_S % 1 * 1_000_000))
    for listener in worker.sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        if listener.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):  # for what is not taken
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(CLIENT_TIMEOUT_S * 1000))
    worker.log.error_log.addFilter(is_no_timeout)
    terminate_with(worker.ppid)


def is_no_timeout(record: logging.LogRecord) -> bool:
    """A client that is given up is no error of the server: no traceback for it."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError | TimeoutError))
