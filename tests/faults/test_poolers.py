"""PostgreSQL behind PgBouncer, altered, failed over, replaced: no wrong answer, and a cure by itself."""

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests import tally
from tests.contract.conftest import DEEP, TWINS
from tests.contract.test_processing import process
from tests.disks import mounted, remount
from tests.faults.test_orphans import wait_for
from tests.pgbouncer import pooled, through
from tests.postgres import USER, Postgres, postgres
from tests.servers import Running, running
from tests.wire import Answer, ask

TRIED = TWINS if tally.TORTURE else DEEP
WAIT = {"operation": "wait", "duration_ms": 1}
MISSING = {"operation": "digest", "path": "none"}
ROUNDS = (
    60 if tally.TORTURE else 30
)  # enough for each of the pool's sessions to be used for each statement more than five times
NUMBERS = count()


@pytest.fixture(scope="module")
def installed() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def database(installed: Postgres) -> Iterator[str]:
    """The name of a new database, in a server whose settings are its own again afterwards."""
    name = f"pooled{next(NUMBERS)}"
    installed.create_database(name)
    yield name
    execute(
        installed.url, "alter system reset all", "select pg_reload_conf()", f"alter role {USER} reset all"
    )


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = off")
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def recording(name: str, library: Path, url: str, connections: int = 4) -> Iterator[Running]:
    environment = {"TWINS_DATABASE_URL": url, "TWINS_DATABASE_POOL": str(connections)}
    with running(name, library, environment=environment) as server:
        yield server


def states(server: Running, state: str) -> list[str]:
    answer = ask(server.port, "GET", f"/jobs?state={state}&limit=1000")
    assert answer.status == 200, answer.body
    return [job["state"] for job in json.loads(answer.body)["jobs"]]


def work(server: Running, rounds: int = ROUNDS) -> None:
    """All that needs the database, by several clients at once: each answer is the right one."""

    def turn(number: int) -> None:
        good, bad = process(server, WAIT), process(server, MISSING)
        assert (good.status, bad.status) == (200, 404), (good, bad)
        for state in ("failed", "done", "lost"):
            assert set(states(server, state)) <= {state}
        shown = json.loads(ask(server.port, "GET", f"/jobs/{bad.header('job-id')}").body)
        assert (shown["id"], shown["state"]) == (bad.header("job-id"), "failed")
        assert ready(server).status == 200

    with ThreadPoolExecutor(6) as clients:
        list(clients.map(turn, range(rounds)))


def ready(server: Running) -> Answer:
    return ask(server.port, "GET", "/ready")


def assert_refused(server: Running, answers: list[Answer]) -> None:
    for answer in answers:
        assert (answer.status, answer.header("retry-after")) == (503, "2"), answer
    assert ask(server.port, "GET", "/health").status == 200


def recovers(server: Running) -> None:
    wait_for(lambda: ready(server).status == 200, f"it is not ready again: {server.log.read_text()[-2000:]}")
    wait_for(lambda: process(server, WAIT).status == 200, "jobs are not recorded again")
    work(server, 12)


@pytest.mark.parametrize("mode", ["transaction", "session", "statement"])
@pytest.mark.parametrize("name", TRIED)
def test_behind_a_pooler(name: str, mode: str, library: Path, installed: Postgres, database: str) -> None:
    with (
        pooled(installed, mode, default_pool_size="20" if mode == "session" else "3") as port,
        recording(name, library, through(port, database), 2) as server,
    ):
        work(server)
        tally.record("database behind a pooler", name, ROUNDS, ROUNDS)


@pytest.mark.parametrize("name", TRIED)
def test_a_session_that_another_client_changed(
    name: str, library: Path, installed: Postgres, database: str
) -> None:
    """In a pool of transactions whatever a client sets stays: here tables of the same names come first."""
    with pooled(installed, "transaction", default_pool_size="1") as port:
        url = through(port, database)
        execute(
            url,
            "create schema other",
            "create table other.jobs as select gen_random_uuid() id, 'wait' operation, 'done' state,"
            " 1::bigint created_us, 1::bigint finished_us, 1::bigint duration_us, null::text error, '' owner",
        )
        with recording(name, library, url, 2) as server:
            execute(url, "set search_path = other")
            work(server, 12)
            execute(url, "set search_path = nowhere")
            work(server, 12)


@pytest.mark.parametrize("name", TRIED)
def test_altered_tables(name: str, library: Path, installed: Postgres, database: str) -> None:
    url = f"postgresql://{USER}@127.0.0.1:{installed.port}/{database}"
    with recording(name, library, url, 2) as server:
        work(server, 12)
        for change in (
            "alter column operation type varchar(40)",
            "alter column created_us type numeric",
            "alter column duration_us type numeric(20, 3)",
            "add column note text default 'x'",
            "alter column id type text",
        ):
            execute(url, f"alter table jobs {change}")
            work(server, 6)
        execute(url, "alter table jobs rename to old_jobs")
        assert_refused(server, [process(server, WAIT), ready(server), ask(server.port, "GET", "/jobs")])
        execute(url, "alter table old_jobs rename to jobs")
        recovers(server)


