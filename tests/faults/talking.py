"""A hostile client: bytes on a socket, and the statuses that came back until nothing more did."""

import re
import socket
import time
from contextlib import suppress

import pytest

from tests.faults.messages import OUTCOMES

IDLE_S = 0.25  # after an outcome that is allowed: time for one more response, which there must not be
PATIENCE_S = 3.0  # for a server that waits for more: then the client sends no more
LIMIT_S = 30.0
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d\d\d) ")


def talk(port: int, data: bytes, wanted: OUTCOMES) -> tuple[int, ...]:
    """Send, and read until the server ends the connection or has answered as `wanted` and no more."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as connection:
        with suppress(OSError):  # a server may close before it has read all
            connection.sendall(data)
        patience = time.monotonic() + PATIENCE_S
        half_closed = False
        with suppress(ConnectionError):
            while True:
                answered = statuses(received) in wanted and received != b""
                connection.settimeout(IDLE_S if answered or not half_closed else LIMIT_S)
                try:
                    block = connection.recv(65536)
                except TimeoutError:
                    if answered:
                        break
                    if half_closed:
                        raise
                    if time.monotonic() > patience:
                        connection.shutdown(socket.SHUT_WR)
                        half_closed = True
                    continue
                if not block:
                    break
                received += block
    return statuses(received)


def statuses(received: bytes) -> tuple[int, ...]:
    """The statuses of the responses in a stretch of bytes; bodies here never have a status line."""
    return tuple(int(status) for status in STATUS_LINE.findall(received))


def drip_until_given_up(port: int, limit_s: float) -> None:
    """Send a head a byte at a time until the server ends the connection; fail where it does not."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as connection:
        deadline = time.monotonic() + limit_s
        connection.sendall(b"GET /health HTTP/1.1\r\nX: ")
        while time.monotonic() < deadline:
            try:
                connection.sendall(b"x")
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
        pytest.fail("the connection is still there")
