"""Gates over an archived run, as `twins check` judges them."""

from collections.abc import Sequence
from pathlib import Path

from loadtests.analysis.gate_rules import GateError, GateResult, judge
from loadtests.analysis.summary import build

__all__ = ["GateError", "GateResult", "check", "exit_code"]


def check(run_dir: Path, gates: Sequence[str] | None = None) -> list[GateResult]:
    """Judge `gates`, or those of the run's own plan; raises GateError and `archive.ArchiveError`."""
    summary = build([run_dir])
    if gates is None:
        return summary.gates
    return judge(gates, list(summary.points.values()), summary.cells, summary.references)


def exit_code(results: Sequence[GateResult], *, strict: bool = False) -> int:
    """1 where a gate failed; 4, only if `strict`, where one is inconclusive; else 0."""
    if any(result.status == "failed" for result in results):
        return 1
    if strict and any(result.status == "inconclusive" for result in results):
        return 4
    return 0
