"""Clients with a request under way, each of a stated length, and how it ended for them.

`whole`: the right answer to its last byte. `refused`: a 503. `cut`: the connection ended before the answer
did. Anything else, and a wrong byte, is an AssertionError.
"""

import json
import random
import socket
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from shared.settings import MAX_WAIT_MS
from tests.wire import Answer, read_answer, request_bytes

CONTENT = random.Random(1).randbytes(16 * 1024 * 1024)  # noqa: S311 - contents, no secret
TOKEN = ("Authorization", "Bearer t")
PER_S = 10  # pieces sent, taken or streamed in a second
BUFFER_BYTES = 64 * 1024
PATIENCE_S = 60.0
Client = Callable[[int, float], str]


def connect(port: int) -> socket.socket:
    """A connection whose receiving end takes little ahead of its reader."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    connection.settimeout(PATIENCE_S)
    connection.connect(("127.0.0.1", port))
    return connection


def ending(client: Client) -> Client:
    """The client, with what broke its exchange as an end."""

    def end(port: int, length_s: float) -> str:
        try:
            return client(port, length_s)
        except (OSError, HTTPException):
            return "cut"

    return end


def judged(answer: Answer, *statuses: int) -> str:
    if answer.status == 503:
        assert answer.header("content-type") == "application/problem+json"
        return "refused"
    assert answer.status in statuses, answer
    return "whole"


@ending
def work(port: int, length_s: float) -> str:
    """A request for work that waits, at most twice MAX_WAIT_MS."""
    waits_ms = [min(MAX_WAIT_MS, int(length_s * 1000))] * (1 + (length_s * 1000 > MAX_WAIT_MS))
    steps = [{"operation": "wait", "duration_ms": wait_ms} for wait_ms in waits_ms]
    body = json.dumps({"operation": "pipeline", "steps": steps}).encode()
    with connect(port) as connection:
        connection.sendall(request_bytes("POST", "/process", [("Content-Type", "application/json")], body))
        answer = read_answer(connection, "POST")
    return judged(answer, 200)


@ending
def stream(port: int, length_s: float) -> str:
    count = int(length_s * PER_S)
    with connect(port) as connection:
        target = f"/stream?count={count}&interval_ms={1000 // PER_S}&size=1000"
        connection.sendall(request_bytes("GET", target))
        answer = read_answer(connection, "GET")
    assert (answer.status, len(answer.body)) == (200, count * 1000)
    return "whole"


@ending
def download(port: int, length_s: float) -> str:
    """A reader that takes so little at a time that most is with the server until the end."""
    piece = int(len(CONTENT) / (length_s * PER_S))
    with connect(port) as connection, connection.makefile("rb") as reader:
        connection.sendall(request_bytes("GET", "/files/big.bin"))
        assert reader.readline().startswith(b"HTTP/1.1 200 ")
        while reader.readline().strip():
            pass
        received = 0
        while block := reader.read(min(piece, len(CONTENT) - received)):
            assert block == CONTENT[received : received + len(block)]
            received += len(block)
            time.sleep(1 / PER_S)
    return "whole" if received == len(CONTENT) else "cut"


@ending
def upload(port: int, length_s: float) -> str:
    pieces = int(length_s * PER_S)
    with connect(port) as connection:
        connection.sendall(
            request_bytes("PUT", "/files/new", [TOKEN, ("Content-Length", str(pieces * 1000))])
        )
        for _ in range(pieces):
            connection.sendall(b"n" * 1000)
            time.sleep(1 / PER_S)
        answer = read_answer(connection, "PUT")
    return judged(answer, 201, 204)


@ending
def idle(port: int, length_s: float) -> str:
    """A connection that is kept after an answer; the server may end it whenever it likes."""
    with connect(port) as connection:
        connection.sendall(request_bytes("GET", "/health"))
        assert read_answer(connection, "GET").status == 200
        assert connection.recv(1) == b""
    return "whole"


@ending
def half(port: int, length_s: float) -> str:
    """A client that never ends its head."""
    with connect(port) as connection:
        connection.sendall(b"GET /health HTT")
        assert connection.recv(1) == b""
    return "cut"


REQUESTS: dict[str, Client] = {"work": work, "stream": stream, "download": download, "upload": upload}
SILENT: dict[str, Client] = {"idle": idle, "half": half}


def stock(folder: Path) -> None:
    """What `download` asks for."""
    (folder / "big.bin").write_bytes(CONTENT)
