"""The command line before anything is measured: how it begins, what it lists, how it refuses."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loadtests.analysis.gate_rules import parse
from loadtests.cli import app
from loadtests.commands.reporting import check
from loadtests.lab.plan import PlanError
from loadtests.subjects.registry import SCENARIOS, SERVERS
from tests.documents import ROOT

NARROW = {"COLUMNS": "80", "NO_COLOR": "1"}
COMMANDS = [
    command.name or command.callback.__name__ for command in app.registered_commands if command.callback
]


def told(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), env=NARROW)
    assert result.exit_code == 0, result.output
    return result.output


def test_alone_it_says_how_to_start() -> None:
    commands = re.findall(r"^  twins (\S+)", told(), re.MULTILINE)
    assert commands
    assert {name for name in commands if not name.startswith("-")} <= set(COMMANDS)


def test_it_tells_its_version() -> None:
    assert re.fullmatch(r"twins \d+\.\d+\.\d+\n", told("--version"))


def test_every_command_stands_in_a_group() -> None:
    assert all(command.rich_help_panel for command in app.registered_commands)
    assert "─ Commands ─" not in told("--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_help_fits_and_loses_no_word(command: str) -> None:
    text = told(command, "--help")
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert not re.search(r"\w \.\s", text), "markup was taken out of a sentence"


def test_a_check_without_a_gate_says_so(tmp_path: Path) -> None:
    (old,) = (ROOT / "tests" / "archives" / "v1").iterdir()
    (tmp_path / "none").write_text("# none\n")
    with pytest.raises(PlanError, match=r"none holds no gate, ") as mistake:
        check(str(old), tmp_path / "none")
    parse(str(mistake.value).partition("`")[2].partition("`")[0])


@pytest.mark.parametrize(("what", "names"), [("servers", SERVERS), ("scenarios", SCENARIOS)])
def test_a_list_fits_and_breaks_no_word(what: str, names: dict[str, object]) -> None:
    text = told("list", what)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert {line.split()[0] for line in text.splitlines() if line[0] != " "} >= set(names)
