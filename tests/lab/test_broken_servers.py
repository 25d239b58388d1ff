"""A server broken in each way ends in a cell with its own reason, and the rest of the run goes on."""

from pathlib import Path

import pytest

from loadtests import archive
from tests.lab.conftest import Laboratory, planted

MODES = {
    "dies-at-start": (planted("dies-at-start"), "", "died at start", "cannot open the database"),
    "never-healthy": (planted("never-healthy"), "", "did not become ready", "within 5 s"),
    "dies-mid-cell": (planted("dies", 200), "", "died while it was measured", "exit status 7"),
    "wrong-bytes": (planted("wrong-bytes"), "", "other bytes", "random/1KiB.bin"),
    "wrong-later": (planted("wrong-later", 200), "", "failed: ", "other bytes"),
    "other-class": (planted("good"), 'expect = { worker_class = "sync" }', "configuration", "'planted'"),
    "gil-later": (planted("gil-later", 60), "", "the GIL came on while the server was measured", "_brotli"),
    "no-such-program": ('["no-such-program-at-all"]', "", "died at start", "No such file"),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, served: Path) -> tuple[int, Path]:
    """One run of all of them beside a good one."""
    import os

    from tests.lab.conftest import ROOT

    folder = tmp_path_factory.mktemp("broken")
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder),
        "TWINS_FILES": str(served),
        "PYTHONPATH": str(ROOT),
    }
    laboratory = Laboratory(folder, environment)
    servers = [
        f"[servers.{name}]\ncommand = {command}\n{more}\n" for name, (command, more, *_) in MODES.items()
    ]
    text = f"[servers.good]\ncommand = {planted('good')}\n" + "".join(servers)
    scenario = "[scenarios.download-small]\nload = { users = [2] }\n"
    plan = laboratory.plan(text + scenario)
    outcome = laboratory.twins("suite", plan, "--set", "blocks=1", "--set", "time.start_s=5")
    return outcome.code, laboratory.run_directory()


@pytest.mark.parametrize("name", MODES)
def test_each_fault_has_its_own_reason_and_no_figure(name: str, broken: tuple[int, Path]) -> None:
    _, run = broken
    (cell,) = [cell for cell in archive.read_cells(run) if cell.server == name]
    *_, reason, detail = MODES[name]
    assert cell.state == "invalid"
    assert cell.reason is not None
    assert reason in cell.reason
    assert detail in cell.reason
    if reason == "died at start":
        assert detail in (archive.cell_directory(run, cell.id) / "server.log").read_text()


def test_the_rest_of_the_run_went_on_and_the_exit_code_says_what_is_missing(broken: tuple[int, Path]) -> None:
    code, run = broken
    cells = {cell.server: cell for cell in archive.read_cells(run)}
    assert cells["good"].state != "invalid"
    assert set(cells) == {"good", *MODES}
    assert code == 3
    assert (run / "report.html").is_file()


def test_a_repeat_that_is_valid_is_enough(laboratory: Laboratory) -> None:
    """The server dies once in two blocks: the other block's cell speaks for it."""
    plan = laboratory.plan(
        f"[servers.good]\ncommand = {planted('good')}\n[scenarios.download-small]\nload = {{ users = [2] }}\n"
    )
    outcome = laboratory.twins("suite", plan, "--set", "blocks=2", "--no-report", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json()["without_valid_repeat"] == []


def test_a_server_that_ignores_sigterm_is_killed_and_that_is_recorded(laboratory: Laboratory) -> None:
    plan = laboratory.plan(
        f"[servers.stubborn]\ncommand = {planted('stubborn')}\n"
        "[scenarios.download-small]\nload = { users = [2] }\n"
    )
    outcome = laboratory.twins("suite", plan, "--set", "blocks=1", "--set", "time.stop_s=1", "--no-report")
    (cell,) = archive.read_cells(laboratory.run_directory())
    assert outcome.code == 0, outcome.err
    assert cell.server_run is not None
    assert (cell.server_run.stop_signal, cell.server_run.exit_status) == ("SIGKILL", -9)
