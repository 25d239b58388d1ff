"""Figures of the requests of each name: in every report, and for gates."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from loadtests import archive
from loadtests.analysis import gates
from loadtests.analysis.gate_rules import GateError, check_names
from loadtests.analysis.summary import build
from loadtests.model.samples import KINDS, SAMPLE
from loadtests.report import write_report
from loadtests.report.figures import NONE
from tests.report.synthetic import Planted, Run, write

SERVERS = (Planted("wsgi-gthread"), Planted("asgi-uvicorn", slots=None, slot_kind="task"))
NAMES = ["read", "GET /orders/{order}"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every fourth request is of the second name: three times as slow, and failing at one server."""
    directory = write(tmp_path_factory.mktemp("runs"), Run(planted=SERVERS, users=(32,), blocks=3))
    for record in archive.read_cells(directory):
        assert record.generator is not None
        changed = {"generator": record.generator.model_copy(update={"names": NAMES})}
        archive.amend_cell(directory, record.model_copy(update=changed))
        path = archive.cell_directory(directory, record.id) / "samples.bin"
        samples = np.fromfile(path, dtype=SAMPLE)
        second = np.arange(len(samples)) % 4 == 0
        samples["name"] = second
        samples["last_byte_us"][second] *= 3
        if record.server == "asgi-uvicorn":
            samples["kind"][second] = KINDS.index("status")
        samples.tofile(path)
    return directory


def test_each_name_has_its_own_figures(run: Path) -> None:
    summary = build([run])
    for cell in summary.cells.values():
        read, order = (cell.by_request[name] for name in NAMES)
        assert read.requests + order.requests == cell.requests
        assert read.requests / order.requests == pytest.approx(3, rel=0.02)
        assert cell.response_time_us is not None
        assert read.response_time_us is not None
        assert order.response_time_us is not None
        if cell.server == "asgi-uvicorn":
            assert (order.failures, order.throughput_per_s) == (order.requests, None)
        else:
            assert order.response_time_us["p50"] > 2 * read.response_time_us["p50"]  # type: ignore[operator]
            assert read.throughput_per_s + order.throughput_per_s == pytest.approx(cell.throughput_per_s)  # type: ignore[operator]
    point = summary.points["wsgi-gthread/process-wait/u32"]
    found = point.by_request[NAMES[1]]["response_p90"]
    assert found is not None
    assert found.blocks == 3
    assert "cpu_ms_per_request" not in point.by_request[NAMES[1]]


def test_one_name_needs_no_figures_of_its_own(tmp_path: Path) -> None:
    directory = write(tmp_path, Run(planted=SERVERS, users=(8,), blocks=1, measure_s=1.0))
    summary = build([directory])
    assert {len(cell.by_request) for cell in summary.cells.values()} == {0}
    assert "requests.csv" not in [path.name for path in write_report([directory], ("csv", "md"))]
    assert "By request" not in (directory / "report.md").read_text()


def test_they_stand_in_every_report(run: Path) -> None:
    write_report([run], ("html", "md", "json", "csv"))
    with (run / "requests.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 3 * 2
    assert {row["request"] for row in rows} == set(NAMES)
    lost = [row for row in rows if row["server"] == "asgi-uvicorn" and row["request"] == NAMES[1]]
    assert {(row["throughput_per_s"], row["failures"] == row["requests"]) for row in lost} == {("", True)}
    markdown = (run / "report.md").read_text()
    assert "## By request" in markdown
    assert f"| process-wait | asgi-uvicorn | GET /orders/{{order}} |{f' {NONE} |' * 4} 100 % |" in markdown
    page = (run / "report.html").read_text()
    document = json.loads((run / "summary.json").read_text())
    point = document["points"]["wsgi-gthread/process-wait/u32"]["by_request"]["read"]
    assert 'id="requests-title"' in page
    assert f'value="{point["response_p90"]["value"]!r}"' in page


@pytest.mark.parametrize(
    ("gate", "status", "place"),
    [
        ("p50_us(read) < 60000 @ wsgi-gthread/process-wait", "passed", "process-wait/u32: read"),
        ("p50_us(GET /orders/{order}) < 60000 @ wsgi-gthread/process-wait/32", "failed", None),
        ("errors( read ) <= 0 @ asgi-uvicorn/process-wait", "passed", None),
        ("errors(GET /orders/{order}) <= 0.5 @ asgi-uvicorn/process-wait", "failed", None),
        ("failed_requests(read) < 1 @ asgi-uvicorn/process-wait", "passed", None),
        ("ratio(asgi-uvicorn, wsgi-gthread, p50_us(read)) < 1.5 @ process-wait", "passed", None),
        ("ratio(asgi-uvicorn, wsgi-gthread, throughput(read)) > 3 @ process-wait/32", "failed", None),
    ],
)
def test_gates_of_one_name(run: Path, gate: str, status: str, place: str | None) -> None:
    (result,) = gates.check(run, [gate])
    assert result.status == status, result
    assert place in (None, result.place)


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ("p50_us(reed) < 1 @ wsgi-gthread/process-wait", "has no request 'reed'; did you mean 'read'?"),
        ("cpu_ms_per_request(read) < 1 @ wsgi-gthread/process-wait", "is of all requests together"),
        ("p50_us() < 1 @ wsgi-gthread/process-wait", "cannot be read"),
    ],
)
def test_a_gate_of_no_name_is_one_sentence(run: Path, gate: str, told: str) -> None:
    with pytest.raises(GateError) as error:
        gates.check(run, [gate])
    assert told in str(error.value)


def test_a_plan_is_told_before_anything_runs() -> None:
    scenarios = {"shop": ["read", "order"], "get": []}
    check_names(["p50_us(order) < 1 @ a/shop", "p50_us(x) < 1 @ a/get"], ["a"], scenarios)
    with pytest.raises(GateError, match=r"no request 'ordr'; did you mean 'order'"):
        check_names(["p50_us(ordr) < 1 @ a/shop"], ["a"], scenarios)
