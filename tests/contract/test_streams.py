"""Streams: blocks when they are due, events that resume, and clients that go away."""

import socket
import time

import psutil
import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests.servers import Running
from tests.wire import ask, request_bytes

INTERVAL_S = 0.3


def test_chunks_come_at_their_interval(any_server: Running) -> None:
    start = time.monotonic()
    answer = ask(any_server.port, "GET", "/stream?count=4&interval_ms=60&size=5")
    assert time.monotonic() - start >= 0.18
    assert (answer.status, answer.body) == (200, b"1 1 12 2 23 3 34 4 4")
    assert answer.header("content-type") == "application/octet-stream"
    assert answer.header("content-length") is None


def test_events_resume(any_server: Running) -> None:
    accept = ("Accept", "text/event-stream")
    answer = ask(any_server.port, "GET", "/stream?count=3&interval_ms=1", [accept])
    events = [b'id: %d\ndata: {"number":%d,"of":3}\n\n' % (n, n) for n in (1, 2, 3)]
    assert (answer.header("content-type"), answer.body) == ("text/event-stream", b"".join(events))
    resumed = ask(any_server.port, "GET", "/stream?count=3&interval_ms=1", [accept, ("Last-Event-ID", "2")])
    assert resumed.body == events[2]
    ended = ask(any_server.port, "GET", "/stream?count=3", [accept, ("Last-Event-ID", "3")])
    assert (ended.status, ended.body) == (200, b"")


def test_heartbeats_fill_long_waits(server: Running) -> None:
    answer = ask(server.port, "GET", "/stream?format=events&count=2&interval_ms=100&heartbeat_ms=30")
    assert answer.body.count(b": heartbeat\n\n") == 3


def test_head_is_answered_at_once(any_server: Running) -> None:
    answer = ask(any_server.port, "HEAD", "/stream?count=100&interval_ms=60000")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "query", ["format=x", "count=0", "count=-1", "interval_ms=60001", "size=0", "heartbeat_ms=1"]
)
def test_what_is_refused(server: Running, query: str) -> None:
    answer = ask(server.port, "GET", f"/stream?{query}")
    assert answer.status == 400
    assert query.partition("=")[0].encode() in answer.body


@pytest.mark.parametrize("interval_s", [INTERVAL_S, 20.0])
def test_a_client_that_is_gone_is_noticed(server: Running, interval_s: float) -> None:
    family = [psutil.Process(server.process.pid)]
    family += family[0].children(recursive=True)

    def descriptors() -> int:
        """A socket that was reset is listed no more, though it may be held still."""
        return sum(process.num_fds() for process in family)

    wait_until_idle(family)  # one of several processes may still be starting
    before = descriptors()
    target = f"/stream?count=1000&interval_ms={int(interval_s * 1000)}"
    model = SERVERS[server.name]
    at_once = model.processes if model.worker_class == "sync" else 20
    clients = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(at_once)]
    for client in clients:
        client.sendall(request_bytes("GET", target))
        assert client.recv(100)
    assert descriptors() >= before + at_once
    for client in clients:
        client.close()
    deadline = time.monotonic() + 10 * INTERVAL_S
    while descriptors() > before:
        assert time.monotonic() < deadline, "sockets are still held"
        time.sleep(0.05)


def wait_until_idle(family: list[psutil.Process]) -> None:
    """Until all of them together take less than a tenth of half a second."""

    def cpu_s() -> float:
        return sum(times.user + times.system for times in (process.cpu_times() for process in family))

    deadline, before = time.monotonic() + 30, -1.0
    while (now := cpu_s()) - before > 0.05:
        assert time.monotonic() < deadline, "the server does not come to rest"
        before = now
        time.sleep(0.5)