@pytest.mark.parametrize("name", TRIED)
def test_a_server_that_became_read_only(name: str, library: Path, installed: Postgres, database: str) -> None:
    """As the old primary is after a failover: connections to it are given up, new ones lead to another."""
    url = f"postgresql://{USER}@127.0.0.1:{installed.port}/{database}"
    with recording(name, library, url) as server:
        work(server, 12)
        for read_only, again in (
            (f"alter database {database} set default_transaction_read_only = on", "reset"),
            ("alter system set default_transaction_read_only = on", "reload"),
        ):
            execute(installed.url, read_only, "select pg_reload_conf()")
            if again == "reset":  # sessions that are open keep what they had: end them
                end_sessions(installed, database)
            wait_for(lambda: process(server, WAIT).status == 503, "a read-only server recorded a job")
            assert_refused(server, [process(server, WAIT), ready(server), ready(server)])
            execute(
                installed.url,
                "alter system reset all",
                f"alter database {database} reset all",
                "select pg_reload_conf()",
            )
            recovers(server)


def end_sessions(installed: Postgres, database: str) -> None:
    execute(
        installed.url,
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'",  # noqa: S608
    )


@pytest.mark.parametrize("name", TRIED)
def test_a_database_that_is_not_let_be(name: str, library: Path, installed: Postgres, database: str) -> None:
    """Its sessions are ended; it is dropped, and made anew and empty, as from a backup."""
    url = f"postgresql://{USER}@127.0.0.1:{installed.port}/{database}"
    with recording(name, library, url) as server:
        work(server, 6)
        end_sessions(installed, database)
        work(server, 6)
        execute(installed.url, f"alter database {database} connection limit 0")
        execute(installed.url, f"drop database {database} with (force)")
        assert_refused(server, [process(server, WAIT), ready(server)])
        installed.create_database(database)
        recovers(server)


@pytest.mark.parametrize("name", TRIED)
def test_no_connection_is_left(name: str, library: Path, installed: Postgres, database: str) -> None:
    """Fewer than one server process would have: those that there are serve. Several have one each."""
    processes = SERVERS[name].processes
    limit, size = (2, 4) if processes == 1 else (processes, 1)
    execute(installed.url, f"create role few login connection limit {limit} createdb")
    try:
        execute(installed.url, f"alter database {database} owner to few")
        url = f"postgresql://few@127.0.0.1:{installed.port}/{database}"
        taken = [psycopg.connect(url) for _ in range(limit)]
        with recording(name, library, url, size) as server:
            assert_refused(server, [process(server, WAIT), ready(server)])
            for connection in taken:
                connection.close()
            recovers(server)
    finally:
        execute(installed.url, f"alter database {database} owner to {USER}")
        execute(url.replace("few@", f"{USER}@"), f"reassign owned by few to {USER}", "drop owned by few")
        execute(installed.url, "drop role few")


@pytest.mark.parametrize("name", TRIED)
def test_a_file_of_jobs_that_was_removed_replaced_or_cannot_be_written(
    name: str, library: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", 8 * 1024 * 1024) as disk:
        path = disk / "jobs.sqlite"
        with running(name, library, environment={"TWINS_DATABASE_URL": f"sqlite:{path}"}) as server:
            work(server, 12)
            other = disk / "other.sqlite"
            with sqlite3.connect(path) as source, sqlite3.connect(other) as target:
                source.backup(target)
            source.close()
            target.close()
            path.unlink()
            # of several processes one is refused once: SQLite finds another's log beside the new file
            wait_for(lambda: process(server, WAIT).status == 200, "jobs are not recorded again")
            assert path.exists(), "jobs are recorded in a file that has no name"
            wait_for(lambda: has_one_file(server), "the server's processes do not have one file")
            other.replace(path)
            work(server, 12)
            holder = sqlite3.connect(path, isolation_level=None)
            holder.execute("begin immediate")
            assert_refused(server, [ready(server)])
            holder.execute("rollback")
            holder.close()
            recovers(server)


def has_one_file(server: Running) -> bool:
    """Whether a new job is shown by whichever process is asked."""
    job_id = process(server, WAIT).header("job-id")
    statuses = {ask(server.port, "GET", f"/jobs/{job_id}").status for _ in range(12)} if job_id else {503}
    return statuses == {200}


@pytest.mark.parametrize("name", TRIED)
def test_a_disk_that_cannot_be_written(name: str, library: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 8 * 1024 * 1024) as disk:
        remount(disk, "ro")
        with running(name, library, environment={"TWINS_DATABASE_URL": f"sqlite:{disk}/jobs"}) as server:
            assert_refused(server, [process(server, WAIT), ready(server)])
            remount(disk, "rw")
            recovers(server)


@pytest.mark.parametrize("name", TRIED)
def test_readiness_leaves_nothing(name: str, library: Path, tmp_path: Path) -> None:
    """It tries to write, and no page of the jobs ever shows that."""
    path = tmp_path / "jobs.sqlite"
    with running(name, library, environment={"TWINS_DATABASE_URL": f"sqlite:{path}"}) as server:
        for _ in range(20):
            assert ready(server).status == 200
            assert states(server, "running") == []
        assert json.loads(ask(server.port, "GET", "/jobs").body) == {"jobs": [], "next": None}
