"""Requests beside others: what a server with several slots must not make wait."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests.contract.conftest import TWINS
from tests.contract.test_processing import JSON
from tests.servers import Running
from tests.wire import ask, read_answer, request_bytes

MANY = 12
WAIT_MS = 600


def slots(name: str) -> float:
    row = SERVERS[name]
    return row.slots(row.processes, row.threads) or float("inf")


SEVERAL = [name for name in TWINS if slots(name) >= MANY]


@pytest.fixture(params=SEVERAL)
def several(request: pytest.FixtureRequest, serve: Callable[[str], Running]) -> Running:
    return serve(request.param)


@pytest.fixture
def long_file(library: Path) -> Iterator[str]:
    """Some seconds of compressing."""
    path = library / "long.bin"
    block = (library / "this.py").read_bytes() * 1000
    with open(path, "wb") as file:
        for _ in range(70):
            file.write(block)
    yield path.name
    path.unlink()


def send(server: Running, document: object) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.sendall(request_bytes("POST", "/process", [JSON], json.dumps(document).encode()))
    return connection


def test_health_tells_what_was_asked_for(any_server: Running) -> None:
    row = SERVERS[any_server.name]
    health = json.loads(ask(any_server.port, "GET", "/health").body)
    assert row.differences(health, processes=row.processes, threads=row.threads) == []
    assert row.differences({**health, "worker_class": "other"}, processes=row.processes, threads=row.threads)


def test_waits_pass_at_the_same_time(several: Running) -> None:
    start = time.monotonic()
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(send(several, {"operation": "wait", "duration_ms": WAIT_MS}))
            for _ in range(MANY)
        ]
        assert {read_answer(connection, "POST").status for connection in waiting} == {200}
    assert WAIT_MS <= (time.monotonic() - start) * 1000 < MANY * WAIT_MS / 2


@pytest.mark.parametrize("name", ["pitfall-blocking", "pitfall-threadpool"])
def test_a_pitfall_has_the_slots_that_its_row_tells(name: str, serve: Callable[[str], Running]) -> None:
    """Requests that block the event loop are served one after the other."""
    server, count, duration_ms = serve(name), 6, 300
    start = time.monotonic()
    with ExitStack() as stack:
        work = {"operation": "wait", "duration_ms": duration_ms}
        waiting = [stack.enter_context(send(server, work)) for _ in range(count)]
        assert {read_answer(connection, "POST").status for connection in waiting} == {200}
    one_by_one = (time.monotonic() - start) * 1000 >= count * duration_ms
    assert one_by_one == (slots(name) == 1)


@pytest.mark.parametrize("where", ["threads", "processes"])
def test_others_are_served_while_one_computes_elsewhere(several: Running, long_file: str, where: str) -> None:
    ask(several.port, "GET", f"/files/{long_file}", [("Range", "bytes=0-0")])  # digests the file
    with send(several, {"operation": "compress", "path": long_file, "level": 6, "where": where}) as computing:
        for _ in range(5):
            assert ask(several.port, "GET", "/health").status == 200
        computing.setblocking(False)
        with pytest.raises(BlockingIOError):
            computing.recv(1)
        computing.settimeout(60)
        assert read_answer(computing, "POST").status == 200
