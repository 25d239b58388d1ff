"""Clients that go away in the middle of a download, a stream, an upload or a fetch leave nothing behind."""

import dataclasses
import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from loadtests.subjects.twins.launching import launch
from loadtests.subjects.twins.servers import SERVERS
from loadtests.subjects.twins.upstream.behaviour import upstream_address
from shared.settings import MAX_UPSTREAM_CONNECTIONS, UPLOADS_FOLDER
from tests import tally
from tests.contract.conftest import DEEP, TWINS
from tests.faults.test_orphans import wait_for
from tests.servers import Running, free_port, running_command
from tests.upstreams import upstream_running
from tests.wire import ask, exchange, read_answer, request_bytes

TRIED = TWINS if tally.TORTURE else DEEP
TIMES = 1000 if tally.TORTURE else 100
AT_ONCE = 8
POOL_THREADS = 40  # anyio's limit; fewer than the clients that leave, if each should leave one behind
SIZE = 32 * 1024 * 1024
FETCHED_S = 0.05
TOKEN = ("Authorization", "Bearer t")
REQUESTS = {
    "download": request_bytes("GET", "/files/big.bin"),
    "ranges": request_bytes("GET", "/files/big.bin", [("Range", "bytes=0-9999999, 10000001-30000000")]),
    "stream": request_bytes("GET", "/stream?count=2000&interval_ms=20&size=1000"),
    "events": request_bytes("GET", "/stream?format=events&count=2000&interval_ms=20"),
    "fetch": b"",  # known once its upstream is
    "upload": request_bytes("PUT", "/files/new", [TOKEN, ("Content-Length", str(SIZE))]) + b"n" * 500_000,
}


@dataclass(frozen=True)
class Held:
    """What a server has open, over all of its processes; `tasks` is None where there is no event loop."""

    descriptors: int
    threads: int
    tasks: int | None
    temporary: int

    def within(self, other: "Held") -> bool:
        return all(
            mine is None or theirs is None or mine <= theirs
            for mine, theirs in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        )


def held(server: Running, folder: Path) -> Held:
    master = psutil.Process(server.process.pid)
    family = [master, *master.children(recursive=True)]
    uploads = folder / UPLOADS_FOLDER
    return Held(
        descriptors=sum(process.num_fds() for process in family),
        threads=sum(process.num_threads() for process in family),
        tasks=census(server)["tasks"] if server.name in COUNTED else None,
        temporary=len(os.listdir(uploads)) if uploads.is_dir() else 0,
    )


def census(server: Running) -> dict[str, int]:
    counts: dict[str, int] = json.loads(ask(server.port, "GET", "/census").body)
    return counts


@pytest.fixture(scope="module", params=TRIED)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Every server in turn; those with an event loop say how many tasks it has."""
    name: str = request.param
    FOLDERS[name] = folder = tmp_path_factory.mktemp(name)
    (folder / "big.bin").write_bytes(os.urandom(SIZE))
    with upstream_running() as upstream, counted_server(name, folder, upstream.url) as server:
        UPSTREAMS[name] = upstream.url
        fill_threads(server)
        yield server


@contextmanager
def counted_server(name: str, folder: Path, upstream: str) -> Iterator[Running]:
    """A server of one process with an event loop answers `/census`."""
    port = free_port()
    line = launch(SERVERS[name], port=port, files=folder)
    if name in COUNTED:
        command = ["tests.faults.census:app" if part == "asgi_app:app" else part for part in line.command]
        line = dataclasses.replace(line, command=command)
    environment = {"TWINS_TOKEN": "t", "TWINS_UPSTREAMS": upstream}
    with running_command(name, line, port, environment) as server:
        yield server


FOLDERS: dict[str, Path] = {}
UPSTREAMS: dict[str, str] = {}
UVICORN = ("asgi-uvicorn", "asgi-uvicorn-asyncio")
COUNTED = [name for name in TWINS if SERVERS[name].interface == "asgi" and SERVERS[name].processes == 1]


def fetch_of(upstream: str, latency_s: float = FETCHED_S) -> bytes:
    """A request that is answered once three addresses are."""
    addresses = [{"url": upstream_address(upstream, n, round(latency_s * 1000), 1000)} for n in range(3)]
    body = json.dumps({"addresses": addresses}).encode()
    return request_bytes("POST", "/fetch", [("Content-Type", "application/json")], body)


def leave(server: Running, request: bytes, number: int) -> None:
    """Begin an exchange, take a little of the answer and go, politely or with a reset."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request)
        if request.startswith(b"POST"):
            time.sleep(FETCHED_S / 2)
        elif not request.startswith(b"PUT"):
            assert connection.recv(2000).startswith(b"HTTP/1.1 20")
        if number % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def depart(server: Running, request: bytes, at_once: int, times: int) -> None:
    """Let so many clients leave, and wait until whatever they left in the server's queue was taken up:
    a synchronous server computes also for those who are gone."""
    with ThreadPoolExecutor(at_once) as clients:
        list(clients.map(lambda number: leave(server, request, number), range(times)))
    assert (
        exchange(server.port, request_bytes("GET", "/health"), timeout_s=30 + times * FETCHED_S * 3).status
        == 200
    )


