"""A run end to end on real servers: archive, tables, report, order, interruption, resumption."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from loadtests import archive
from loadtests.lab.order import planned_cells
from loadtests.lab.plan import Plan
from loadtests.model.samples import MEASURE
from tests.conftest import require
from tests.lab.conftest import ROOT, Laboratory, planted

PATIENCE_S = 60.0  # of a busy machine
TWINS = """
[servers.wsgi-gthread]
threads = 4
[servers.asgi-uvicorn]
[scenarios.download-small]
[scenarios.process-wait]
parameters = { wait_ms = 5 }
[load]
users = [2]
"""
OWN = f"""
[servers.one]
command = {planted("good")}
[servers.two]
command = {planted("good")}
[scenarios.download-small]
[load]
users = [1, 2]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, served: Path) -> Path:
    """Both twins, two scenarios, two blocks."""
    folder = tmp_path_factory.mktemp("suite")
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder),
        "TWINS_FILES": str(served),
        "PYTHONPATH": str(ROOT),
    }
    laboratory = Laboratory(folder, environment)
    outcome = laboratory.twins("suite", laboratory.plan(TWINS), "--set", "blocks=2")
    assert outcome.code == 0, outcome.err
    return laboratory.run_directory()


def test_every_planned_cell_is_valid_and_in_the_planned_order(finished: Path) -> None:
    manifest = archive.read_manifest(finished)
    cells = archive.read_cells(finished)
    assert [cell.id for cell in cells] == manifest.cells
    assert [cell.id for cell in cells] == [c.id for c in planned_cells(Plan.model_validate(manifest.plan))]
    assert {cell.state for cell in cells} <= {"server-limited", "unsaturated", "generator-limited"}
    began = [cell.started_unix_s for cell in cells]
    assert began == sorted(began)


def test_a_server_is_started_fresh_in_each_block_and_once(finished: Path) -> None:
    starts = {
        (cell.block, cell.server): cell.server_run.health["pid"]
        for cell in archive.read_cells(finished)
        if cell.server_run
    }
    again = {
        (cell.block, cell.server): cell.server_run.health["pid"]
        for cell in reversed(archive.read_cells(finished))
        if cell.server_run
    }
    assert starts == again
    assert len(set(starts.values())) == 4


def test_a_plan_can_start_servers_fresh_for_each_cell(laboratory: Laboratory) -> None:
    plan = laboratory.plan(TWINS)
    outcome = laboratory.twins("suite", plan, "--no-report", "--set", "starts=cell", "--set", "blocks=1")
    assert outcome.code == 0, outcome.err
    runs = [cell.server_run for cell in archive.read_cells(laboratory.run_directory())]
    assert len({run.health["pid"] for run in runs if run is not None}) == len(runs) == 4


def test_a_cell_records_what_ran_and_how_it_ended(finished: Path) -> None:
    for cell in archive.read_cells(finished):
        assert cell.server_run is not None
        assert cell.generator is not None
        assert cell.server_run.stop_signal == "SIGTERM"
        assert cell.server_run.health["application"] in ("wsgi_app", "asgi_app")
        assert cell.server_count == cell.generator.sent
        directory = archive.cell_directory(finished, cell.id)
        assert {path.name for path in directory.iterdir()} >= {
            *("cell.json", "samples.bin", "live.jsonl", "probes.jsonl"),
            *("server.log", "generator.log", "generator.json"),
        }


def test_probes_saw_both_sides(finished: Path) -> None:
    require(Path("/proc/self/task").is_dir(), "there is no /proc")
    summary = json.loads((finished / "summary.json").read_text())
    for cell in archive.read_cells(finished):
        for side in (cell.server_probe, cell.generator_probe):
            assert side is not None
            assert side.rss_peak_bytes is not None
            assert side.rss_peak_bytes > 1 << 20
            assert side.threads_peak is not None
        assert cell.server_probe is not None
        assert cell.server_probe.pss_start_bytes is not None
        assert cell.generator_probe is not None
        assert cell.generator_probe.pss_end_bytes is not None
        assert cell.generator_probe.pss_end_bytes > 1 << 20
        told = summary["cells"][cell.id]
        assert told["requests_per_s_per_core"] == pytest.approx(1000 / told["cpu_ms_per_request"])
        assert told["memory_per_connection_bytes"] is None, "two connections"
        assert cell.probe_cpu_s is not None


