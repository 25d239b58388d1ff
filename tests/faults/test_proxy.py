"""Behind the shipped nginx configuration no case of the table is left, and crowds hold nobody up."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.conftest import DEEP, TWINS
from tests.faults.crowds import endure, heavy, slow
from tests.faults.messages import CASES, outcomes
from tests.faults.proxied import behind_proxy
from tests.faults.talking import drip_until_given_up, talk
from tests.servers import Running, running
from tests.wire import ask

TORTURE = bool(os.environ.get("TWINS_TORTURE"))
NAMES = TWINS if TORTURE else DEEP
CLIENTS = 64 if TORTURE else 40  # more than gthread has threads
MAX_MIB = 300
SERVED_S = 10.0  # ten times what is asked, for a machine that is busy with other tests
TIMEOUT_S = 2.0


@pytest.fixture(scope="module", params=NAMES)
def proxied(request: pytest.FixtureRequest, library: Path) -> Iterator[tuple[Running, Running]]:
    with behind_proxy(request.param, library, TIMEOUT_S) as pair:
        yield pair


def test_every_message(proxied: tuple[Running, Running]) -> None:
    """The table once more; nginx turns away some that servers would take."""
    _, proxy = proxied

    def judge(case: str) -> str | None:
        wanted = (*outcomes(case, "nginx"), (400,))
        found = talk(proxy.port, CASES[case].data, wanted)
        return None if found in wanted else f"{case}: {found}, not one of {wanted}"

    with ThreadPoolExecutor(8) as pool:
        wrong = [line for line in pool.map(judge, CASES) if line]
    assert not wrong, "\n".join(wrong)


def test_the_service_is_the_same_behind_it(proxied: tuple[Running, Running]) -> None:
    server, proxy = proxied
    for target, headers in (
        ("/files/blob.bin", []),
        ("/files/blob.bin", [("Range", "bytes=5-9,100-200")]),
        ("/files/odd%20names/Gr%C3%BC%C3%9Fe%20aus%20K%C3%B6ln.txt", []),
        ("/files//etc/passwd", []),
        ("/files/%2e%2e/x", []),
        ("/files?limit=2", []),
        ("/stream?count=2&interval_ms=10", []),
        ("/none", []),
    ):
        direct, through = (ask(one.port, "GET", target, headers) for one in (server, proxy))
        assert direct.comparable() == through.comparable(), target


def test_a_head_that_drips_is_given_up(proxied: tuple[Running, Running]) -> None:
    drip_until_given_up(proxied[1].port, 10 * TIMEOUT_S)


@pytest.mark.parametrize("crowd", [slow, heavy])
def test_a_crowd_holds_nobody_up(proxied: tuple[Running, Running], crowd: Callable[..., None]) -> None:
    server, proxy = proxied
    endured = endure(proxy, crowd, CLIENTS, server, proxy)
    assert endured.memory_mib < MAX_MIB
    assert endured.longest_s < SERVED_S


@pytest.mark.parametrize("crowd", [slow, heavy])
@pytest.mark.parametrize("name", ["asgi-uvicorn", "asgi-uvicorn-asyncio"])
def test_a_crowd_without_a_proxy(name: str, crowd: Callable[..., None], library: Path) -> None:
    """Where a client that waits fills no process and no thread."""
    with running(name, library) as server:
        endured = endure(server, crowd, CLIENTS, server)
    assert endured.memory_mib < MAX_MIB
    assert endured.longest_s < SERVED_S
