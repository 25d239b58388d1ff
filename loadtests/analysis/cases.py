"""Pick your case: what each server does in each scenario, the best marked and what cannot be told from it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from loadtests.analysis.cells import CellSummary
from loadtests.analysis.differences import Judge, paired
from loadtests.analysis.metrics import METRICS, columns_of
from loadtests.analysis.points import Estimate, Point
from loadtests.model.records import Comparison, Level, Record

COLUMNS = {"capacity": METRICS["throughput"]} | {
    metric.name: metric for metric in columns_of("cases").values()
}
RANKED = tuple(name for name, metric in COLUMNS.items() if metric.ranked)
HEADINGS = ("capacity", *columns_of("cases"))
MOST_ERRORS = 0.001  # share of requests; above it a level is beyond the capacity


class LatencyTarget(Record):
    """What a level must keep to count as capacity; the default of a plan without a target is errors alone."""

    p99_us: int | None = None
    error_share: float = MOST_ERRORS


class Case(Record):
    """One server in one scenario. All but `capacity` are taken at the scenario's reference level."""

    server: str
    scenario: str
    level: Level | None = Field(description="reference level, the same for all servers of the scenario")
    capacity_level: Level | None = Field(description="level at which the capacity was reached")
    figures: dict[str, Estimate | None]
    best: list[str] = Field(description="columns in which this server is best")
    ties: list[str] = Field(description="columns in which it cannot be told from the best")
    reasons: list[str] = Field(description="why figures are missing")


def target_of(plan: Mapping[str, Any], scenario: str) -> LatencyTarget:
    """The latency and error target a plan sets for a scenario: that of its capacity search, if any."""
    load = (plan.get("scenarios", {}).get(scenario) or {}).get("load") or plan.get("load") or {}
    if load.get("level") != "search":
        return LatencyTarget()
    search = load.get("search") or {}
    p99_ms = search.get("p99_ms")
    return LatencyTarget(
        p99_us=None if p99_ms is None else round(p99_ms * 1000),
        error_share=search.get("error_share", MOST_ERRORS),
    )


def reference_levels(
    points: Sequence[Point], primaries: Sequence[Comparison], order: Iterable[str] = ()
) -> dict[str, Level]:
    """Each scenario's reference level: the highest of its primaries, else of those that most servers share.

    Scenarios come in the given order, such as the plan's; others after them.
    """
    references: dict[str, Level] = {}
    measured = {p.scenario for p in points}
    named = [scenario for scenario in [*order, *(c.scenario for c in primaries)] if scenario in measured]
    for scenario in dict.fromkeys([*named, *sorted(measured)]):
        asked = [c.level for c in primaries if c.scenario == scenario]
        levels = [p.level for p in points if p.scenario == scenario]
        shared = max(levels.count(level) for level in levels)
        common = [level for level in levels if levels.count(level) == shared]
        references[scenario] = max(asked or common, key=lambda level: level.value)
    return references


def cases(
    points: Sequence[Point],
    cells: Mapping[str, CellSummary],
    references: Mapping[str, Level],
    targets: Mapping[str, LatencyTarget],
    unequal: Collection[str] = (),
) -> list[Case]:
    """One case for each server and scenario, scenario by scenario; none is best in an unequal one."""
    listed: list[Case] = []
    for scenario, level in references.items():
        here = [p for p in points if p.scenario == scenario]
        rows = {p.server: _sources(here, p.server, level, targets[scenario]) for p in here}
        none: tuple[str | None, set[str]] = (None, set())
        best = {column: none if scenario in unequal else _best(column, rows, cells) for column in RANKED}
        for server, sources in rows.items():
            at_level, capacity = sources["response_p50"], sources["capacity"]
            listed.append(
                Case(
                    server=server,
                    scenario=scenario,
                    level=level,
                    capacity_level=capacity.level if capacity else None,
                    figures={column: _figure(column, sources[column]) for column in COLUMNS},
                    best=[column for column in RANKED if best[column][0] == server],
                    ties=[column for column in RANKED if server in best[column][1]],
                    reasons=at_level.reasons if at_level else [],
                )
            )
    return listed


def _sources(
    points: Sequence[Point], server: str, level: Level, target: LatencyTarget
) -> dict[str, Point | None]:
    """The point each column of a row is taken from."""
    ours = [p for p in points if p.server == server]
    at_level = next((p for p in ours if p.level == level), None)
    meeting = [p for p in ours if _meets(p, target)]
    capacity = max(meeting, key=lambda p: p.estimates["throughput"].value) if meeting else None  # type: ignore[union-attr]  # _meets has looked
    return {column: capacity if column == "capacity" else at_level for column in COLUMNS}


def _meets(point: Point, target: LatencyTarget) -> bool:
    throughput, p99 = point.estimates["throughput"], point.estimates["response_p99"]
    errors = point.estimates["error_share"]
    if throughput is None or errors is None or errors.value > target.error_share:
        return False
    return target.p99_us is None or (p99 is not None and p99.value <= target.p99_us)


def _figure(column: str, point: Point | None) -> Estimate | None:
    return point.estimates[COLUMNS[column].name] if point else None


def _best(
    column: str, rows: Mapping[str, Mapping[str, Point | None]], cells: Mapping[str, CellSummary]
) -> tuple[str | None, set[str]]:
    """The best server of a column and those that tie with it; no best if all tie or a bound may be better."""
    metric = COLUMNS[column]
    figures = {server: _figure(column, sources[column]) for server, sources in rows.items()}
    known = {server: figure for server, figure in figures.items() if figure}
    if len(known) < 2 or any(figure.bound != "exact" for figure in known.values()):
        return None, set()
    sign = 1 if metric.higher_is_better else -1
    best = max(known, key=lambda server: sign * known[server].value)
    judge = Judge(comparisons=len(known) - 1, floors={})

    def cells_of(server: str) -> list[CellSummary]:
        point = rows[server][column]
        return [cells[name] for name in point.cells] if point else []

    ties = {
        server
        for server in known
        if server != best
        and paired(cells_of(server), cells_of(best), metric, judge).verdict not in ("slower", "invalid")
    }
    return (None, set(known)) if len(ties) == len(known) - 1 else (best, ties)
