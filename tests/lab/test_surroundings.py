"""What surrounds a user's shell: variables, files in the folder and in the home. None of it is measured."""

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from loadtests import archive
from loadtests.model.inherited import SYSTEM, inherited
from loadtests.model.records import CellRecord
from tests.lab.conftest import Laboratory

LOCUST = "twins-think-ms = 150\nusers = 1\nstop-timeout = 1\nrun-time = 1s\n"
HOSTILE = {
    "LOCUST_TWINS_THINK_MS": "150",
    "LOCUST_RUN_TIME": "1s",
    "LOCUST_LOGLEVEL": "DEBUG",
    "WEB_CONCURRENCY": "3",
    "GUNICORN_CMD_ARGS": "--access-logfile - --workers 2",
    "UVICORN_ACCESS_LOG": "1",
    "UVICORN_WORKERS": "2",
    "UVICORN_LOG_LEVEL": "debug",
    "GRANIAN_ACCESS_LOG_ENABLED": "true",
    "GRANIAN_WORKERS": "2",
    "GRANIAN_LOG_LEVEL": "debug",
    "PYTHONDEVMODE": "1",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONSTARTUP": "nowhere.py",
    "PYTHONOPTIMIZE": "1",
    "MALLOC_ARENA_MAX": "1",
    "GEVENT_RESOLVER": "ares",
    "TWINS_HANDLERS": "threads",
    "TWINS_TOKEN_FILE": "nowhere",
    "WORDS_OF_MINE": "the words of the secret",
}
TELLING = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Path("told.json").write_text(json.dumps({"environment": dict(os.environ), "folder": os.getcwd()}))

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Authorization"):
            Path("credentials.txt").write_text(self.headers["Authorization"])
        body = b'{"status":"ok"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PLAN = f"""
[servers.wsgi-gevent]
[servers.asgi-uvicorn]
[servers.granian-asgi]
[servers.own]
command = ["{sys.executable}", "telling.py", "{{port}}"]
inherit = ["WORDS_*", "MALLOC_ARENA_MAX"]
environment = {{ MALLOC_ARENA_MAX = "2", OF_THE_PLAN = "1" }}
[scenarios.health]
[load]
users = [2]
client = "http"
[pinning]
mode = "none"
"""


@contextmanager
def refusing_proxy() -> Iterator[tuple[int, list[int]]]:
    """A proxy that nothing should come to: its port, and a place for the number of those that came."""
    came: list[int] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                listener.accept()[0].close()
                came.append(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], came


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory, served: Path) -> tuple[Path, dict[str, CellRecord]]:
    """One short run in a folder, with a home and in a shell that are full of other people's settings."""
    folder = tmp_path_factory.mktemp("surroundings")
    home = folder / "home"
    home.mkdir()
    (home / ".locust.conf").write_text(LOCUST)
    (home / ".netrc").write_text("default login somebody password else\n")
    (home / ".netrc").chmod(0o600)
    (folder / "locust.conf").write_text(LOCUST)
    (folder / "pyproject.toml").write_text("[tool.locust]\n" + LOCUST.replace("1s", '"1s"'))
    (folder / "gunicorn.conf.py").write_text('accesslog = "-"\nworkers = 2\n')
    (folder / ".env").write_text("WEB_CONCURRENCY=2\n")
    (folder / "telling.py").write_text(TELLING)
    with refusing_proxy() as (port, came):
        proxies = dict.fromkeys(("HTTP_PROXY", "ALL_PROXY"), f"http://127.0.0.1:{port}")
        environment = {
            **os.environ,
            **HOSTILE,
            **proxies,
            **{name.lower(): url for name, url in proxies.items()},
            "HOME": str(home),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "TWINS_FILES": str(served),
        }
        laboratory = Laboratory(folder, environment)
        plan = laboratory.plan(PLAN)
        more = ("--no-report", "--set", "blocks=1", "--set", "time.start_s=20", "--set", "time.measure_s=1")
        outcome = laboratory.twins("suite", plan, *more)
        assert outcome.code == 0, outcome.out + outcome.err
        assert not came, "the proxy was measured"
    run = laboratory.run_directory()
    return run, {cell.server: cell for cell in archive.read_cells(run)}


def test_no_setting_of_locust_leaks_in(cells: tuple[Path, dict[str, CellRecord]]) -> None:
    for cell in cells[1].values():
        assert cell.state != "invalid", cell.reason
        assert cell.generator is not None
        assert cell.generator.parameters == {"think_ms": 0.0}
        assert cell.generator.users == 2
        assert cell.generator.measure_us - cell.generator.warmup_us >= 390_000


def test_no_setting_of_a_server_leaks_in(cells: tuple[Path, dict[str, CellRecord]]) -> None:
    run, found = cells
    for name in ("wsgi-gevent", "asgi-uvicorn", "granian-asgi"):
        server_run = found[name].server_run
        assert server_run is not None
        assert server_run.health["processes"] == 1
        log = (run / "cells" / found[name].id / "server.log").read_text()
        assert "GET /health" not in log, "an access log is written"


def test_no_credentials_of_a_home_are_sent(cells: tuple[Path, dict[str, CellRecord]]) -> None:
    assert not (cells[0].parent.parent / "credentials.txt").exists()


def test_a_server_of_one_s_own_gets_what_the_plan_says(cells: tuple[Path, dict[str, CellRecord]]) -> None:
    run = cells[0]
    told = json.loads((run.parent.parent / "told.json").read_text())
    assert told["folder"] == str(run.parent.parent), "its files are its configuration"
    environment = told["environment"]
    assert environment["WORDS_OF_MINE"] == HOSTILE["WORDS_OF_MINE"]
    assert environment["MALLOC_ARENA_MAX"] == "2", "the plan is stronger than the shell"
    assert environment["OF_THE_PLAN"] == "1"
    assert environment["HOME"] == str(run.parent.parent / "home")
    leaked = set(HOSTILE) - {"WORDS_OF_MINE", "MALLOC_ARENA_MAX"}
    assert not leaked & set(environment)
    assert not {name for name in environment if "proxy" in name.lower()}


def test_what_was_taken_over_is_recorded_and_no_secret_is(cells: tuple[Path, dict[str, CellRecord]]) -> None:
    run, found = cells
    manifest = archive.read_manifest(run)
    assert manifest.environment["PATH"] == os.environ["PATH"]
    assert not set(HOSTILE) & set(manifest.environment)
    own = found["own"].server_run
    assert own is not None
    assert own.environment["WORDS_OF_MINE"] == "(taken over from the shell)"
    assert own.environment["MALLOC_ARENA_MAX"] == "2"
    for path in run.rglob("*"):
        assert path.is_dir() or HOSTILE["WORDS_OF_MINE"].encode() not in path.read_bytes()


def test_names_and_patterns_of_names() -> None:
    shell = {"LANG": "C", "LC_ALL": "C", "LCX": "1", "PATH": "/bin", "path": "/x", "PYTHONPATH": "/y"}
    assert inherited(SYSTEM, shell) == {"LANG": "C", "LC_ALL": "C", "PATH": "/bin"}
    assert inherited(["PYTHON*"], shell) == {"PYTHONPATH": "/y"}


def test_an_interpreter_without_docstrings_is_one_sentence(laboratory: Laboratory) -> None:
    """Altair cannot be imported then: a report would fail after all was measured."""
    stripped = Laboratory(laboratory.folder, {**laboratory.environment, "PYTHONOPTIMIZE": "2"})
    outcome = stripped.twins("list", "servers")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("twins: PYTHONOPTIMIZE=2 ")
    assert outcome.err.count("\n") == 1
