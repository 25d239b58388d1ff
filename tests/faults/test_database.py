"""The database is stopped, frozen, locked or damaged: the service says so, and comes back by itself."""

import asyncio
import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

import asgi_app.databases
import wsgi_app.databases
from loadtests.subjects.twins.servers import SERVERS
from shared.schema import VERSION, Rows
from shared.settings import DATABASE_TIMEOUT_S
from tests.contract.conftest import DEEP
from tests.contract.test_processing import process
from tests.disks import mounted
from tests.faults.test_orphans import wait_for
from tests.postgres import Postgres, postgres
from tests.servers import Running, running
from tests.wire import Answer, ask

DISK_BYTES = 4 * 1024 * 1024
SLOW_S = DATABASE_TIMEOUT_S / 2
BRIEF = {"operation": "wait", "duration_ms": 30}
WAIT = {"operation": "wait", "duration_ms": 1}
STATED_S = 2 * DATABASE_TIMEOUT_S
TOLERANCE_S = 4.0  # of a machine that is busy with something else
NOWHERE = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def installed() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def database(installed: Postgres) -> Iterator[Postgres]:
    """PostgreSQL, running when a test begins, whatever the one before left."""
    yield installed
    installed.signal(signal.SIGCONT)
    if installed.process is None:
        installed.start()


