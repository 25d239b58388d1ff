"""The upstream does what an address asks, counts it, and does the same again under the same seed."""

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import IncompleteRead
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.subjects.twins.upstream.behaviour import (
    DISTRIBUTIONS,
    PATTERN,
    Behaviour,
    read_behaviour,
    seeded,
    visit,
)
from tests.upstreams import Upstream, upstream_running
from tests.wire import ask, read_answer, request_bytes


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with upstream_running() as started:
        yield started


def test_size_status_and_latency(upstream: Upstream) -> None:
    start = time.monotonic()
    answer = ask(upstream.port, "GET", "/any/path?latency_ms=60&bytes=100000&status=404")
    assert time.monotonic() - start >= 0.06
    assert (answer.status, answer.header("content-length")) == (404, "100000")
    assert answer.body == (PATTERN * 2)[:100_000]
    assert ask(upstream.port, "GET", "/?status=204&bytes=5").body == b""
    assert ask(upstream.port, "HEAD", "/?bytes=70").header("content-length") == "70"


def test_what_it_cannot_do_is_named(upstream: Upstream) -> None:
    for query in ("latency_mss=1", "latency_ms=-1", "latency_ms=nan", "distribution=gauss", "error_share=2"):
        answer = ask(upstream.port, "GET", f"/?{query}")
        assert answer.status == 400, query
        assert query.partition("=")[0].removesuffix("s").encode() in answer.body
    for target in ("/?bytes=-1", "/?bytes=1.5", "/?status=99", "/redirect", "/redirect?to="):
        assert ask(upstream.port, "GET", target).status == 400, target


def test_a_slow_body_comes_at_its_pace(upstream: Upstream) -> None:
    start = time.monotonic()
    assert len(ask(upstream.port, "GET", "/?bytes=4000&bytes_per_s=10000").body) == 4000
    assert 0.3 < time.monotonic() - start < 4


def test_redirects_lead_on(upstream: Upstream) -> None:
    answer = ask(upstream.port, "GET", "/redirect?to=http://other.example/%3Fa%3Db")
    assert (answer.status, answer.header("location")) == (302, "http://other.example/?a=b")
    assert ask(upstream.port, "GET", "/redirect?to=/x&status=308").status == 308


def test_bodies_that_do_not_keep_their_word(upstream: Upstream) -> None:
    with pytest.raises(IncompleteRead):
        ask(upstream.port, "GET", "/?bytes=10&announced_bytes=20")
    assert len(ask(upstream.port, "GET", "/?bytes=20&announced_bytes=10").body) == 10
    with pytest.raises((ConnectionResetError, IncompleteRead)):
        ask(upstream.port, "GET", "/?bytes=100000&cut_bytes=50000")
    with pytest.raises(ConnectionResetError):
        ask(upstream.port, "GET", "/?reset_share=1")


def test_a_body_without_end_waits_for_its_reader(upstream: Upstream) -> None:
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=10) as connection:
        connection.sendall(request_bytes("GET", "/?bytes=endless"))
        read = 0
        while read < 10_000_000:
            read += len(connection.recv(1 << 20))
        time.sleep(0.2)  # unread now
        assert ask(upstream.port, "GET", "/").status == 200
        assert connection.recv(1 << 20)
    assert ask(upstream.port, "GET", "/").status == 200  # its reader is gone


def test_hits_are_counted_and_connections_are_kept(upstream: Upstream) -> None:
    upstream.reset()
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=10) as connection:
        for _ in range(3):
            connection.sendall(request_bytes("GET", "/?bytes=3"))
            assert read_answer(connection, "GET").body == PATTERN[:3]
        connection.sendall(
            request_bytes("GET", "/?bytes=4&latency_ms=30") + request_bytes("GET", "/?bytes=5")
        )
        assert read_answer(connection, "GET").body == PATTERN[:4]
        assert upstream.hits() in (4, 5)
        assert upstream.counts()["connections"] == 2  # that one and the asking one
    upstream.reset()
    assert upstream.hits() == 0


def test_the_same_seed_fails_the_same_visits(upstream: Upstream) -> None:
    def statuses(seed: int) -> list[int]:
        upstream.reset()
        return [ask(upstream.port, "GET", f"/?error_share=0.5&seed={seed}").status for _ in range(20)]

    first = statuses(1)
    assert set(first) == {200, 503}
    assert statuses(1) == first
    assert statuses(2) != first


def test_a_port_that_is_taken_is_told(upstream: Upstream) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "loadtests.subjects.twins.upstream", "--port", str(upstream.port)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert str(upstream.port) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_distribution_has_the_mean_that_was_asked_for(distribution: str) -> None:
    behaviour = Behaviour(latency_ms=20, distribution=distribution)
    chance = Random(1)  # noqa: S311 - a simulation
    latencies = [visit(behaviour, chance).latency_s for _ in range(20_000)]
    assert statistics.mean(latencies) == pytest.approx(0.020, rel=0.03)
    spread = statistics.stdev(latencies) / 0.020
    assert spread == pytest.approx(
        {"constant": 0, "exponential": 1, "lognormal": 0.533}[distribution], abs=0.05
    )


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "latency_ms": st.floats(0, 1000),
            "jitter_ms": st.floats(0, 1000),
            "error_share": st.floats(0, 1),
            "reset_share": st.floats(0, 1),
            "bytes": st.integers(0, 2**40),
            "seed": st.integers(0, 100),
        },
    ),
    st.integers(1, 100),
)
def test_what_is_asked_is_what_is_read(given: dict[str, Any], number: int) -> None:
    query = "&".join(f"{name}={value!r}" for name, value in given.items())
    behaviour = read_behaviour(f"/x?{query}")
    for name, value in given.items():
        assert getattr(behaviour, name) == (str(value) if name == "seed" else value)
    one, again = (visit(behaviour, seeded(behaviour, query, number)) for _ in range(2))
    assert one == again
    least = behaviour.latency_ms / 1000
    assert least <= one.latency_s <= least + behaviour.jitter_ms / 1000
