"""The record of processed requests: in both databases, by both faces, read back over HTTP."""

import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.schema import MIGRATIONS
from tests.contract.conftest import DEEP, TWINS
from tests.contract.test_processing import process
from tests.postgres import Postgres, postgres
from tests.servers import Running, running
from tests.wire import ask

KINDS = ("sqlite", "postgresql")
TORTURE = bool(os.environ.get("TWINS_TORTURE"))
WAIT = {"operation": "wait", "duration_ms": 1}
MISSING = {"operation": "digest", "path": "none"}
Serve = Callable[[str, str], Running]


@pytest.fixture(scope="module")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The address of a new empty database of a kind; PostgreSQL is started on first use."""
    with ExitStack() as stack:
        started: list[Postgres] = []
        made: list[str] = []

        def make(kind: str) -> str:
            name = f"jobs{len(made)}"
            made.append(name)
            if kind == "sqlite":
                return f"sqlite:{tmp_path_factory.mktemp('jobs') / name}"
            if not started:
                started.append(stack.enter_context(postgres()))
            return started[0].create_database(name)

        yield make


@pytest.fixture(scope="module")
def serve_recording(library: Path, new_database: Callable[[str], str]) -> Iterator[Serve]:
    """A server over a database; all servers over one kind of database share it."""
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        started: dict[tuple[str, str], Running] = {}

        def start(name: str, kind: str) -> Running:
            if kind not in urls:
                urls[kind] = new_database(kind)
            if (name, kind) not in started:
                environment = {"TWINS_DATABASE_URL": urls[kind], "TWINS_DATABASE_POOL": "2"}
                started[name, kind] = stack.enter_context(running(name, library, environment=environment))
            return started[name, kind]

        yield start


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def crossed(*names: str) -> list[tuple[str, str]]:
    """Each server over one kind of database, in the long form over both."""
    every = [(name, kind) for name in names for kind in KINDS]
    return every if TORTURE else [every[0], every[-1]]


@pytest.fixture(params=DEEP)
def recording(request: pytest.FixtureRequest, kind: str, serve_recording: Serve) -> Running:
    return serve_recording(request.param, kind)


def job(server: Running, job_id: str | None) -> Any:
    answer = ask(server.port, "GET", f"/jobs/{job_id}")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def page(server: Running, query: str = "") -> Any:
    answer = ask(server.port, "GET", "/jobs?" + query)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def recorded() -> list[tuple[str, str]]:
    """Every server over SQLite, those with code of their own over PostgreSQL too; in the long form all."""
    own_code = TWINS if TORTURE else (*DEEP, "asgi-threadpool")
    return [(name, "sqlite") for name in TWINS] + [(name, "postgresql") for name in own_code]


@pytest.mark.parametrize(("name", "kind"), recorded())
def test_a_processed_request_is_recorded(
    name: str, serve_recording: Serve, serve: Callable[[str], Running], kind: str
) -> None:
    """Over the server's own SQLite, too, which is what it has where nothing else is said."""
    server = serve_recording(name, kind) if name in DEEP or kind != "sqlite" else serve(name)
    good, bad = process(server, WAIT), process(server, MISSING)
    assert (good.status, bad.status) == (200, 404)
    done, failed = job(server, good.header("job-id")), job(server, bad.header("job-id"))
    assert (done["operation"], done["state"], done["error"]) == ("wait", "done", None)
    assert (failed["operation"], failed["state"], failed["error"]) == ("digest", "failed", "Not Found")
    assert 1 <= done["duration_ms"] < 10_000
    created, finished = (datetime.fromisoformat(done[key]) for key in ("created", "finished"))
    assert abs((finished - created).total_seconds() * 1000 - done["duration_ms"]) < 0.01
    assert [entry["id"] for entry in page(server, "limit=2")["jobs"]] == [failed["id"], done["id"]]


