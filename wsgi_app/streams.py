"""`/stream` on the WSGI face: the thread that serves waits, and watches its client meanwhile."""

import select
import socket
import time
from collections.abc import Iterator

from shared.replies import Reply
from shared.service import Service
from shared.streams import DECIDING, Stream, plan_stream
from wsgi_app.replies import WireResponse, send_reply
from wsgi_app.requests import Environ, deciding_headers, environ_keys, query_values

NAMES = environ_keys(DECIDING)


def stream(service: Service, environ: Environ) -> WireResponse:
    headers = deciding_headers(environ, NAMES)
    plan = plan_stream(query_values(environ), headers, service.settings.max_stream_s)
    if isinstance(plan, Reply):
        return send_reply(plan)
    body = () if environ["REQUEST_METHOD"] == "HEAD" else stream_blocks(plan, environ.get("gunicorn.socket"))
    return WireResponse(200, plan.headers, body)


def stream_blocks(plan: Stream, client: socket.socket | None) -> Iterator[bytes]:
    """The blocks, each when it is due, until the last or until the client is gone."""
    for part in plan.parts():
        if not wait(part.pause_s, client):
            return
        yield part.block


def wait(pause_s: float, client: socket.socket | None) -> bool:
    """Wait, but not for a client that is gone: whether it is still there.

    gunicorn would notice only when the second block after that could not be sent.
    """
    if client is None:
        time.sleep(pause_s)
        return True
    due = time.monotonic() + pause_s
    watching = select.poll()  # which knows no highest descriptor, as `select` does
    watching.register(client, select.POLLIN)
    if not watching.poll(pause_s * 1000):
        return True
    if not client.recv(1, socket.MSG_PEEK):
        return False
    time.sleep(max(0.0, due - time.monotonic()))  # it sent its next request ahead
    return True
