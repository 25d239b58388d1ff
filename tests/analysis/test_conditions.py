import json
from pathlib import Path

import pytest

from loadtests import archive
from loadtests.analysis import gates
from loadtests.analysis.gate_rules import GateError, parse
from tests.report.synthetic import Broken, Planted, Run, write

MIB = 1 << 20
PLANTED = (
    Planted("wsgi-gthread", block_sd=0.01),
    Planted("asgi-uvicorn", slots=None, block_sd=0.01),
)  # at 128 users 640/s and 2,000/s


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    limited = Broken("asgi-uvicorn", "process-wait", "generator-limited", "generator at 97 %", 0, users=32)
    plan = {"gates": ["throughput > 500 @ wsgi-gthread/process-wait/128"]}
    return write(tmp_path_factory.mktemp("runs"), Run(planted=PLANTED, broken=(limited,), plan=plan))


@pytest.mark.parametrize(
    ("gate", "status"),
    [
        ("throughput > 500 @ wsgi-gthread/process-wait/128", "passed"),
        ("throughput_per_s >= 800 @ wsgi-gthread/process-wait/u128", "failed"),
        ("throughput > 640 @ wsgi-gthread/process-wait/128", "inconclusive"),
        ("p50_us < 300000 @ wsgi-gthread/process-wait/128", "passed"),
        ("p50_us < 50_000 @ wsgi-gthread/process-wait/128", "failed"),
        ("errors <= 0.01 @ wsgi-gthread/process-wait/128", "passed"),
        ("ratio(asgi-uvicorn, wsgi-gthread, throughput) > 2 @ process-wait/128", "passed"),
        ("ratio(asgi-uvicorn, wsgi-gthread, p50_us) < 0.5 @ process-wait/128", "passed"),
        ("ratio(wsgi-gthread, asgi-uvicorn, throughput) > 2 @ process-wait/128", "failed"),
        ("throughput > 500 @ asgi-uvicorn/process-wait/32", "passed"),  # a lower bound above the limit
        ("throughput < 700 @ asgi-uvicorn/process-wait/32", "inconclusive"),  # the truth may be higher
        ("ratio(asgi-uvicorn, wsgi-gthread, throughput) > 0.5 @ process-wait/32", "inconclusive"),
    ],
)
def test_gates(run: Path, gate: str, status: str) -> None:
    (result,) = gates.check(run, [gate])
    assert result.status == status, result


def test_a_plan_s_own_gates_and_exit_codes(run: Path) -> None:
    results = gates.check(run)
    assert [result.status for result in results] == ["passed"]
    failed = gates.check(run, ["throughput > 9999 @ wsgi-gthread/process-wait/128"])
    open_ = gates.check(run, ["throughput > 640 @ wsgi-gthread/process-wait/128"])
    assert gates.exit_code(results) == 0
    assert gates.exit_code(failed + open_, strict=True) == 1
    assert (gates.exit_code(open_), gates.exit_code(open_, strict=True)) == (0, 4)


def test_an_unmeasured_place_is_inconclusive_and_says_why(tmp_path: Path) -> None:
    dead = Broken("wsgi-gthread", "process-wait", "invalid", "died", 0)
    run = write(tmp_path, Run(planted=PLANTED, users=(8,), broken=(dead,)))
    (result,) = gates.check(run, ["throughput > 1 @ wsgi-gthread/process-wait"])
    assert (result.status, result.value) == ("inconclusive", None)


@pytest.mark.parametrize(
    ("gate", "word"),
    [
        ("p99 below 5", "cannot be read"),
        ("p99_us < 5", "names no place"),
        ("p99_us < 1e @ a/b", "no number"),
        ("p98_us < 5 @ a/b", "p99_us"),
        ("p99_us < 5 @ wsgi-gthred/process-wait", "wsgi-gthread"),
        ("p99_us < 5 @ wsgi-gthread/process-weit", "process-wait"),
        ("p99_us < 5 @ wsgi-gthread/process-wait/64", "u128"),
        ("ratio(a, b, throughput) > 1 @ x/y/z", "place of a ratio"),
    ],
)
def test_a_gate_that_cannot_be_judged_names_what_is_wrong(run: Path, gate: str, word: str) -> None:
    with pytest.raises(GateError, match=word):
        gates.check(run, [gate])


def test_parse() -> None:
    gate = parse("ratio(asgi-uvicorn, wsgi-gthread, throughput) > 1.1")
    assert (gate.servers, gate.scenario, gate.level, gate.limit) == (
        ("asgi-uvicorn", "wsgi-gthread"),
        None,
        None,
        1.1,
    )


def test_growth_is_judged_by_the_worst_cell_and_by_its_own_interval(tmp_path: Path) -> None:
    """Memory of one block in three grows by 20 MiB in four seconds; the others shrink."""
    run = write(tmp_path, Run(planted=PLANTED[:1], users=(8,)))
    for cell in archive.read_cells(run):
        assert cell.generator is not None
        begin = cell.generator.zero_unix_s + cell.generator.warmup_us / 1e6
        lines = [
            {"unix_s": begin + 0.2 * n, "side": side, "rss_bytes": 80 * MIB + n * (cell.block - 2) * MIB}
            | {"threads": 4, "descriptors": 9 + n, "sockets": {"established": n}}
            for n in range(20)
            for side in ("generator", "server")
        ]
        directory = archive.cell_directory(run, cell.id)
        (directory / "probes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    place = "wsgi-gthread/process-wait/8"
    for gate, status in (
        (f"rss_growth_bytes < {19 * MIB} @ {place}", "failed"),
        (f"rss_growth_bytes < {21 * MIB} @ {place}", "passed"),
        (f"descriptor_growth < 1 @ {place}", "passed"),
        (f"thread_growth <= 0 @ {place}", "passed"),
        (f"failed_requests <= 0 @ {place}", "passed"),
    ):
        (result,) = gates.check(run, [gate])
        assert result.status == status, result
        assert result.reason.endswith(", over 4 s")


def test_what_was_not_read_is_inconclusive_and_has_no_ratio(run: Path) -> None:
    (result,) = gates.check(run, ["rss_growth_bytes < 1 @ wsgi-gthread/process-wait"])
    assert (result.status, result.value) == ("inconclusive", None)
    with pytest.raises(GateError, match="no ratio of rss_growth_bytes"):
        parse("ratio(asgi-uvicorn, wsgi-gthread, rss_growth_bytes) < 2")
