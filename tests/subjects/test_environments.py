"""Servers that run on another Python environment, and of a revision: what ran there stands in the report."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.planfile import find_plan, read_plan, resolved
from loadtests.lab.runtimes import interpreter_of, runtimes
from loadtests.lab.servers.specs import planned_means
from tests.subjects.conftest import Foreign

LONG = "#!/bin/sh\n'''exec' {} \"$0\" \"$@\"\n' '''\nimport re\n"  # as pip writes them
TWINS = Path(sys.executable).with_name("twins")
APP = """from flask import Flask
from importlib.metadata import version
app = Flask(__name__)
WORD = "{word}"
@app.get("/")
def index():
    return WORD
@app.get("/versions")
def versions():
    return {{name: version(name) for name in ("flask", "werkzeug", "gunicorn")}}
"""
COMMAND = '["gunicorn", "--no-control-socket", "--bind", "{host}:{port}", "-w{processes}", "app:app"]'
PLAN = f"""# Does the new revision serve more, and does the other environment?
blocks = 1
[time]
warmup_s = 0.1
measure_s = 0.4
start_s = 60
[load]
users = 2
[servers.foreign]
command = {COMMAND.replace(', "--no-control-socket"', "")}
python = "../venv"
directory = "app"
processes = 1
slot = "process"
[servers.old]
command = {COMMAND}
python = "HERE"
directory = "app"
revision = "v1"
prepare = [["{{python}}", "-c", "open('prepared', 'w').write('x')"]]
processes = 1
slot = "process"
[scenarios.get]
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(  # noqa: S603
        ["git", *identity, *arguments],  # noqa: S607
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def finished(foreign_environment: Foreign, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of both servers, started from elsewhere; its folder, and the commit of the revision."""
    home = tmp_path_factory.mktemp("team")
    (home / "venv").symlink_to(foreign_environment.folder)
    project = home / "project"
    (project / "app").mkdir(parents=True)
    git(project, "init", "-q")
    for word in ("old", "new"):
        (project / "app" / "app.py").write_text(APP.format(word=word))
        git(project, "add", ".")
        git(project, "commit", "-qm", word)
        if word == "old":
            git(project, "tag", "v1")
    (project / "plan.toml").write_text(PLAN.replace("HERE", sys.executable))
    environment = {**os.environ, "XDG_CACHE_HOME": str(home / "cache"), "NO_COLOR": "1"}
    done = subprocess.run(  # noqa: S603
        [TWINS, "suite", "project/plan.toml"],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(project, "worktree", "list").count("\n") == 0
    (run,) = (home / "results").iterdir()
    return run, git(project, "rev-parse", "v1")


def test_the_versions_told_are_the_servers(finished: tuple[Path, str], foreign_environment: Foreign) -> None:
    run, commit = finished
    manifest: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    foreign, old = (manifest["runtimes"][label] for label in ("foreign", "old"))
    told = {name: foreign["packages"][name] for name in foreign_environment.versions}
    assert told == foreign_environment.versions
    assert all(old["packages"][name] != version for name, version in told.items())
    assert foreign["executable"].endswith("/venv/bin/python")
    assert (old["executable"], foreign["gil"], foreign["free_threaded"]) == (sys.executable, True, False)
    assert manifest["revisions"] == {"old": commit}
    assert set(manifest["own_code"]) == {"foreign", "old"}
    assert manifest["own_code"]["foreign"] != manifest["own_code"]["old"]
    assert (run / "prepare" / "old.log").read_text().startswith("$ ")


def test_the_report_tells_of_the_servers_not_of_the_laboratory(
    finished: tuple[Path, str], foreign_environment: Foreign
) -> None:
    run, commit = finished
    page, text = (run / "report.html").read_text(), (run / "report.md").read_text()
    table = page.partition("What foreign ran on</h3>")[2].partition("</table>")[0]
    cells = dict(re.findall(r"<th[^>]*>([^<]*)</th><td[^>]*>([^<]*)</td>", table))
    for name, version in foreign_environment.versions.items():
        assert cells[name] == version
        assert f"{name} {version}" in text
    assert cells["GIL"] == "on"
    assert commit in text
    laboratory = page.partition("Versions of the laboratory</h3>")[2].partition("</table>")[0]
    assert ">locust<" in laboratory
    assert ">flask<" not in laboratory.lower()


def test_the_cells_ran_where_the_plan_says(finished: tuple[Path, str]) -> None:
    run, _ = finished
    summary = json.loads((run / "summary.json").read_text())
    assert {cell["server"] for cell in summary["cells"].values()} == {"foreign", "old"}
    assert {cell["slots"] for cell in summary["cells"].values()} == {1}
    assert summary["method"]["matched"] == "capacity-matched"
    for cell in summary["cells"].values():
        assert cell["state"] != "invalid", cell["reason"]


def plan_of(folder: Path, **server: Any) -> Plan:
    document = {"servers": {"mine": server}, "scenarios": {"get": {}}, "load": {"users": [1]}}
    (folder / "plan.toml").write_text("")
    return resolved(document, "a test")


def test_a_program_of_another_python_is_told(
    foreign_environment: Foreign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """locust is installed here and not there: it would have run on the laboratory's Python."""
    monkeypatch.setenv("PATH", str(TWINS.parent), prepend=os.pathsep)
    python = str(foreign_environment.folder / "bin" / "python")
    plan = plan_of(tmp_path, command=["locust", "{port}"], python=python)
    with pytest.raises(PlanError, match=r"'locust' is .*, a program of .* install locust there\.$"):
        runtimes(plan)
    found = runtimes(plan_of(tmp_path, command=["gunicorn", "{port}"], python=python))
    assert found["mine"].executable == python
    there = {"PATH": str(foreign_environment.folder / "bin")}
    named = runtimes(plan_of(tmp_path, command=["gunicorn", "{port}"], environment=there))["mine"]
    assert named.packages["gunicorn"] == foreign_environment.versions["gunicorn"]


def test_what_is_no_python_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"^servers\.mine\.python = '/bin/false' does not say what it is"):
        runtimes(plan_of(tmp_path, command=["{python}", "{port}"], python="/bin/false"))
    assert runtimes(plan_of(tmp_path, command=["sh", "-c", "true"])) == {}
    here = runtimes(plan_of(tmp_path, command=["{python}", "{port}"]))["mine"]
    assert here.executable == sys.executable


@pytest.mark.parametrize(
    ("name", "begin", "interpreter"),
    [
        ("python3.12", "", "{self}"),
        ("tool", "#!/opt/venv/bin/python3\nimport x\n", "/opt/venv/bin/python3"),
        ("tool", "#!/opt/pypy/bin/pypy3\n", "/opt/pypy/bin/pypy3"),
        ("tool", LONG.format('"/a long/path/python"'), "/a long/path/python"),
        ("tool", LONG.format("/path/python3"), "/path/python3"),
        ("tool", "#!/bin/sh\necho\n", None),
        ("tool", "\x7fELF", None),
        ("tool", "", None),
    ],
)
def test_a_programs_python_stands_in_its_first_lines(
    name: str, begin: str, interpreter: str | None, tmp_path: Path
) -> None:
    program = tmp_path / name
    program.write_text(begin)
    found = interpreter_of(program, os.environ["PATH"])
    assert found == (interpreter and interpreter.format(self=program))


def test_a_plan_promises_matched_means_only_where_slots_are_declared(tmp_path: Path) -> None:
    def means(**server: Any) -> str:
        return planned_means(plan_of(tmp_path, command=["serve", "{port}"], **server))

    assert means() == "capacity unknown (slots of mine not declared)"
    assert means(slots=4) == means(slot="task") == means(slot="process", processes=2) == "capacity-matched"
    assert means(slot="thread", threads=4) == "capacity unknown (slots of mine not declared)"
    assert planned_means(read_plan(find_plan("quick"))) == "capacity-matched"
