"""Against servers of planted behaviour, the instrument finds what was planted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from loadtests.model.samples import OK
from tests.instrument.running import Outcome, fetch, get, planted


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with planted() as port:
        yield port


@pytest.mark.parametrize(
    ("fault", "kind", "arguments"),
    [
        ("503", "status", ()),
        ("truncate", "truncated", ()),
        ("close", "reset", ()),
        ("wrong", "body", ()),
        ("short", "length", ()),
        ("garbage", "protocol", ()),
        ("silent", "first-byte-timeout", ("--twins-first-byte-timeout", "1")),
        ("drip", "total-timeout", ("--twins-total-timeout", "1")),
    ],
)
def test_each_fault_is_a_kind_of_its_own_and_is_counted(
    port: int, tmp_path: Path, fault: str, kind: str, arguments: tuple[str, ...]
) -> None:
    for duration, every in ((0.5, 50), (5, 20), (30, 10)):  # the later ones on a machine that is busy
        outcome = get(tmp_path / str(every), port, f"/every/{every}/{fault}", *arguments, duration=duration)
        kinds = outcome.kinds()
        total = sum(kinds.values())
        if total > 2 * every:
            break
    # the planted server counts from its first request, and two were asked to learn the answer
    assert kinds == {"ok": total - (total + 2) // every, kind: (total + 2) // every}
    assert outcome.document.due == total
    assert outcome.document.sent == total + outcome.document.prepared
    assert outcome.status == 0


def test_every_request_reaches_the_server_once_and_none_twice(tmp_path: Path) -> None:
    with planted() as port:
        outcome = get(tmp_path, port, "/every/20/close")
        assert fetch(port, "/count") == outcome.document.sent


@pytest.mark.alone
@pytest.mark.parametrize("path", ["/constant/20", "/exponential/10"])
def test_the_service_times_are_those_the_server_took(port: int, tmp_path: Path, path: str) -> None:
    outcome = get(tmp_path, port, path, users=8, duration=2)
    planted_us = np.array(fetch(port, "/record" + path))
    samples = outcome.samples
    assert len(samples) == len(planted_us)
    service_us = (samples["last_byte_us"] - samples["sent_us"])[samples["kind"] == OK]
    # both directions: never less than the server took, and not much more; speed is measured elsewhere
    for quantile in (50, 90):
        asked, found = np.percentile(planted_us, quantile), np.percentile(service_us, quantile)
        assert asked <= found <= asked * 1.25 + 5_000


@pytest.mark.alone
def test_the_open_loop_shows_a_stall_that_a_closed_loop_hides(port: int, tmp_path: Path) -> None:
    """Requests that were due while the server stood still have waited, whether they were sent or not."""
    path = "/stall/20/100/600"
    outcome = get(tmp_path, port, path, "--twins-rate", "200", "--twins-arrivals", "constant", duration=2)
    response_us = outcome.measured["last_byte_us"]
    assert len(response_us) == 400
    # 120 of 400 requests were due while it stood; they waited 300 ms in the mean
    assert np.percentile(response_us, 90) > 300_000
    assert 60 <= (response_us > 250_000).sum() <= 130
    assert outcome.kinds() == {"ok": 400}
    counted = outcome.document.in_flight_mean
    assert counted == pytest.approx(response_us.sum() / 2e6, rel=0.15), "Little's law"


def _connections(outcome: Outcome) -> int:
    samples = outcome.samples
    return int((samples["connected_us"] > samples["dequeued_us"]).sum())


@pytest.mark.parametrize(
    ("policy", "per_connection"), [("keepalive", None), ("user", None), ("close", 1), ("5", 5)]
)
def test_the_connection_policy_is_kept(
    port: int, tmp_path: Path, policy: str, per_connection: int | None
) -> None:
    outcome = get(tmp_path, port, "/", "--twins-connections", policy, users=3, duration=0.5)
    total = len(outcome.samples)
    expected = 3 if per_connection is None else total / per_connection
    assert expected <= _connections(outcome) <= expected + 3
    assert outcome.document.connections == policy


def test_each_arrival_of_the_open_loop_can_be_a_new_user(port: int, tmp_path: Path) -> None:
    outcome = get(tmp_path, port, "/", "--twins-rate", "100", "--twins-connections", "user", duration=0.5)
    assert _connections(outcome) == len(outcome.samples) > 20