def fill_threads(server: Running) -> None:
    """Give every thread that the server may start something to do at the same time."""
    ask_at_once(server, request_bytes("GET", "/stream?count=2&interval_ms=500"), AT_ONCE)


def fill_fetching(server: Running, upstream: str) -> None:
    """Make every thread and connection for fetching that the server may make: clients that leave keep
    as many fetches under way as it takes up, however few of them there are at once."""
    model = SERVERS[server.name]
    others = AT_ONCE if model.worker_class == "sync" else MAX_UPSTREAM_CONNECTIONS // 2 * model.processes
    ask_at_once(server, fetch_of(upstream, latency_s=0.5), others)


def ask_at_once(server: Running, request: bytes, others: int) -> None:
    """One client for each thread of the server, and so many others."""
    slots = SERVERS[server.name].threads + others
    with ThreadPoolExecutor(slots) as clients:
        answers = list(clients.map(lambda _: exchange(server.port, request).status, range(slots)))
    assert set(answers) == {200}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", REQUESTS)
def test_nothing_is_left_of_clients_that_went_away(server: Running, kind: str) -> None:
    folder, request = FOLDERS[server.name], REQUESTS[kind] or fetch_of(UPSTREAMS[server.name])
    if kind == "fetch":
        fill_fetching(server, UPSTREAMS[server.name])
    depart(server, request, 3 * AT_ONCE, TIMES // 2)  # what is made on first use is made now
    before = settle(server, folder, None)
    if (
        SERVERS[server.name].interface == "asgi"
    ):  # its pool starts a thread when none is idle, up to its limit
        before = dataclasses.replace(before, threads=before.threads + POOL_THREADS)
    depart(server, request, AT_ONCE, TIMES)
    after = settle(server, folder, before)
    assert after.within(before), (before, after)
    assert ask(server.port, "GET", "/files/big.bin", [("Range", "bytes=-1")]).status == 206
    tally.record(f"client that leaves in the middle: {kind}", server.name, TIMES, TIMES)


@pytest.mark.parametrize("name", COUNTED)
def test_a_connection_that_is_closed_takes_its_task_with_it(name: str, tmp_path: Path) -> None:
    """gunicorn's ASGI worker would keep it for three seconds."""
    with counted_server(name, tmp_path, "") as server:
        tasks = [census(server)["tasks"] for _ in range(40)]
    assert max(tasks) < min(tasks) + 10


WAYS = {
    "after an answer": request_bytes("GET", "/health"),
    "in a head": b"GET /health HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 8000,
    "in a body": request_bytes("POST", "/process", [("Content-Length", "100000")]) + b"n" * 20_000,
    "without a byte": b"",
}
CONNECTIONS = 1500 if tally.TORTURE else 600
UNCOLLECTED = 300  # rings that wait for the collector: their number does not depend on that of connections


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_is_gone_leaves_nothing_to_its_server(
    counting: Running, way: str, reset: bool
) -> None:
    """Its protocol least of all, with what that has read: uvicorn's timer held it for thirty seconds."""
    request = WAYS[way]

    def come_and_go(_: int) -> None:
        with socket.create_connection(("127.0.0.1", counting.port), timeout=30) as connection:
            connection.sendall(request)
            if way == "after an answer":
                assert read_answer(connection, "GET").status == 200
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with ThreadPoolExecutor(AT_ONCE) as clients:
        list(clients.map(come_and_go, range(CONNECTIONS)))
    limits = {"tasks": 10, "protocols": UNCOLLECTED}
    wait_for(
        lambda: all(count < limits[what] for what, count in census(counting).items()),
        f"of {CONNECTIONS} connections there is still {census(counting)}",
    )
    tally.record(f"connections that end {way}", counting.name, CONNECTIONS, CONNECTIONS)


@pytest.fixture(scope="module", params=COUNTED if tally.TORTURE else UVICORN)
def counting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Every server whose protocol is one of ours; in the short form those of uvicorn's two parsers."""
    with counted_server(request.param, tmp_path_factory.mktemp("counting"), "") as server:
        yield server


def settle(server: Running, folder: Path, goal: Held | None) -> Held:
    """What the server holds once that is no more than `goal`, or no longer changes; or after 30 s."""
    deadline = time.monotonic() + 30
    last, since = held(server, folder), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.1)
        now = held(server, folder)
        if goal is not None and now.within(goal):
            return now
        if now != last:
            last, since = now, time.monotonic()
        if goal is None and time.monotonic() - since > 1.5:
            return now
    return last