def test_parquet_holds_every_sample_and_agrees_with_the_summary(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    rows = duckdb.execute(
        f"select cell, count(*) from '{finished}/requests.parquet' where phase = 'measure' group by cell"  # noqa: S608
    ).fetchall()
    counts = dict(rows)
    for cell in archive.read_cells(finished):
        samples = archive.cell_samples(finished, cell.id)
        due = int(np.sum(samples["phase"] == MEASURE))
        assert counts[cell.id] == due
        assert summary["cells"][cell.id]["requests"] == due
    sides = duckdb.execute(f"select distinct side from '{finished}/timeseries.parquet'").fetchall()  # noqa: S608
    assert {side for (side,) in sides} == {"server", "generator", "load"}


def test_export_writes_the_same_rows(finished: Path, laboratory: Laboratory) -> None:
    for kind, reader in (("csv", "read_csv"), ("jsonl", "read_json"), ("parquet", "read_parquet")):
        outcome = laboratory.twins("export", str(finished), "--format", kind, "--to", f"out-{kind}")
        assert outcome.code == 0, outcome.err
        path = laboratory.folder / f"out-{kind}" / f"requests.{kind}"
        (exported,) = duckdb.execute(f"select count(*) from {reader}('{path}')").fetchall()  # noqa: S608
        (kept,) = duckdb.execute(f"select count(*) from '{finished}/requests.parquet'").fetchall()  # noqa: S608
        assert exported == kept


def test_nothing_half_written_is_left(finished: Path) -> None:
    assert list(finished.rglob(".*")) == []


def test_killed_and_resumed_it_is_complete(
    laboratory: Laboratory, processes_of: Callable[[str], list[str]]
) -> None:
    plan = laboratory.plan(OWN)
    arguments = ["suite", plan, "--no-report", "--set", "blocks=2"]
    for measured in (1, 3):  # cells, of eight
        suite = laboratory.begin(*arguments)
        _wait_until_measured(laboratory, suite, measured)
        suite.send_signal(signal.SIGKILL)
        suite.communicate()
        _eventually_none(processes_of, str(laboratory.folder))
        run = laboratory.run_directory()
        arguments = ["suite", "--no-report", "--resume", str(run), "--force"]
    outcome = laboratory.twins(*arguments)
    assert outcome.code == 0, outcome.err
    cells = archive.read_cells(run)
    assert [cell.id for cell in cells] == archive.read_manifest(run).cells
    assert len({cell.id for cell in cells}) == len(cells) == 8
    assert list(run.rglob(".*")) == []
    assert _eventually_none(processes_of, str(laboratory.folder))


def test_an_interrupted_search_goes_on_from_its_trials(laboratory: Laboratory) -> None:
    plan = laboratory.plan(f"""
[servers.one]
command = {planted("good")}
[scenarios.download-small]
[load]
level = "search"
search = {{ kind = "users", start = 1, limit = 2, p99_ms = 5000, confirmations = 1 }}
""")
    assert laboratory.twins("suite", plan, "--no-report", "--set", "blocks=1").code == 0
    run = laboratory.run_directory()
    (search,) = archive.read_searches(run)
    began = {cell.id: cell.started_unix_s for cell in archive.read_cells(run)}
    *kept, last = [step.cell for step in search.steps]
    assert sorted(began) == sorted([*kept, last])
    (run / "searches" / f"{search.id}.json").unlink()
    shutil.rmtree(run / "cells" / last)
    resumed = laboratory.twins("suite", "--no-report", "--resume", str(run))
    assert resumed.code == 0, resumed.err
    (again,) = archive.read_searches(run)
    assert again.steps[: len(kept)] == search.steps[:-1]
    now = {cell.id: cell.started_unix_s for cell in archive.read_cells(run)}
    assert [now[name] for name in kept] == [began[name] for name in kept]
    assert now[last] > began[last]


def test_ctrl_c_says_how_to_go_on(laboratory: Laboratory, processes_of: Callable[[str], list[str]]) -> None:
    suite = laboratory.begin("suite", laboratory.plan(OWN), "--set", "blocks=9")
    _wait_until_measured(laboratory, suite, 1)
    suite.send_signal(signal.SIGINT)
    _, said = suite.communicate(timeout=20)
    assert suite.returncode == 130, said
    assert f"--resume results/{laboratory.run_directory().name}" in said
    assert "Traceback" not in said
    assert _eventually_none(processes_of, str(laboratory.folder))


def test_two_at_once_are_refused(laboratory: Laboratory) -> None:
    first = laboratory.begin("suite", laboratory.plan(OWN), "--set", "blocks=9")
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (laboratory.folder / "results").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        second = laboratory.twins("suite", "small.toml")
        assert second.code == 3
        assert "measures on this machine already" in second.err
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=20)


def _wait_until_measured(laboratory: Laboratory, suite: "subprocess.Popen[str]", cells: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while len([*laboratory.folder.glob("results/*/cells/*/cell.json")]) < cells:
        assert suite.poll() is None, suite.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _eventually_none(processes_of: Callable[[str], list[str]], text: str) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while (left := processes_of(text)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    return True


def test_another_machine_is_not_resumed_unless_told_to(finished: Path, laboratory: Laboratory) -> None:
    run = laboratory.folder / "results" / finished.name
    shutil.copytree(finished, run)
    manifest = archive.read_manifest(run)
    archive.write_record(run / "manifest.json", manifest.model_copy(update={"machine_id": "another"}))
    refused = laboratory.twins("suite", "--resume", str(run))
    assert refused.code == 2
    assert "the machine" in refused.err
    assert "--force" in refused.err
    forced = laboratory.twins("suite", "--no-report", "--resume", str(run), "--force")
    assert forced.code == 0, forced.err
