"""Server processes that end after so many requests: no request on a connection that was promised is lost."""

import os
import socket
import threading
import time
from http.client import HTTPException
from pathlib import Path

import pytest

from loadtests.subjects.twins.launching import launch
from loadtests.subjects.twins.servers import SERVERS
from tests import tally
from tests.servers import free_port, running_command
from tests.wire import read_answer, request_bytes

TRIED = ("asgi-gunicorn", "wsgi-gevent", *(("wsgi-gthread", "wsgi-sync") if tally.TORTURE else ()))
CLIENTS, REQUESTS, AFTER = 8, 240, 100
STREAM = "/stream?format=chunks&count=3&interval_ms=10"  # begun by all clients before one of them ends
PATIENCE_S = 60.0


class Clients:
    """As many clients as there are, each on a connection that it keeps for as long as it may."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self.until = time.monotonic() + PATIENCE_S / 2
        self.left = REQUESTS
        self.lost: list[str] = []
        self.processes: set[int] = set()
        self.lock = threading.Lock()

    def run(self) -> None:
        threads = [threading.Thread(target=self.ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)

    def taken(self) -> bool:
        """Whether to go on: for so many requests, and until another process has begun to serve."""
        with self.lock:
            self.left -= 1
            return self.left >= 0 or (self.recycled() < 1 and time.monotonic() < self.until)

    def recycled(self) -> int:
        return self.log.read_text().count("Booting worker") - 1

    def ask(self) -> None:
        connection = None
        while self.taken():
            try:
                if connection is None:
                    connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
                connection.sendall(request_bytes("GET", STREAM))
                answer = read_answer(connection, "GET")
                assert answer.status == 200, answer
                if "close" in (answer.header("connection") or ""):
                    connection.close()
                    connection = None
            except (OSError, HTTPException) as error:
                self.lost.append(repr(error))
                connection = None
        if connection is not None:
            connection.close()


@pytest.mark.parametrize("name", TRIED)
def test_recycling_loses_no_request(name: str, tmp_path: Path) -> None:
    port = free_port()
    line = launch(SERVERS[name], port=port, files=tmp_path)
    line.command[-1:-1] = ["--max-requests", str(AFTER), "--log-level", "info"]
    with (
        tally.case("recycling: no request is lost", name),
        running_command(name, line, port, dict(os.environ)) as server,
    ):
        clients = Clients(port, server.log)
        # who keeps a connection without a request does not hold up the process that is to end
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S):
            clients.run()
        assert clients.lost == []
        assert clients.recycled() >= 1
