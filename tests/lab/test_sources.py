"""The identity of one's own code: what changes it, what does not, and what follows for a run."""

import shutil
import sys
from pathlib import Path

import pytest

from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import resolved
from loadtests.lab.sources import own_code
from tests.lab.conftest import Laboratory

APP = (Path(__file__).parent / "planted.py").read_text(encoding="utf-8")


def code(folder: Path, *patterns: str) -> str:
    document = {
        "load": {"users": [1]},
        "servers": {"mine": {"command": ["python", "app.py"], "code": list(patterns)}, "wsgi-sync": {}},
        "scenarios": {"health": {}},
    }
    (digest,) = own_code(resolved(document, "a test"), folder).values()
    return digest


def test_a_changed_module_is_other_code(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("a = 1\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "views.py").write_text("b = 1\n")
    before = code(tmp_path)
    assert code(tmp_path) == before
    (tmp_path / "notes.txt").write_text("no code")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "x.py").write_text("somebody else's")
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "env" / "x.py").write_text("somebody else's")
    (tmp_path / "dangling.py").symlink_to("nowhere")
    assert code(tmp_path) == before
    (tmp_path / "package" / "views.py").write_text("b = 2\n")
    changed = code(tmp_path)
    assert changed != before
    (tmp_path / "package" / "views.py").rename(tmp_path / "package" / "pages.py")
    assert code(tmp_path) not in (before, changed)


def test_a_plan_names_its_code(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("a = 1\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.go").write_text("package main\n")
    (tmp_path / "queries.sql").write_text("select 1\n")
    before = code(tmp_path, "src", "*.sql")
    (tmp_path / "app.py").write_text("a = 2\n")
    assert code(tmp_path, "src", "*.sql") == before
    (tmp_path / "queries.sql").write_text("select 2\n")
    assert code(tmp_path, "src", "*.sql") != before
    with pytest.raises(PlanError, match=r"servers\.mine\.code: 'nowhere/\*' is no file, folder or pattern"):
        code(tmp_path, "nowhere/*")


def test_a_run_of_changed_code_is_not_resumed(laboratory: Laboratory) -> None:
    app = laboratory.folder / "app.py"
    app.write_text(APP)
    command = f'["{sys.executable}", "app.py", "good", "{{port}}", "{{files}}"]'
    plan = laboratory.plan(
        f"[servers.mine]\ncommand = {command}\n[scenarios.download-small]\n[load]\nusers = [1]\n"
    )
    assert laboratory.twins("suite", plan, "--no-report", "--set", "blocks=1").code == 0
    run = laboratory.run_directory()
    for cell in (run / "cells").iterdir():
        shutil.rmtree(cell)
    app.write_text(APP + "# changed\n")
    refused = laboratory.twins("suite", "--no-report", "--resume", str(run))
    assert refused.code == 2
    assert "the code of mine changed" in refused.err
    assert laboratory.twins("suite", "--no-report", "--resume", str(run), "--force").code == 0
