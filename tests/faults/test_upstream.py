"""The upstream is down, frozen, cut off in the middle or back: told of each address, and of nothing else.

The service does not need its upstreams in order to be ready: it says so, and serves all else meanwhile.
"""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests import tally
from tests.contract.conftest import DEEP
from tests.contract.test_fetching import codes, fetch
from tests.servers import Running, free_port, running
from tests.upstreams import Upstream, upstream_running
from tests.wire import ask

TIMEOUT_MS = 1500
TOLERANCE_S = 4.0  # of a machine that is busy with something else
ENDLESS_S = 60


@pytest.fixture(params=DEEP)
def fetching(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Running, int]]:
    """A server, and the port on which its upstream is not yet."""
    port = free_port()
    environment = {"TWINS_UPSTREAMS": f"http://127.0.0.1:{port}"}
    with running(request.param, tmp_path, environment=environment) as server:
        yield server, port


def assert_well(server: Running) -> None:
    for target in ("/health", "/ready", "/files"):
        assert ask(server.port, "GET", target).status == 200, target


def one(server: Running, port: int, query: str = "") -> str | int:
    """What becomes of one address, within the time that it is given."""
    start = time.monotonic()
    (code,) = codes(fetch(server, f"http://127.0.0.1:{port}/{query}", timeout_ms=TIMEOUT_MS))
    assert time.monotonic() - start < TIMEOUT_MS / 1000 + TOLERANCE_S
    return code


def test_down_up_frozen_killed_and_up_again(fetching: tuple[Running, int]) -> None:
    server, port = fetching
    with tally.case("upstream down, frozen, killed and back", server.name), ExitStack() as stack:
        assert one(server, port) == "unreachable"
        assert_well(server)
        upstream = stack.enter_context(upstream_running(port))
        assert one(server, port) == 200
        upstream.process.send_signal(signal.SIGSTOP)
        assert one(server, port) == "timeout"
        assert_well(server)
        upstream.process.send_signal(signal.SIGCONT)
        assert one(server, port) == 200
        kill_while_it_sends(server, upstream)
        assert one(server, port) == "unreachable"
        assert_well(server)
        stack.enter_context(upstream_running(port))  # kept connections led to the one that is gone
        assert one(server, port) == 200


def kill_while_it_sends(server: Running, upstream: Upstream) -> None:
    """A body under way breaks off; meanwhile, where the model allows, others are served."""
    address = f"{upstream.url}/?bytes=10000000&bytes_per_s={10_000_000 // ENDLESS_S}"
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(fetch, server, address, timeout_ms=ENDLESS_S * 1000)
        deadline = time.monotonic() + TOLERANCE_S + TIMEOUT_MS / 1000
        while not upstream.counts()["answering"]:
            assert time.monotonic() < deadline, "nothing was asked of the upstream"
            time.sleep(0.02)
        if SERVERS[server.name].slot_kind != "process":
            assert_well(server)
        upstream.process.kill()
        assert codes(sending.result())[0] in ("broken", "unreachable")  # it was tried again meanwhile
