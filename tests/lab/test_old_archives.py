"""Archives that were written before open as they did: one of each version of the schema is kept."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from loadtests import archive
from loadtests.analysis.summary import build
from loadtests.lab import environment, floor
from loadtests.model.records import COSTS
from tests.lab.conftest import Laboratory

VERSIONS = sorted((Path(__file__).parent.parent / "archives").iterdir())


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (run,) = request.param.iterdir()
    return Path(shutil.copytree(run, tmp_path / run.name))


def test_it_is_reported_on(old: Path, laboratory: Laboratory) -> None:
    outcome = laboratory.twins("report", str(old))
    assert outcome.code == 0, outcome.err
    assert "process-wait, 2 users" in outcome.out
    summary = json.loads((old / "summary.json").read_text())
    assert summary["finished_cells"] == summary["planned_cells"] == 4
    assert [answer["blocks"] for answer in summary["answers"]] == [2]
    assert all(cell["planted_wait_ms"] == 10 for cell in summary["cells"].values())
    rows = list(csv.DictReader((old / "summary.csv").read_text().splitlines()))
    assert all(float(row["throughput_per_s"]) > 0 for row in rows)


def test_its_costs_follow_from_its_raw_facts(old: Path) -> None:
    """They were stored once; what is derived from the probes and samples is what was written."""
    stored = [json.loads(path.read_text()) for path in sorted(old.glob("cells/*/cell.json"))]
    cells = build([old]).cells
    for record in stored:
        (cell,) = (cell for cell in cells.values() if cell.id == record["id"])
        for name in sorted(COSTS):
            assert getattr(cell, name) == pytest.approx(record[name]), name


def test_it_is_pooled_with_another(old: Path) -> None:
    other = Path(shutil.copytree(old, old.with_name("another")))
    manifest = json.loads((other / "manifest.json").read_text())
    manifest |= {"run": "another", "created_unix_s": manifest["created_unix_s"] + 100}
    (other / "manifest.json").write_text(json.dumps(manifest))
    (answer,) = build([old, other]).answers
    assert answer.blocks == 4


def test_its_machine_is_known_by_the_same_name(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New facts stay out of a machine's identity: its noise floor is found, its runs are pooled."""
    manifest = archive.read_manifest(old)
    assert environment.machine_id(manifest.machine) == manifest.machine_id
    assert set(environment.machine()) - set(environment.PASSING) == set(manifest.machine) - set(
        environment.PASSING
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = tmp_path / "wsgi-asgi-twins" / "noise-floor.json"
    place.parent.mkdir()
    place.write_text(json.dumps({manifest.machine_id: {"throughput": 0.07}}))
    assert floor.read_floor(manifest.machine_id) == {"throughput": 0.07}
