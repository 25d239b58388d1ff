"""What the scenarios of a plan ask of the service: to record requests, or to keep no files in memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from loadtests import archive
from shared.settings import KEPT_BYTES
from tests.lab.conftest import Laboratory

SERVERS = "[servers.wsgi-gthread]\n[servers.asgi-uvicorn]\n[load]\nusers = [2]\n"


def healths(laboratory: Laboratory, scenarios: str) -> list[Mapping[str, Any]]:
    """What each server of a short run said of itself."""
    outcome = laboratory.twins(
        *("suite", laboratory.plan(SERVERS + scenarios), "--no-report"),
        *("--set", "time.start_s=20", "--set", "blocks=1"),
    )
    assert outcome.code == 0, outcome.err
    cells = archive.read_cells(laboratory.run_directory())
    assert cells
    assert not [cell.reason for cell in cells if cell.state == "invalid"]
    return [cell.server_run.health for cell in cells if cell.server_run]


def test_recording_is_off_where_no_scenario_is_about_it(laboratory: Laboratory) -> None:
    assert {health["jobs"] for health in healths(laboratory, "[scenarios.process-wait]\n")} == {None}


@pytest.mark.parametrize(("scenario", "kept"), [("download-small", KEPT_BYTES), ("download-cold", 0)])
def test_files_are_kept_in_memory_but_where_a_scenario_is_about_the_disk(
    laboratory: Laboratory, scenario: str, kept: int
) -> None:
    assert {health["kept_bytes"] for health in healths(laboratory, f"[scenarios.{scenario}]\n")} == {kept}


def test_recording_is_on_where_one_is(laboratory: Laboratory) -> None:
    found = healths(laboratory, "[scenarios.jobs-write]\n[scenarios.jobs-read]\n")
    assert {health["jobs"] for health in found} == {"sqlite"}
    cache = Path(laboratory.environment["XDG_CACHE_HOME"])
    assert not list(cache.rglob("jobs*"))
