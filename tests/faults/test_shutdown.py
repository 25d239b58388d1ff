"""SIGTERM under way: what can be finished within the graceful limit is, what cannot is cut at the limit.

No newcomer sees more than a connection that is refused or ends, and nothing is left behind.
"""

import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from loadtests.model import counters
from loadtests.subjects.twins.servers import SERVERS
from shared.settings import GRACEFUL_TIMEOUT_S, UPLOADS_FOLDER
from tests import tally
from tests.contract.conftest import DEEP, PAIR, TWINS
from tests.documents import DOCUMENTS
from tests.faults.test_signals import wait_for
from tests.faults.underway import REQUESTS, SILENT, stock
from tests.servers import Running, running
from tests.wire import ask

TRIED = TWINS if tally.TORTURE else [*DEEP, *(f"{name}-forked" for name in PAIR)]
BRIEF_S, LONG_S = 2.0, 20.0
NOTICE_S = 1.5  # until a server has noticed the signal: gunicorn's gevent looks once a second
EARLY_S = 0.5  # by which a limit may seem short: the clocks start one after the other
TOLERANCE_S = 4.0  # of a machine that is busy with something else
INTERVAL_S = 0.2


@dataclass(frozen=True)
class Ending:
    """How a server ends that has got SIGTERM.

    `status`: its exit status, or minus the signal by which it ends. `refuses`: newcomers are refused while
    requests are under way; else their connections are taken, and end unanswered with the server. `held_by`:
    clients without a request for which it waits until the limit. `sweeps`: what was cut leaves no temporary
    file; else the next start removes it.
    """

    status: int = 0
    refuses: bool = True
    held_by: tuple[str, ...] = ()
    sweeps: bool = False


GUNICORN = Ending(refuses=False, held_by=("half",))
UVICORN = Ending(status=-signal.SIGTERM, sweeps=True)
GRANIAN = Ending(held_by=("half",))
ENDINGS = {
    "wsgi-sync": GUNICORN,
    "wsgi-forked": GUNICORN,
    "wsgi-gthread": GUNICORN,
    "wsgi-gthread-forked": GUNICORN,
    "wsgi-gevent": Ending(),
    "asgi-uvicorn": UVICORN,
    "asgi-uvicorn-asyncio": UVICORN,
    "asgi-uvicorn-forked": Ending(refuses=False, sweeps=True),
    "asgi-threadpool": UVICORN,
    "asgi-gunicorn": Ending(),
    "granian-wsgi": GRANIAN,
    "granian-asgi": GRANIAN,
}


@dataclass
class Watched:
    """A server that was ended: `took_s` until it had, and what its clients saw."""

    status: int | None = None
    took_s: float = 0.0
    log: str = ""
    ends: dict[str, str] = field(default_factory=dict)
    newcomers: list[tuple[float, str]] = field(default_factory=list)  # (seconds after the signal, outcome)


def groups(name: str, kinds: Sequence[str]) -> list[Sequence[str]]:
    """The clients that can be under way together: a server whose process serves one at a time gets one."""
    return [[kind] for kind in kinds] if SERVERS[name].slot_kind == "process" else [kinds]


@contextmanager
def counted(name: str, folder: Path, port: int | None = None) -> Iterator[tuple[Running, Path]]:
    """A server that counts the requests which it has taken up."""
    count = folder.with_name(f"{folder.name}.count")
    counters.create(count)
    environment = {"TWINS_TOKEN": "t", "TWINS_COUNTERS": str(count), "TWINS_MAX_STREAM_S": "60"}
    with running(name, folder, environment=environment, port=port) as server:
        yield server, count


def end_under_way(server: Running, count: Path, kinds: Sequence[str], length_s: float) -> Watched:
    """Begin the clients' requests, send SIGTERM, and wait for the server and for all clients."""
    watched = Watched()
    family = psutil.Process(server.process.pid).children(recursive=True)
    with ThreadPoolExecutor(len(kinds) + 1) as pool:
        before = counters.total(count)
        clients = {kind: pool.submit({**REQUESTS, **SILENT}[kind], server.port, length_s) for kind in kinds}
        awaited = before + len([kind for kind in kinds if kind != "half"])
        wait_for(lambda: counters.total(count) >= awaited, "not all requests were taken up")
        time.sleep(INTERVAL_S)  # a head that is half there is counted nowhere
        start = time.monotonic()
        server.process.terminate()
        newcomers = pool.submit(visit, server, start)
        watched.status = server.process.wait(GRACEFUL_TIMEOUT_S + 2 * TOLERANCE_S)
        watched.took_s = time.monotonic() - start
        watched.newcomers = newcomers.result()
        watched.ends = {kind: client.result() for kind, client in clients.items()}
    wait_for(lambda: not any(alive(process) for process in family), "a process was left behind")
    port_is_free(server.port)
    watched.log = server.log.read_text(errors="replace")
    return watched


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def visit(server: Running, start: float) -> list[tuple[float, str]]:
    """New clients, one every INTERVAL_S until the server has ended."""
    outcomes: list[tuple[float, str]] = []
    with ThreadPoolExecutor(64) as pool:
        asked: list[tuple[float, Future[str]]] = []
        while server.process.poll() is None:
            asked.append((time.monotonic() - start, pool.submit(outcome, server.port)))
            time.sleep(INTERVAL_S)
        ended_s = time.monotonic() - start
        outcomes = [(after_s, future.result()) for after_s, future in asked]
    assert time.monotonic() - start < ended_s + TOLERANCE_S, "a newcomer outlasted the server"
    return outcomes


