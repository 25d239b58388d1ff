"""Plans, archives, logs and disks nobody should meet: one plain sentence each, nothing half-written."""

import json
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.cli import app, guarded
from loadtests.lab import archive, processes
from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import LARGEST_BYTES, read_plan
from tests.lab.conftest import Laboratory, planted
from tests.lab.test_archive import generator, record

HEALTH = "[load]\nusers = [1]\n[servers.wsgi-sync]\n[scenarios.health]\n"
PLANS: dict[str, tuple[str | bytes, str]] = {
    "deep": ("a = " + "[" * 100_000, "nested too deeply"),
    "huge": ("# " + "x" * LARGEST_BYTES, "is larger than"),
    "binary": (b"\xff\xfe\x00", "is not text in UTF-8"),
    "endless number": ("blocks = 1" + "0" * 5_000, "is not a plan"),
    "wrong types": ("blocks = [1]\ntime = 3\nservers = 1\nscenarios = true\n", "time = 3"),
    "not a number": ("[time]\nmeasure_s = nan\n" + HEALTH, "time.measure_s = NaN"),
    "a folder above": (HEALTH.replace("wsgi-sync", '"../../evil"') + 'x.command = ["x"]', "not a key"),
    "a server's name": (
        '[load]\nusers = [1]\n[servers."../../evil"]\ncommand = ["x"]\n[scenarios.health]\n',
        'servers."../../evil": a name has',
    ),
    "a scenario's name": (
        HEALTH.replace("scenarios.health]", 'scenarios."/etc/evil"]\nkind = "health"'),
        'scenarios."/etc/evil": a name has',
    ),
    "control characters": (
        '[load]\nusers = [1]\n[servers."a\\u001b[31m"]\ncommand = ["x"]\n[scenarios.health]\n',
        'servers."a\\u001b[31m": a name has',
    ),
    "no name": ('[load]\nusers = [1]\n[servers.""]\ncommand = ["x"]\n[scenarios.health]\n', "a name has"),
    "a NUL": (
        '[load]\nusers = [1]\n[servers.a]\ncommand = ["a\\u0000"]\n[scenarios.health]\n',
        "no NUL character",
    ),
    "no address": (
        '[load]\nusers = [1]\n[servers.a]\nurl = "http://[::1"\n[scenarios.health]\n',
        "url looks like",
    ),
    "a level twice": (HEALTH.replace("[1]", "[8, 8]"), "the level 8 is there 2 times"),
    "too many cells": ("blocks = 1000\n" + HEALTH.replace("[1]", str([*range(1, 200)])), "199000 cells"),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_hostile_plan_is_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, sentence = PLANS[name]
    path = tmp_path / "plan.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    code = guarded(lambda: app(["suite", str(path), "--dry-run"]))
    out, err = capsys.readouterr()
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert len(err) < 1_000
    assert out == ""


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: (HEALTH + text).encode())))
def test_any_bytes_are_a_plan_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with suppress(PlanError):  # any other exception is a traceback for the user
        read_plan(path)


def test_a_cell_cannot_lead_out_of_its_archive(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    archive.write_cell(tmp_path, record("good"))
    place = tmp_path / "cells" / "good" / "cell.json"
    document = json.loads(place.read_text()) | {"id": "../../../etc"}
    place.write_text(json.dumps(document))
    with pytest.raises(archive.ArchiveError, match=r"calls its cell '\.\./\.\./\.\./etc'"):
        archive.read_cells(tmp_path)


def test_the_end_of_a_hostile_log_can_be_shown(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(b"x" * 5_000_000 + b"\n\x1b[31m<script>\xff\x00</script>\n" + b"y" * 10_000 + b"\n")
    first, second = processes.last_lines(log, 2)
    assert first == "\ufffd[31m<script>\ufffd\ufffd</script>"
    assert second == "y" * processes.LINE
    assert processes.last_lines(tmp_path / "absent.log", 2) == []


@pytest.mark.parametrize("kib", [4, 24])
def test_a_full_disk_is_a_sentence_and_the_run_goes_on_later(laboratory: Laboratory, kib: int) -> None:
    """No file may grow beyond the limit: the manifest's at first, then the first cell's."""
    plan = laboratory.plan(
        f"[servers.one]\ncommand = {planted('good')}\n[scenarios.download-small]\nload = {{ users = [4] }}\n"
    )
    arguments = ["suite", plan, "--set", "blocks=1", "--no-report"]
    limited = subprocess.run(  # noqa: S603  our own command
        ["/bin/sh", "-c", f'ulimit -f {kib * 2}; exec "$@"', "sh", *laboratory.command(*arguments)],
        cwd=laboratory.folder,
        env={**laboratory.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert limited.returncode == 3, limited.stderr
    assert "Traceback" not in limited.stderr
    assert "there is no room left" in limited.stderr or "no valid repeat" in limited.stdout
    assert [path for path in (laboratory.folder / "results").rglob(".*") if path.is_file()] == []


def test_a_torn_table_is_a_sentence(laboratory: Laboratory, tmp_path: Path) -> None:
    run = tmp_path / "results" / "torn"
    run.mkdir(parents=True)
    archive.write_record(run / "generator.json", generator())
    for table in ("requests", "timeseries"):
        (run / f"{table}.parquet").write_bytes(b"PAR1" + b"\x00" * 100)
    outcome = laboratory.twins("export", str(run))
    assert outcome.code == 2, outcome.err
    assert "requests.parquet cannot be read" in outcome.err
    assert "Traceback" not in outcome.err
    assert list(run.rglob(".*")) == []
