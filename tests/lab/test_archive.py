"""The archive: whole documents or none, a bare directory, schemas, what cannot be read."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from loadtests import archive
from loadtests.commands.options import find_run
from loadtests.lab import published
from loadtests.model.records import CellRecord, GeneratorDocument, Level
from loadtests.model.samples import MEASURE, SAMPLE
from tests.conftest import require
from tests.report.synthetic import Run, write


def record(name: str = "b01-a-health-u1", order: int = 0) -> CellRecord:
    return CellRecord(
        id=name,
        run="r",
        server="a",
        scenario="health",
        scenario_kind="health",
        parameters={},
        level=Level(kind="users", value=1),
        block=1,
        order=order,
        seed=1,
        state="invalid",
        reason="planted",
        server_run=None,
        generator=None,
        started_unix_s=0,
        ended_unix_s=1,
    )


def generator() -> GeneratorDocument:
    known: dict[str, float | None] = dict.fromkeys(("p50", "p99", "max"), 1.0)
    return GeneratorDocument(
        scenario="health",
        parameters={},
        client="wire",
        connections="keepalive",
        arrivals="closed",
        users=3,
        rate_per_s=None,
        seed=1,
        loop="epoll",
        python="3",
        locust="2",
        zero_unix_s=100,
        warmup_us=0,
        measure_us=1_000_000,
        end_us=1_000_000,
        names=["GET /health"],
        due=10,
        sent=10,
        cpu_user_s=0.1,
        cpu_system_s=0.1,
        cpu_measure_share=0.2,
        run_queue_share=0.0,
        loop_lag_us=known,
        send_lateness_us=known,
    )


def test_a_cell_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with archive.new_cell(tmp_path, "x") as directory:
        (directory / "samples.bin").write_bytes(bytes(SAMPLE.itemsize))
        assert archive.read_cells(tmp_path) == []
        archive.finish_cell(tmp_path, directory, record("x"))
    assert archive.read_cells(tmp_path) == [record("x")]
    assert len(archive.cell_samples(tmp_path, "x")) == 1
    with pytest.raises(OSError, match="planted"), archive.new_cell(tmp_path, "y") as directory:
        raise OSError("planted")
    assert [path.name for path in (tmp_path / "cells").iterdir()] == ["x"]


def test_a_cell_is_on_the_disk_before_it_has_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(Path("/proc/self/fd").is_dir(), "there is no /proc")
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(os.readlink(f"/proc/self/fd/{fd}"))))
    with archive.new_cell(tmp_path, "b01-a-health-u1") as directory:
        (directory / "samples.bin").write_bytes(b"")
        archive.finish_cell(tmp_path, directory, record())
    assert {directory / "samples.bin", directory / "cell.json", directory} <= set(synced)
    assert synced[-1] == tmp_path / "cells", "and then its place"


def test_an_interrupted_cell_is_swept_and_never_read(tmp_path: Path) -> None:
    (tmp_path / "cells" / ".b01-half").mkdir(parents=True)
    (tmp_path / "cells" / ".b01-half" / "cell.json").write_text(record().model_dump_json())
    archive.write_cell(tmp_path, record("whole"))
    assert [cell.id for cell in archive.read_cells(tmp_path)] == ["whole"]
    archive.sweep(tmp_path)
    assert [path.name for path in (tmp_path / "cells").iterdir()] == ["whole"]


def test_a_failed_write_leaves_the_old_document(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    archive.write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        archive.write_text(path, "\udcff")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["note.txt"]


def test_cells_come_in_planned_order(tmp_path: Path) -> None:
    for name, order in (("c", 2), ("a", 1), ("b", 0)):
        archive.write_cell(tmp_path, record(name, order))
    assert [cell.id for cell in archive.read_cells(tmp_path)] == ["b", "a", "c"]


def test_a_bare_directory_reads_as_a_run_of_one_cell(tmp_path: Path) -> None:
    samples = np.zeros(10, SAMPLE)
    samples["phase"] = MEASURE
    samples["last_byte_us"] = 300_000
    samples["user"] = np.arange(10) % 3
    (tmp_path / "samples.bin").write_bytes(samples.tobytes())
    archive.write_record(tmp_path / "generator.json", generator())
    manifest, (cell,) = archive.read_manifest(tmp_path), archive.read_cells(tmp_path)
    assert manifest.cells == [cell.id] == ["b01-target-health-u3"]
    assert cell.state != "invalid"
    assert len(archive.cell_samples(tmp_path, cell.id)) == 10


def test_the_last_run_is_the_one_that_was_measured_last(tmp_path: Path) -> None:
    """Whatever was done with their folders since: a report written, a copy made, a file read."""
    first, second = (write(tmp_path, Run(name=name)) for name in ("z-first", "a-second"))
    for run, moment in ((first, 1000.0), (second, 2000.0)):
        manifest = archive.read_manifest(run)
        times = {"created_unix_s": moment, "finished_unix_s": moment + 10}
        archive.write_record(run / "manifest.json", manifest.model_copy(update=times))
    os.utime(first)
    assert find_run("last", tmp_path) == second
    assert [run.name for run in archive.find_runs(tmp_path)] == ["z-first", "a-second"]
    bare = tmp_path / "bare"
    bare.mkdir()
    archive.write_record(bare / "generator.json", generator().model_copy(update={"zero_unix_s": 1500.0}))
    assert find_run("last", tmp_path) == second, "a run of plain Locust has a time of its own, too"
    manifest = archive.read_manifest(first)
    resumed = manifest.model_copy(update={"finished_unix_s": 3000.0})
    archive.write_record(first / "manifest.json", resumed)
    assert find_run("last", tmp_path) == first, "it was resumed"
    (second / "manifest.json").write_text("{")
    assert find_run("last", tmp_path) == first


def test_what_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(archive.ArchiveError, match="is not a run"):
        archive.read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"run": 1}')
    with pytest.raises(archive.ArchiveError, match="cannot be read as Manifest"):
        archive.read_manifest(tmp_path)


def test_torn_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    path.write_text('{"second": 0}\n{"second": 1}\n{"sec')
    assert archive.read_lines(path) == [{"second": 0}, {"second": 1}]
    assert archive.read_lines(tmp_path / "absent.jsonl") == []


@pytest.mark.parametrize("name", published.DOCUMENTS)
def test_shipped_schemas_are_current(name: str) -> None:
    path = published.DIRECTORY / f"{name}.schema.json"
    assert path.read_text(encoding="utf-8") == published.schema_text(name), (
        "run python -m loadtests.lab.published"
    )
    assert json.loads(path.read_text())["additionalProperties"] is False