def longest_s(server: Running, requests: int) -> float:
    """How long so many requests at once may take: the stated time, as often as they must take turns."""
    row = SERVERS[server.name]
    slots = row.slots(row.processes, row.threads) or requests
    return -(-requests // slots) * STATED_S + TOLERANCE_S


def answers(server: Running) -> list[Answer]:
    """What needs the database, all at once, each within the stated time."""
    start = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        others = ("/jobs", f"/jobs/{NOWHERE}", "/ready")
        reading = [pool.submit(ask, server.port, "GET", target) for target in others]
        found = [process(server, WAIT), *(future.result() for future in reading)]
    assert time.monotonic() - start < longest_s(server, len(found))
    return found


def assert_refused(server: Running) -> None:
    for answer in answers(server):
        assert answer.status == 503, answer.body
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("retry-after") == "2"
        assert "job database" in json.loads(answer.body)["detail"]
    assert ask(server.port, "GET", "/health").status == 200
    assert ask(server.port, "GET", "/files?limit=1").status == 200


def assert_serves(server: Running) -> None:
    assert [answer.status for answer in answers(server)] == [200, 200, 404, 200], server.log.read_text()


def let_all_open(server: Running, run: Callable[[str], Any]) -> None:
    """Have every server process open the database, which needs a lock that a test is about to take."""
    row = SERVERS[server.name]

    def opened() -> bool:
        with ThreadPoolExecutor(8) as pool:
            statuses = {answer.status for answer in pool.map(lambda _: process(server, BRIEF), range(8))}
        assert statuses == {200}
        (count,) = run("select count(distinct owner) from jobs").fetchone()
        return int(count) >= row.processes

    wait_for(opened, "not every server process records its jobs")


def recovers(server: Running) -> None:
    wait_for(lambda: ask(server.port, "GET", "/ready").status == 200, "the database is not found again")
    assert_serves(server)


@pytest.mark.parametrize("name", DEEP)
def test_postgresql_stopped_started_and_restarted(name: str, library: Path, database: Postgres) -> None:
    environment = {"TWINS_DATABASE_URL": database.create_database(name.replace("-", "_"))}
    database.stop()
    with running(name, library, environment=environment) as server:
        assert_refused(server)
        database.start()
        recovers(server)
        database.stop()
        assert_refused(server)
        database.start()
        recovers(server)
        database.stop()
        database.start()
        assert_serves(server)  # every connection of the pool was lost meanwhile, and no request with them


@pytest.mark.parametrize("name", DEEP)
def test_postgresql_frozen(name: str, library: Path, database: Postgres) -> None:
    environment = {"TWINS_DATABASE_URL": database.create_database("frozen_" + name.replace("-", "_"))}
    with running(name, library, environment=environment) as server:
        assert_serves(server)
        database.signal(signal.SIGSTOP)
        try:
            assert_refused(server)
        finally:
            database.signal(signal.SIGCONT)
        recovers(server)


@pytest.mark.parametrize("name", DEEP)
def test_postgresql_slow(name: str, library: Path, database: Postgres) -> None:
    """What it answers within the stated time is waited for; beyond that it is as if there were none."""
    url = database.create_database("slow_" + name.replace("-", "_"))
    with running(name, library, environment={"TWINS_DATABASE_URL": url}) as server:
        with psycopg.connect(url) as other, ThreadPoolExecutor(1) as pool:
            let_all_open(server, other.execute)
            other.rollback()
            other.execute("lock table jobs in access exclusive mode")
            slow = pool.submit(process, server, WAIT)
            time.sleep(SLOW_S)
            assert not slow.done()
            other.rollback()
            assert slow.result().status == 200
            other.execute("lock table jobs in access exclusive mode")
            assert process(server, WAIT).status == 503
            assert ask(server.port, "GET", "/health").status == 200
            assert ask(server.port, "GET", "/ready").status == 503  # it answers, but not about the jobs
        recovers(server)


@pytest.mark.parametrize("name", DEEP)
def test_sqlite_locked_by_another_process_and_damaged(name: str, library: Path, tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with running(name, library, environment={"TWINS_DATABASE_URL": f"sqlite:{path}"}) as server:
        assert_serves(server)
        other = sqlite3.connect(path, isolation_level=None)
        let_all_open(server, other.execute)
        other.execute("begin immediate")  # as long as it lasts others can read, but not write
        assert process(server, WAIT).status == 503
        assert ask(server.port, "GET", "/jobs").status == 200
        other.execute("rollback")
        assert_serves(server)
        other.close()
    path.write_bytes(b"this is no database" * 1000)
    for log in ("-wal", "-shm"):  # of a server that was killed: SQLite would mend the file by it
        path.with_name(path.name + log).unlink(missing_ok=True)
    with running(name, library, environment={"TWINS_DATABASE_URL": f"sqlite:{path}"}) as server:
        assert_refused(server)
        path.unlink()
        recovers(server)
    folder = tmp_path / "file"
    folder.write_text("")
    with running(name, library, environment={"TWINS_DATABASE_URL": f"sqlite:{folder}/jobs"}) as server:
        assert_refused(server)


@pytest.mark.parametrize("name", DEEP)
def test_the_disk_of_the_jobs_is_full_and_freed(name: str, library: Path, tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", DISK_BYTES) as disk,
        running(name, library, environment={"TWINS_DATABASE_URL": f"sqlite:{disk}/jobs"}) as server,
    ):
        assert_serves(server)
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
        for _ in range(3):
            for answer in (process(server, WAIT), ask(server.port, "GET", "/ready")):
                assert (answer.status, answer.header("retry-after")) == (503, "2"), answer
        assert ask(server.port, "GET", "/health").status == 200
        assert ask(server.port, "GET", "/files?limit=1").status == 200
        ballast.unlink()
        recovers(server)


@pytest.mark.parametrize("name", DEEP)
def test_many_requests_wait_for_a_locked_file_no_longer_than_one(
    name: str, library: Path, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.sqlite"
    with (
        running(name, library, environment={"TWINS_DATABASE_URL": f"sqlite:{path}"}) as server,
        ThreadPoolExecutor(12) as pool,
    ):
        assert_serves(server)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        start = time.monotonic()
        statuses = [answer.status for answer in pool.map(lambda _: process(server, WAIT), range(12))]
        assert statuses == [503] * 12
        assert time.monotonic() - start < longest_s(server, 12)
        other.close()
        recovers(server)


def open_and_ask(path: Path) -> Rows:
    database = wsgi_app.databases.Sqlite(path)
    try:
        return database.run(VERSION)
    finally:
        database.close()


async def open_and_ask_async(path: Path) -> Rows:
    database = asgi_app.databases.Sqlite(path)
    try:
        return await database.run(VERSION)
    finally:
        await database.close()


@pytest.mark.parametrize("ask_new", [open_and_ask, lambda path: asyncio.run(open_and_ask_async(path))])
def test_a_new_file_can_be_opened_by_several_at_once(ask_new: Callable[[Path], Rows], tmp_path: Path) -> None:
    """Of those that enter WAL at the same moment, SQLite refuses all but one without waiting."""
    together = threading.Barrier(3)

    def wait_and_ask(path: Path) -> Rows:
        together.wait()
        return ask_new(path)

    with ThreadPoolExecutor(3) as pool:
        for number in range(40):
            path = tmp_path / f"{number}.sqlite"
            assert [list(rows) for rows in pool.map(wait_and_ask, [path] * 3)] == [[(1,)]] * 3