def outcome(port: int) -> str:
    start = time.monotonic()
    try:
        answer = ask(port, "GET", "/health")
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "ended at once" if time.monotonic() - start < 1 else "ended"
    assert answer.status in (200, 503), answer
    return str(answer.status)


def port_is_free(port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()


def judge(name: str, watched: Watched) -> None:
    """What holds however long the requests under way took."""
    assert watched.status == ENDINGS[name].status
    late = {outcome for after_s, outcome in watched.newcomers if after_s > NOTICE_S}
    if ENDINGS[name].refuses:
        assert late <= {"refused"}, watched.newcomers
    else:
        assert late <= {"refused", "ended at once", "ended"}, watched.newcomers


def temporary(folder: Path) -> list[str]:
    uploads = folder / UPLOADS_FOLDER
    return os.listdir(uploads) if uploads.is_dir() else []


@pytest.mark.parametrize("name", TRIED)
def test_what_is_under_way_is_finished(name: str, tmp_path: Path) -> None:
    (folder := tmp_path / "served").mkdir()
    stock(folder)
    silent = [kind for kind in SILENT if kind not in ENDINGS[name].held_by]
    for kinds in groups(name, [*REQUESTS, *silent]):
        with tally.case("SIGTERM: what is under way ends whole", name):
            with counted(name, folder) as (server, count):
                watched = end_under_way(server, count, kinds, BRIEF_S)
            requested = {kind: end for kind, end in watched.ends.items() if kind in REQUESTS}
            assert set(requested.values()) <= {"whole"}, watched
            assert watched.took_s < GRACEFUL_TIMEOUT_S - EARLY_S, watched
            judge(name, watched)
            assert "Traceback" not in watched.log, watched.log
            assert temporary(folder) == []
    assert (folder / "new").read_bytes() == b"n" * 1000 * 20


@pytest.mark.parametrize("name", TRIED)
def test_what_outlasts_the_limit_is_cut_at_the_limit(name: str, tmp_path: Path) -> None:
    (folder := tmp_path / "served").mkdir()
    stock(folder)
    for kinds in groups(name, [*REQUESTS, *SILENT])[:3]:  # where they come one by one, the rest is alike
        with tally.case("SIGTERM: what outlasts the limit is cut", name):
            with counted(name, folder) as (server, count):
                watched = end_under_way(server, count, kinds, LONG_S)
            assert GRACEFUL_TIMEOUT_S - EARLY_S < watched.took_s < GRACEFUL_TIMEOUT_S + TOLERANCE_S, watched
            requested = {kind: end for kind, end in watched.ends.items() if kind in REQUESTS}
            assert set(requested.values()) <= {"cut", "refused"}, watched
            judge(name, watched)
            assert not ENDINGS[name].sweeps or temporary(folder) == []
            with counted(name, folder, server.port) as (again, _):
                assert ask(again.port, "GET", "/files/new").status == 404
                assert temporary(folder) == []


@pytest.mark.parametrize(
    "name", [name for name in (TRIED if tally.TORTURE else DEEP) if ENDINGS[name].held_by]
)
def test_who_holds_a_server_is_cut_at_the_limit(name: str, tmp_path: Path) -> None:
    """What the table says of clients without a request is so, lest it hides what was mended."""
    for kind in ENDINGS[name].held_by:
        with counted(name, tmp_path) as (server, count):
            watched = end_under_way(server, count, [kind], LONG_S)
        assert GRACEFUL_TIMEOUT_S - EARLY_S < watched.took_s < GRACEFUL_TIMEOUT_S + TOLERANCE_S, watched
        judge(name, watched)


def test_the_limits_say_how_each_server_ends() -> None:
    for ending in dict.fromkeys(ENDINGS.values()):
        assert row(ending) in DOCUMENTS["docs/limits.md"], f"\n  {row(ending)}"


def row(ending: Ending) -> str:
    """The line of the table: all servers that end so."""
    cells = (
        ", ".join(f"`{name}`" for name in ENDINGS if ENDINGS[name] == ending),
        "refused" if ending.refuses else "taken, and ended with the server",
        ", ".join({"idle": "an idle connection", "half": "half a head"}[kind] for kind in ending.held_by)
        or "nobody",
        "none" if ending.sweeps else "until the next start",
        "0" if ending.status == 0 else signal.Signals(-ending.status).name,
    )
    return f"| {' | '.join(cells)} |"