def test_what_is_no_work_is_no_job(recording: Running) -> None:
    before = page(recording, "limit=1")
    for document in ({"operation": "digset"}, b"{", {"operation": "wait"}):
        assert process(recording, document).header("job-id") is None
    assert page(recording, "limit=1") == before


def test_pages_hold_every_job_once_newest_first(recording: Running) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: process(recording, WAIT), range(12)))
    assert [answer.status for answer in answers] == [200] * 12
    expected = {answer.header("job-id") for answer in answers}
    found: list[str] = []
    query = "limit=5"
    while not expected <= set(found):
        document = page(recording, query)
        assert len(document["jobs"]) == 5 or document["next"] is None
        found += [entry["id"] for entry in document["jobs"]]
        query = f"limit=5&after={document['next']}"
        process(recording, WAIT)  # what is newer than a page changes nothing in those that follow
    assert found == sorted(set(found), reverse=True)
    last = page(recording, "limit=1000")
    assert last["next"] is None
    assert [entry["id"] for entry in last["jobs"] if entry["id"] <= found[0]][: len(found)] == found


def test_pages_of_one_state(recording: Running) -> None:
    failed = process(recording, MISSING).header("job-id")
    process(recording, WAIT)
    document = page(recording, "state=failed&limit=1")
    assert [entry["id"] for entry in document["jobs"]] == [failed]
    assert {entry["state"] for entry in page(recording, "state=done")["jobs"]} == {"done"}
    assert page(recording, "state=lost") == {"jobs": [], "next": None}


