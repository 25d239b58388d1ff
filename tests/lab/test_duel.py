"""Two commands for the impatient: a plan that is written, and an answer that needs none."""

import json
import os
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from loadtests.commands.duelling import BLOCKS, TIMES, duel_plan
from loadtests.lab.order import planned_cells
from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import read_plan
from loadtests.lab.suite import estimate_s, unsteady_s
from loadtests.lab.template import contenders, own_plan, table_plan
from tests.lab.conftest import Laboratory
from tests.shops import FOLDER, shop_command

WSGI = "gunicorn mine:app --bind 127.0.0.1:{port}"
ASGI = "{python} -m uvicorn 'my app':app --port {port}"
FASTEST = "blocks=2;time.warmup_s=0.2;time.warmup_max_s=0.4;time.measure_s=0.6;time.drain_s=0.5"


def test_the_plan_of_two_commands_is_short_commented_and_valid(tmp_path: Path) -> None:
    text = own_plan(contenders([WSGI, ASGI]), "/items/1")
    assert len(text.splitlines()) < 40
    (tmp_path / "plan.toml").write_text(text)
    plan = read_plan(tmp_path / "plan.toml")
    assert list(plan.servers) == ["gunicorn", "uvicorn"]
    assert plan.servers["uvicorn"].command == ["{python}", "-m", "uvicorn", "my app:app", "--port", "{port}"]
    assert [request.path for request in plan.scenarios["own"].requests] == ["/items/1"]
    assert len(table_plan().splitlines()) < 40
    tomllib.loads(table_plan())


def test_two_commands_of_one_program_have_two_names() -> None:
    assert [side.name for side in contenders([WSGI, "/usr/bin/gunicorn --bind :{port} b:app"])] == [
        "gunicorn-a",
        "gunicorn-b",
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("gunicorn mine:app", "does not say where its port goes"),
        ("", "a command is empty"),
        ("gunicorn 'mine:app --bind :{port}", "cannot be read"),
    ],
)
def test_a_command_that_cannot_be_a_servers_is_one_sentence(command: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        contenders([command, ASGI])


def test_a_duel_takes_four_minutes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWINS_SET", raising=False)
    plan = duel_plan(WSGI, ASGI, "/", None, 16, ["$.id"])
    cells = planned_cells(plan)
    assert len(cells) == 2 * BLOCKS
    assert estimate_s(plan, cells) + unsteady_s(plan, cells) + len(cells) * TIMES["drain_s"] < 240
    assert plan.scenarios["own"].ignore == ["$.id"]
    (primary,) = plan.compare
    assert (primary.server, primary.baseline, primary.level.value) == ("uvicorn", "gunicorn", 16)


def test_a_duel_takes_requests_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWINS_SET", raising=False)
    (tmp_path / "rows.csv").write_text("item\n1\n")
    file = tmp_path / "requests.toml"
    file.write_text('feed = "rows.csv"\nignore = ["$.at"]\n[[requests]]\npath = "/items/{item}"\n')
    scenario = duel_plan(WSGI, ASGI, "/", file, 8, ["$.id"]).scenarios["own"]
    assert scenario.feed is not None
    assert scenario.feed.file == str(tmp_path / "rows.csv")
    assert scenario.ignore == ["$.at", "$.id"]
    file.write_text("[[request]]\n")
    with pytest.raises(PlanError, match="request is not a key"):
        duel_plan(WSGI, ASGI, "/", file, 8, [])


def test_init_writes_a_plan_that_runs_and_a_duel_answers(laboratory: Laboratory) -> None:
    commands = [
        shlex.join(shop_command("gunicorn-gthread", "flask")),
        shlex.join(shop_command("uvicorn", "fastapi")),
    ]
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    at = Laboratory(laboratory.folder, {**laboratory.environment, "PATH": search})
    (laboratory.folder / "shop").symlink_to(FOLDER / "shop")  # the commands run where the user is
    written = at.twins("init", *commands, "--path", "/items/7", "--file", "mine.toml")
    assert written.code == 0, written.err
    assert "is valid" in at.twins("plan", "validate", "mine.toml").out
    assert at.twins("init", *commands, "--file", "mine.toml").code == 2
    short = Laboratory(laboratory.folder, {**at.environment, "TWINS_SET": FASTEST + ";load.users=2"})
    outcome = short.twins("duel", *commands, "--path", "/items/7", "--users", "2", "--json", timeout_s=280)
    assert outcome.code in (0, 3), outcome.out + outcome.err  # 3 where the machine was too busy to tell
    document = outcome.json()
    assert document["alike"]
    told = document["answer"]
    assert (told["ratio"] is None) == (outcome.code == 3)
    assert told["ratio"] is not None or told["verdict"] == "generator-limited"
    assert [row["server"] for row in document["servers"]] == ["gunicorn", "uvicorn"]
    assert all(row["failed"] == 0 and row["throughput"] for row in document["servers"])
    assert (laboratory.run_directory() / "report.html").is_file()
    assert json.loads((laboratory.run_directory() / "sameness.json").read_text())["scenarios"][0]["alike"]
