"""Each self-check over all cells: how often it held, and the cell where it came off worst."""

from collections.abc import Mapping

from pydantic import Field

from loadtests.analysis.cells import CellSummary
from loadtests.model.records import Check, CheckStatus, Record

ORDER: tuple[CheckStatus, ...] = ("failed", "warning", "ok", "not available")


class CheckSummary(Record):
    """`cell` and `index` lead to the worst one: `/cells/<cell>/checks/<index>`."""

    name: str
    status: CheckStatus = Field(description="the worst seen")
    counts: dict[CheckStatus, int]
    cell: str
    index: int
    advice: str


def check_summaries(cells: Mapping[str, CellSummary]) -> list[CheckSummary]:
    """One for each check, failed ones first, in the order in which cells list them."""
    seen: dict[str, list[tuple[str, int, Check]]] = {}
    for name, cell in cells.items():
        for index, check in enumerate(cell.checks):
            seen.setdefault(check.name, []).append((name, index, check))
    summaries = [_summary(name, checks) for name, checks in seen.items()]
    return sorted(summaries, key=lambda summary: ORDER.index(summary.status))


def _summary(name: str, checks: list[tuple[str, int, Check]]) -> CheckSummary:
    cell, index, worst = min(checks, key=lambda entry: (ORDER.index(entry[2].status), -_strain(entry[2])))
    counts = {status: sum(check.status == status for _, _, check in checks) for status in ORDER}
    return CheckSummary(
        name=name, status=worst.status, counts=counts, cell=cell, index=index, advice=worst.advice
    )


def _strain(check: Check) -> float:
    """How near the figure is to its limit or beyond it; below 0 where either is unknown."""
    if check.figure is None or check.limit is None:
        return -1.0
    return abs(check.figure) / check.limit if check.limit else abs(check.figure)
