"""What is optional is imported where it is used: a face serves with SQLite where all of it is absent."""

import json
from pathlib import Path

import pytest

from loadtests.subjects.twins.launching import launch
from loadtests.subjects.twins.servers import SERVERS
from tests.contract.conftest import PAIR
from tests.servers import free_port, running_command
from tests.wire import ask

# psycopg without libpq fails with an ImportError, too
HOOK = """
import sys

ABSENT = ("psycopg", "psycopg_pool", "psycopg_binary", "gevent", "greenlet", "brotli", "zstandard")

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ImportError(f"{name} is not to be had here")

sys.meta_path.insert(0, Absent())
"""
JSON = [("Content-Type", "application/json")]
WORK = b'{"operation": "wait", "duration_ms": 0}'


@pytest.mark.parametrize("name", PAIR)
def test_a_face_serves_without_what_is_optional(name: str, tmp_path: Path) -> None:
    (hook := tmp_path / "hook").mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    (tmp_path / "a.txt").write_text("hello")
    port = free_port()
    line = launch(SERVERS[name], port=port, files=tmp_path)
    environment = {"PYTHONPATH": str(hook), "TWINS_DATABASE_URL": f"sqlite:{tmp_path / 'jobs.sqlite'}"}
    with running_command(name, line, port, environment):
        health = json.loads(ask(port, "GET", "/health").body)
        assert ask(port, "POST", "/process", JSON, WORK).status == 200
        assert len(json.loads(ask(port, "GET", "/jobs").body)["jobs"]) == 1
        assert ask(port, "GET", "/files/a.txt").body == b"hello"
    assert health["jobs"] == "sqlite"
    assert (health["gil"], health["free_threaded"]) == (True, False), "these tests run on a build with GIL"
