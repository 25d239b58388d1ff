"""How a server's processes share the requests: as an access log of the same run tells."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loadtests import archive
from loadtests.checks.balance import UNEVEN
from tests.conftest import require
from tests.lab.conftest import ROOT, Laboratory

USERS = 32
GUNICORN = (
    '["{{python}}", "-m", "gunicorn", "--bind", "127.0.0.1:{{port}}", "--no-control-socket", '
    '"--workers", "2", "--worker-class", "gthread", "--threads", "16", "--graceful-timeout", "1", '
    '"--access-logfile", "{log}", "--access-logformat", "%(p)s %(a)s", {more}]'
)
APPLICATION = """
from counting import counted_wsgi

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

app = counted_wsgi(app)
"""
STOPPED = """
import os, signal, threading
from pathlib import Path
from wsgi_app import app

try:
    Path(f"{os.environ['STOPPED']}-{os.getppid()}").touch(exist_ok=False)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGSTOP)).start()
except FileExistsError:
    pass
"""
SERVER = """
[servers.{name}]
command = {command}
health = "/health"
interface = "wsgi"
slots = 32
slot_kind = "thread"
inherit = ["PYTHONPATH", "STOPPED", "TWINS_FILES"]
"""

COMPARED = f"""
[[compare]]
server = "stopped"
baseline = "kept"
scenario = "health"
level = {{ kind = "users", value = {USERS} }}
metric = "throughput"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, served: Path) -> Path:
    """A finished run of three servers of two processes each, and their access logs beside it."""
    require(Path("/proc/self/task").is_dir(), "there is no /proc")
    folder = tmp_path_factory.mktemp("balance")
    counting = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "counting.md").read_text(), re.DOTALL)
    (folder / "counting.py").write_text("".join(counting))
    (folder / "mine.py").write_text(APPLICATION)
    (folder / "half_stopped.py").write_text(STOPPED)
    laboratory = Laboratory.of(folder, served, PYTHONPATH=f"{ROOT}:{folder}", STOPPED=str(folder / "stopped"))
    lines = {
        "kept": '"mine:app"',
        "recycled": '"--max-requests", "40", "mine:app"',
        "stopped": '"half_stopped:app"',
    }
    servers = "".join(
        SERVER.format(name=name, command=GUNICORN.format(log=folder / f"{name}.log", more=more))
        for name, more in lines.items()
    )
    scenario = '[scenarios.health]\nkind = "get"\nparameters = { path = "/health" }\n'
    plan = laboratory.plan(f"[load]\nusers = [{USERS}]\n{scenario}{servers}{COMPARED}")
    outcome = laboratory.twins("suite", plan, "--set", "blocks=1", "--set", "time.start_s=20")
    assert outcome.code == 0, outcome.err
    return laboratory.run_directory()


def summary(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return document


@pytest.mark.parametrize("server", ["kept", "recycled", "stopped"])
def test_the_share_of_the_busiest_process_is_what_an_access_log_tells(run: Path, server: str) -> None:
    lines = (run.parent.parent / f"{server}.log").read_text().splitlines()
    logged = Counter(int(line.split()[0].strip("<>")) for line in lines if line.endswith("twins"))
    (cell,) = (cell for cell in archive.read_cells(run) if cell.server == server)
    counted = {process.process: process.requests for process in cell.process_counts if process.requests}
    assert counted == logged
    assert (len(logged) > 2) == (server == "recycled")
    (told,) = (cell for cell in summary(run)["cells"].values() if cell["server"] == server)
    assert told["busiest_share"] == pytest.approx(max(logged.values()) / logged.total())


def test_a_process_that_stands_still_is_named(run: Path) -> None:
    """By the check, which warns, and by the explanation; the page shows both."""
    (cell,) = (cell for cell in archive.read_cells(run) if cell.server == "stopped")
    (check,) = (check for check in cell.checks if check.name == "balance")
    (idle,) = (process for process in cell.process_counts if not process.requests)
    assert (check.status, check.figure, check.limit) == ("warning", 1.0, UNEVEN / 2)
    assert "one of two processes took 100\N{NO-BREAK SPACE}% of the requests" in check.advice
    assert f"process {idle.process}: 0" in check.advice
    (told,) = (text for text in summary(run)["explanations"].values() if text["server"] == "stopped")
    assert told["text"].endswith("One of two processes took 100\N{NO-BREAK SPACE}% of the requests.")
    page = (run / "report.html").read_text()
    assert "One of two processes took 100" in page
    assert "busiest process" in page
