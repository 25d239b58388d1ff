"""Server workers and their masters killed, stopped, ended and reloaded under load.

Every byte is checked, while files are replaced. A client may see its connection end, which a retry makes
good; it may never see a wrong byte, a mixed file or a 5xx.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests import tally
from tests.contract.conftest import TWINS
from tests.faults.downloader import Load, Shelf
from tests.servers import Running, running

FORKED = [name for name in TWINS if SERVERS[name].processes > 1]
TRIED = FORKED if tally.TORTURE else ["wsgi-gthread-forked", "asgi-uvicorn-forked"]
ALL = TWINS if tally.TORTURE else [*TRIED, "wsgi-sync", "asgi-gunicorn"]  # which end in ways of their own
UNDER_LOAD_S, PAUSE_S = (3.0, 0.0) if tally.TORTURE else (0.5, 0.005)
SETTLED_S = 30.0
ORPHANED_S = 8.0  # gunicorn's ASGI worker would by itself go on for 10 without its master


def server_workers(server: Running) -> list[psutil.Process]:
    """The processes that the master keeps to serve."""
    found = []
    for child in psutil.Process(server.process.pid).children():
        try:
            if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def wait_for(condition: Callable[[], object], what: str, within_s: float = SETTLED_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@contextmanager
def loaded(server: Running, shelf: Shelf, family: str, allowed: set[str]) -> Iterator[Load]:
    """Checked downloads around a fault, and the judgement of how they ended."""
    load = Load(server.port, shelf, pause_s=PAUSE_S)
    with shelf.changing(), load.running():
        wait_for(lambda: load.ends["whole"] > 20 or load.wrong, "nothing was downloaded")
        yield load
        done = load.ends["whole"]
        wait_for(
            lambda: load.ends["whole"] > done + 20 or load.wrong, "nothing was downloaded after the fault"
        )
        time.sleep(UNDER_LOAD_S)
    ends = load.ends
    print(family, server.name, dict(ends))  # the list by kind, for whoever runs this with -s
    assert not load.wrong
    assert not set(ends) - allowed - {"whole"}, ends
    tally.record(family, server.name, ends["whole"], ends["whole"])


def replaced(server: Running, before: list[psutil.Process], gone: list[psutil.Process]) -> None:
    """Wait until the master has as many server workers as before, and none of those that are to go."""
    old = {process.pid for process in gone}

    def settled() -> bool:
        now = {process.pid for process in server_workers(server)}
        return len(now) == len(before) and not now & old

    wait_for(settled, "the master did not replace its server workers")


def reconnects(name: str) -> set[str]:
    """What a client may see of a server worker that ends in order: nothing but a connection to open anew.

    gunicorn answers what was sent on a connection that it accepted or kept.
    """
    return set() if SERVERS[name].server == "gunicorn" else NO_BYTE


ANY_END = {
    "refused",
    "reset before a byte",
    "stale connection",
    "cut in the head",
    "cut in the body",
    "resumed",
}
NO_BYTE = {"reset before a byte", "stale connection"}


@pytest.fixture(scope="module", params=TRIED)
def forked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Every server of several processes in turn."""
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    SHELVES[name] = Shelf(folder)
    with running(name, folder) as server:
        yield server


SHELVES: dict[str, Shelf] = {}


def test_a_server_worker_is_killed(forked: Running) -> None:
    with loaded(forked, SHELVES[forked.name], "SIGKILL of a server worker", ANY_END):
        before = server_workers(forked)
        before[0].kill()
        replaced(forked, before, before[:1])


def test_a_server_worker_is_ended(forked: Running) -> None:
    with loaded(forked, SHELVES[forked.name], "SIGTERM of a server worker", reconnects(forked.name)):
        before = server_workers(forked)
        before[0].terminate()
        replaced(forked, before, before[:1])


def test_a_server_worker_is_stopped_and_goes_on(forked: Running) -> None:
    with loaded(forked, SHELVES[forked.name], "SIGSTOP and SIGCONT of a server worker", set()):
        stopped = server_workers(forked)[0]
        stopped.suspend()
        time.sleep(1)
        stopped.resume()


def test_the_master_is_stopped_and_goes_on(forked: Running) -> None:
    with loaded(forked, SHELVES[forked.name], "SIGSTOP and SIGCONT of the master", set()):
        forked.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        forked.process.send_signal(signal.SIGCONT)


def test_a_rolling_reload(forked: Running) -> None:
    with loaded(forked, SHELVES[forked.name], "SIGHUP of the master", reconnects(forked.name)):
        before = server_workers(forked)
        forked.process.send_signal(signal.SIGHUP)
        replaced(forked, before, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("name", ALL)
def test_the_master_is_ended_and_started_again(name: str, number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    shelf = Shelf(tmp_path / "served")
    with ExitStack() as servers:
        server = servers.enter_context(running(name, shelf.folder))
        with loaded(server, shelf, f"{number.name} of the master, and a new start", ANY_END):
            family = psutil.Process(server.process.pid).children(recursive=True)
            server.process.send_signal(number)
            server.process.wait(SETTLED_S)
            wait_for(
                lambda: not any(child.is_running() for child in family),
                "a server worker outlived",
                ORPHANED_S,
            )
            servers.enter_context(running(name, shelf.folder, port=server.port))
