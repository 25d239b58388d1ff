"""Streams: blocks when they are due, events that resume, and clients that go away."""

import re
import socket
import time

import psutil
import pytest

from loadtests.subjects.twins.servers import SERVERS
from shared.settings import MAX_STREAM_S
from tests.servers import Running
from tests.wire import ask, request_bytes

INTERVAL_S = 0.3
ARABIC_3 = "٣".encode().decode("latin-1")


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


@pytest.mark.parametrize("last", ["3", "4", "000000003", "999999999"])
def test_a_finished_stream_of_events_is_over(any_server: Running, last: str) -> None:
    """204 is what tells an EventSource not to come again (WHATWG HTML section 9.2)."""
    fields = [("Accept", "text/event-stream"), ("Last-Event-ID", last)]
    for method in ("GET", "HEAD"):
        answer = ask(any_server.port, method, "/stream?count=3", fields)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.header("content-type") is None
        assert answer.header("cache-control") == "no-store"
    chunks = ask(any_server.port, "GET", "/stream?format=chunks&count=3&interval_ms=1&size=1", fields)
    assert (chunks.status, chunks.body) == (200, b"123")  # chunks have no ids


@pytest.mark.parametrize("last", ["", " ", "0"])
def test_an_empty_event_id_is_none(server: Running, last: str) -> None:
    fields = [("Accept", "text/event-stream"), ("Last-Event-ID", last)]
    answer = ask(server.port, "GET", "/stream?count=2&interval_ms=1", fields)
    assert (answer.status, answer.body.count(b"\n\n")) == (200, 2)


@pytest.mark.parametrize("last", ["x", "-1", "1.0", "1 2", "1234567890", ARABIC_3])
def test_what_is_no_event_id(server: Running, last: str) -> None:
    unseen = server.name == "granian-wsgi" and not last.isascii()  # which hands it on as empty
    answer = ask(server.port, "GET", "/stream?format=events&count=1", [("Last-Event-ID", last)])
    assert answer.status == (200 if unseen else 400)


@pytest.mark.parametrize("form", ["events", "chunks"])
def test_no_proxy_is_to_hold_a_stream_back(server: Running, form: str) -> None:
    for method in ("GET", "HEAD"):
        answer = ask(server.port, method, f"/stream?format={form}&count=1")
        assert answer.header("x-accel-buffering") == "no"


def test_a_stream_ends_before_what_would_come_too_late(any_server: Running) -> None:
    """Whatever is asked for, in the seconds of docs/serving.md; what is left of events can be resumed."""
    longest_ms = MAX_STREAM_S * 1000
    start = time.monotonic()
    fields = [("Accept", "text/event-stream")]
    for last in ("0", "1", "99999"):
        target = f"/stream?count=100000&interval_ms={longest_ms + 1}"
        answer = ask(any_server.port, "GET", target, [*fields, ("Last-Event-ID", last)])
        assert re.findall(rb"id: (\d+)", answer.body) == [b"%d" % (int(last) + 1)]
    answer = ask(any_server.port, "GET", "/stream?format=chunks&count=100000&interval_ms=60000&size=1")
    assert answer.body == b"1"
    assert time.monotonic() - start < 10 * MAX_STREAM_S


def test_heartbeats_fill_long_waits(server: Running) -> None:
    answer = ask(server.port, "GET", "/stream?format=events&count=2&interval_ms=100&heartbeat_ms=30")
    assert answer.body.count(b": heartbeat\n\n") == 3


def test_head_is_answered_at_once(any_server: Running) -> None:
    answer = ask(any_server.port, "HEAD", "/stream?count=100&interval_ms=60000")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "query", ["format=x", "count=0", "count=-1", "interval_ms=60001", "size=0", "heartbeat_ms=1", "format="]
)
def test_what_is_refused(server: Running, query: str) -> None:
    answer = ask(server.port, "GET", f"/stream?{query}")
    assert answer.status == 400
    assert query.partition("=")[0].encode() in answer.body


@pytest.mark.parametrize("interval_s", [INTERVAL_S, 4.0])
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
