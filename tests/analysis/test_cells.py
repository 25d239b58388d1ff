"""A cell's figures, from samples whose every number is planted."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from loadtests import archive
from loadtests.analysis.cells import summarise_cell
from loadtests.analysis.moments import moments
from loadtests.model.records import CellRecord
from loadtests.model.samples import CENSORED, DROPPED, KINDS, MEASURE, OK, SAMPLE, Samples
from tests.report.synthetic import Broken, Planted, Run, write

SERVER = Planted("wsgi-gthread")


def cell(tmp_path: Path, **changes: object) -> CellRecord:
    run = Run(planted=(SERVER,), users=(32,), blocks=1, **changes)  # type: ignore[arg-type]  # its own fields
    return archive.read_cells(write(tmp_path, run))[0]


def samples(*rows: dict[str, int]) -> Samples:
    found = np.zeros(len(rows), dtype=SAMPLE)
    for index, row in enumerate(rows):
        for name, value in ({"kind": OK, "phase": MEASURE, "received_bytes": 100} | row).items():
            found[name][index] = value
    return found


def test_throughput_counts_what_ended_while_measuring(tmp_path: Path) -> None:
    """Warm-up ends at 1 s, measuring at 5 s."""
    found = summarise_cell(
        cell(tmp_path),
        samples(
            {"due_us": 900_000, "last_byte_us": 50_000, "phase": 0},  # ended in the warm-up
            {"due_us": 900_000, "last_byte_us": 200_000, "phase": 0},  # due before, ended within
            {"due_us": 2_000_000, "last_byte_us": 100_000},
            {"due_us": 4_900_000, "last_byte_us": 200_000},  # due within, ended in the drain
            {"due_us": 3_000_000, "last_byte_us": 10, "kind": KINDS.index("status")},
        ),
    )
    assert found.throughput_per_s == 2 / 4
    assert found.bytes_per_s == 200 / 4
    assert (found.requests, found.failures, found.latency_samples) == (3, 1, 2)
    assert found.kinds == {"ok": 2, "status": 1}
    assert found.response_time_us is not None
    assert found.response_time_us["max"] == 200_000


def test_a_censored_request_counts_with_its_age(tmp_path: Path) -> None:
    rows = [{"due_us": 2_000_000 + i, "last_byte_us": 1000, "sent_us": 100} for i in range(90)]
    rows += [{"due_us": 2_000_000, "last_byte_us": 3_400_000, "sent_us": 50, "kind": CENSORED}] * 15
    found = summarise_cell(cell(tmp_path), samples(*rows))
    assert found.response_time_us is not None
    assert found.service_time_us is not None
    assert (found.response_time_us["p50"], found.response_time_us["p90"]) == (1000, 3_400_000)
    assert found.service_time_us["p50"] == 900
    assert found.response_time_us["p99"] is None
    assert found.at_least == ["p90", "max"]
    assert (found.censored, found.failures) == (15, 15)


def test_dropped_requests_are_failures_without_a_time(tmp_path: Path) -> None:
    rows = [{"due_us": 2_000_000, "last_byte_us": 700}] * 30 + [{"due_us": 2_000_000, "kind": DROPPED}] * 10
    found = summarise_cell(cell(tmp_path), samples(*rows))
    assert (found.requests, found.failures, found.dropped, found.latency_samples) == (40, 10, 10, 30)
    assert found.response_time_us is not None
    assert found.response_time_us["p50"] == 700
    assert found.at_least == ["p50", "max"], "those that were dropped would have waited longer"


def test_goodput_is_within_the_target(tmp_path: Path) -> None:
    rows = [{"due_us": 2_000_000, "last_byte_us": 1000 * (1 + i % 2)} for i in range(40)]
    found = summarise_cell(cell(tmp_path), samples(*rows), target_us=1500)
    assert (found.throughput_per_s, found.goodput_per_s) == (10.0, 5.0)
    assert summarise_cell(cell(tmp_path / "a"), samples(*rows), target_us=1000).goodput_per_s == 5.0
    assert summarise_cell(cell(tmp_path / "b"), samples(*rows)).goodput_per_s is None


def test_no_success_is_no_figure_and_no_zero(tmp_path: Path) -> None:
    rows = [{"due_us": 2_000_000, "last_byte_us": 10, "kind": KINDS.index("reset")}] * 40
    found = summarise_cell(cell(tmp_path), samples(*rows))
    assert found.throughput_per_s is None
    assert found.bytes_per_s is None
    assert found.cpu_ms_per_request is None
    assert found.failures == 40


@pytest.mark.parametrize("generator", [True, False])
def test_an_invalid_cell_has_no_figure(tmp_path: Path, generator: bool) -> None:
    broken = Broken("wsgi-gthread", "process-wait", "invalid", "died", 0, generator=generator)
    record = cell(tmp_path, broken=(broken,))
    rows = samples(*[{"due_us": 2_000_000, "last_byte_us": 1000}] * 2000)
    found = summarise_cell(record, rows)
    shown = found.model_dump(
        include={name for name in type(found).model_fields if name.endswith(("_per_s", "_us", "_s"))}
    )
    assert set(shown.values()) == {None}
    assert found.requests is None
    assert found.nines == []
    assert found.reason == "died"
    assert moments(record, rows) == []


def test_over_time_adds_up(tmp_path: Path) -> None:
    run = write(tmp_path, Run(planted=(SERVER,), users=(32,), blocks=1))
    record = archive.read_cells(run)[0]
    raw = archive.cell_samples(run, record.id)
    found = moments(record, raw)
    assert [phase for phase, _ in itertools.groupby(m.phase for m in found)] == ["warmup", "measure", "drain"]
    assert len(found) <= 40
    assert sum(m.ok_per_s * m.length_s for m in found) == pytest.approx((raw["kind"] == OK).sum())
    measured = [m for m in found if m.phase == "measure"]
    assert sum(m.length_s for m in measured) == pytest.approx(4)
    total = sum(m.ok_per_s * m.length_s for m in measured)
    assert summarise_cell(record, raw).throughput_per_s == pytest.approx(total / 4)