@pytest.mark.parametrize("recording", [name for name in DEEP if name != "wsgi-sync"], indirect=True)
def test_a_running_job_is_seen_running(recording: Running) -> None:
    """By whoever is served meanwhile: not by a server of one request at a time."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(process, recording, {"operation": "wait", "duration_ms": 1500})
        seen: list[Any] = []
        while not seen and not answer.done():
            seen = page(recording, "state=running")["jobs"]
        assert [(entry["operation"], entry["finished"], entry["duration_ms"]) for entry in seen] == [
            ("wait", None, None)
        ]
        assert job(recording, answer.result().header("job-id"))["state"] == "done"


@pytest.mark.parametrize(
    ("target", "status", "said"),
    [
        ("/jobs?limit=0", 400, "limit"),
        ("/jobs?limit=1%20or%201", 400, "limit"),
        ("/jobs?state=faild", 400, "'failed'"),
        ("/jobs?state=done'%20or%20'1'='1", 400, "'done'"),
        ("/jobs?state=", 400, "running"),
        ("/jobs?after=x", 400, "after"),
        ("/jobs?after='", 400, "after"),
        ("/jobs?after=%00%ff", 400, "after"),
        ("/jobs/", 404, "''"),
        ("/jobs/1%27%20or%201=1", 404, "or 1=1"),
        ("/jobs/018f0000-0000-7000-8000-000000000000", 404, "018f"),
        ("/jobs/018F0000-0000-7000-8000-00000000000A", 404, "018F"),
        ("/jobs/%ff", 400, "UTF-8"),
    ],
)
def test_what_is_refused(recording: Running, target: str, status: int, said: str) -> None:
    answer = ask(recording.port, "GET", target)
    assert answer.header("content-type") == "application/problem+json"
    assert answer.status == status, answer.body
    assert said in json.loads(answer.body)["detail"]


def test_all_servers_show_the_same_jobs(serve_recording: Serve, kind: str) -> None:
    servers = [serve_recording(name, kind) for name in DEEP]
    ids = [process(server, document).header("job-id") for server in servers for document in (WAIT, MISSING)]
    targets = ["/ready", "/jobs?limit=3", "/jobs?state=failed&limit=2", *(f"/jobs/{name}" for name in ids)]
    for target in targets:
        for method in ("GET", "HEAD"):
            first, *others = (ask(server.port, method, target).comparable() for server in servers)
            assert others == [first] * len(others), target
            assert first[0] == 200, target


def test_readiness(recording: Running, kind: str) -> None:
    database = {"kind": kind, "schema_version": len(MIGRATIONS)}
    answer = ask(recording.port, "GET", "/ready")
    assert json.loads(answer.body) == {"status": "ready", "catalogue": "readable", "database": database}


@pytest.mark.parametrize("name", [*DEEP, "asgi-threadpool"])
def test_recording_can_be_switched_off(name: str, library: Path, tmp_path: Path) -> None:
    path = tmp_path / "jobs"
    environment = {"TWINS_JOBS": "off", "TWINS_DATABASE_URL": f"sqlite:{path}"}
    with running(name, library, environment=environment) as server:
        answer = process(server, WAIT)
        assert (answer.status, answer.header("job-id")) == (200, None)
        for target in ("/jobs", "/jobs/018f0000-0000-7000-8000-000000000000"):
            refused = ask(server.port, "GET", target)
            assert refused.status == 404
            assert "TWINS_JOBS" in json.loads(refused.body)["detail"]
        assert json.loads(ask(server.port, "GET", "/ready").body)["database"] is None
        assert not path.exists()


@pytest.mark.parametrize(("name", "kind"), crossed("wsgi-forked", "asgi-uvicorn-forked"))
def test_many_server_processes_open_an_empty_database_at_once(
    name: str, library: Path, new_database: Callable[[str], str], kind: str
) -> None:
    environment = {"TWINS_DATABASE_URL": new_database(kind)}
    with (
        running(name, library, processes=4, environment=environment) as server,
        ThreadPoolExecutor(16) as pool,
    ):
        answers = list(pool.map(lambda _: process(server, WAIT), range(32)))
        assert [answer.status for answer in answers] == [200] * 32, server.log.read_text()
        assert len(page(server)["jobs"]) == 32


@pytest.mark.parametrize(("name", "kind"), crossed(*DEEP))
def test_a_job_whose_server_process_was_killed_is_lost(
    name: str, library: Path, new_database: Callable[[str], str], kind: str
) -> None:
    environment = {"TWINS_DATABASE_URL": new_database(kind)}
    with (
        running(name, library, environment=environment) as killed,
        running(name, library, environment=environment) as living,
        running(name, library, environment=environment) as idle,
        ThreadPoolExecutor(2) as pool,
    ):
        long = {"operation": "wait", "duration_ms": 9000}
        futures = [pool.submit(process, server, long) for server in (killed, living)]
        while len(page(idle, "state=running")["jobs"]) < 2:
            assert not any(future.done() for future in futures)
        os.killpg(killed.process.pid, signal.SIGKILL)
        killed.process.wait()
        with running(name, library, environment=environment) as later:
            assert len(page(later, "state=lost")["jobs"]) == 1
            assert len(page(later, "state=running")["jobs"]) == 1
            lost = page(later, "state=lost")["jobs"][0]
            assert (lost["finished"], lost["duration_ms"], lost["error"]) == (None, None, None)
        os.killpg(living.process.pid, signal.SIGKILL)


@pytest.mark.parametrize("name", DEEP)
def test_a_newer_schema_is_left_alone(
    name: str, library: Path, new_database: Callable[[str], str], kind: str
) -> None:
    url = new_database(kind)
    statements = ("create table jobs_schema (version integer)", "insert into jobs_schema values (99)")
    if kind == "sqlite":
        with sqlite3.connect(url.removeprefix("sqlite:")) as file:
            for statement in statements:
                file.execute(statement)
        file.close()
    else:
        with psycopg.connect(url) as connection:
            for statement in statements:
                connection.execute(statement.encode())
    with running(name, library, environment={"TWINS_DATABASE_URL": url}) as server:
        for answer in (process(server, WAIT), ask(server.port, "GET", "/ready")):
            assert answer.status == 503
            assert "99" in json.loads(answer.body)["detail"]
        assert ask(server.port, "GET", "/health").status == 200
