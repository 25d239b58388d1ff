"""Two applications that were never written for the laboratory, measured from a plan alone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
TWINS = Path(sys.executable).with_name("twins")
WAIT_MS = 40
PLAN = """# Which of our two servers takes more requests that wait?
blocks = 2

[time]
warmup_s = 0.5
measure_s = 1
drain_s = 1

[load]
users = [2, 8]

[servers.threads]
command = ["gunicorn", "--bind", "127.0.0.1:{port}", "--threads", "4", "mine_wsgi:app"]
health = "/waited"
interface = "wsgi"
slots = 4
slot_kind = "thread"

[servers.tasks]
command = ["uvicorn", "--port", "{port}", "--log-level", "error", "mine_asgi:app"]
health = "/waited"
interface = "asgi"
slots = 100
slot_kind = "task"

[scenarios.waited]
kind = "get"
parameters = { path = "/waited" }

[[compare]]
server = "tasks"
baseline = "threads"
scenario = "waited"
level = { kind = "users", value = 8 }
metric = "throughput"
"""
WSGI = f"""
import time
from counting import counted_wsgi
from shared.words import GREETING

def app(environ, start_response):
    if environ["PATH_INFO"] != "/waited":
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    time.sleep({WAIT_MS / 1000})
    start_response("200 OK", [("Content-Length", str(len(GREETING)))])
    return [GREETING]

app = counted_wsgi(app)
"""
ASGI = f"""
import asyncio
from counting import counted_asgi
from shared.words import GREETING

async def app(scope, receive, send):
    assert scope["type"] == "http"
    known = scope["path"] == "/waited"
    await asyncio.sleep({WAIT_MS / 1000} if known else 0)
    length = str(len(GREETING) if known else 0).encode()
    status = 200 if known else 404
    await send({{"type": "http.response.start", "status": status, "headers": [(b"content-length", length)]}})
    await send({{"type": "http.response.body", "body": GREETING if known else b""}})

app = counted_asgi(app)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its own `shared` package and its own modules of names that are ours or the standard library's."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "shared").mkdir()
    (folder / "shared" / "__init__.py").write_text("")
    (folder / "shared" / "words.py").write_text('GREETING = b"hello"\n')
    (folder / "shared" / "settings.py").write_text('raise RuntimeError("the settings of the project")\n')
    for name in ("settings", "types", "model", "loadtests"):
        (folder / f"{name}.py").write_text(f'raise RuntimeError("the {name} of the project")\n')
    (folder / "locust.conf").write_text("users = nonsense\n")
    counting = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "counting.md").read_text(), re.DOTALL)
    (folder / "counting.py").write_text("".join(counting))
    (folder / "mine_wsgi.py").write_text(WSGI)
    (folder / "mine_asgi.py").write_text(ASGI)
    (folder / "plan.toml").write_text(PLAN)
    return folder


@pytest.fixture(scope="module")
def summary(project: Path) -> dict[str, Any]:
    environment = {
        **os.environ,
        "PATH": f"{TWINS.parent}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(project / "cache"),
        "NO_COLOR": "1",
    }
    for name in ("TWINS_SET", "PYTHONPATH"):
        environment.pop(name, None)
    done = subprocess.run(  # noqa: S603 - our own command
        [TWINS, "suite", "plan.toml"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (project / "results").iterdir()
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


def test_the_plan_is_short() -> None:
    assert len(PLAN.splitlines()) < 40


def test_a_verdict_is_given(summary: dict[str, Any]) -> None:
    """4 slots against 8 users that wait: twice as fast, unless others take the generator's core."""
    (answer,) = summary["answers"]
    assert answer["verdict"] in ("faster", "inconclusive", "at least", "at most", "generator-limited"), answer
    assert answer["ratio"] is None or 1.4 < answer["ratio"] < 2.6, answer
    assert summary["state"] != "invalid", summary["reasons"]


def test_every_request_was_counted_by_the_servers(summary: dict[str, Any]) -> None:
    assert len(summary["cells"]) == 8
    for name, cell in summary["cells"].items():
        counts = [check["status"] for check in cell["checks"] if check["name"] == "request count"]
        assert counts == ["ok"], name


def test_the_slots_bound_is_told_and_what_bounds_each(summary: dict[str, Any]) -> None:
    (curve,) = (curve for curve in summary["curves"] if curve["server"] == "threads")
    assert curve["slots"] == 4
    assert curve["bound_per_s"] is None or curve["bound_per_s"] < 4.1 / WAIT_MS * 1000
    texts = {text["server"]: text["text"] for text in summary["explanations"].values()}
    assert set(texts) == {"threads", "tasks"}
    assert any(
        cell["slot_kind"] == "thread" and cell["interface"] == "wsgi" for cell in summary["cells"].values()
    )


def test_nothing_of_the_twins_reaches_the_servers(summary: dict[str, Any]) -> None:
    for cell in summary["cells"].values():
        assert set(cell["server_environment"]) == {"TWINS_COUNTERS"}
