"""A point: one server at one level of one scenario, over all blocks."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field

from loadtests.analysis.cells import CellSummary
from loadtests.analysis.metrics import METRICS, OF_REQUESTS, Metric, is_lower_bound
from loadtests.analysis.ratios import t_interval
from loadtests.model.records import CellState, Level, Record

Bound = Literal["exact", "at least", "at most"]


class Estimate(Record):
    """Geometric mean over blocks with its 95 % interval; arithmetic mean without one where a value is 0."""

    value: float
    low: float | None
    high: float | None
    blocks: int
    bound: Bound


class Nine(Record):
    """A quantile of the response time in µs: geometric mean, least and most over blocks."""

    quantile: float
    value: float
    low: float
    high: float


class Point(Record):
    id: str
    server: str
    scenario: str
    level: Level
    state: CellState = Field(description="invalid where no block is valid, else the worst of the valid ones")
    reasons: list[str] = Field(description="why its invalid cells are that")
    limits: list[str] = Field(description="why its generator-limited cells are that")
    cells: list[str] = Field(description="ids, one a block")
    valid_blocks: int = Field(description="blocks that the figures rest on")
    estimates: dict[str, Estimate | None] = Field(description="by metric; null where no block has the figure")
    nines: list[Nine] = Field(description="quantiles that every valid block has the samples for")
    by_request: dict[str, dict[str, Estimate | None]] = Field(
        default={}, description="by name and metric, where requests have several names"
    )


def level_label(level: Level) -> str:
    """`u32` for 32 users, `r2000` for 2,000 arrivals per second: as in the cells' ids."""
    return f"{'u' if level.kind == 'users' else 'r'}{level.value:g}"


def level_words(level: Level) -> str:
    """`32 users`, `1 user`, `2,000 arrivals/s`: for sentences."""
    if level.kind == "rate":
        return f"{level.value:,g} arrivals/s"
    return "1 user" if level.value == 1 else f"{level.value:,g} users"


def point_id(server: str, scenario: str, level: Level) -> str:
    return f"{server}/{scenario}/{level_label(level)}"


def points(cells: Iterable[CellSummary]) -> list[Point]:
    """Points of the planned cells (those of capacity searches are left out), levels ascending."""
    groups: dict[str, list[CellSummary]] = {}
    for cell in cells:
        if cell.search is None:
            groups.setdefault(point_id(cell.server, cell.scenario, cell.level), []).append(cell)
    unordered = [_point(name, sorted(group, key=lambda c: c.block)) for name, group in groups.items()]
    return sorted(unordered, key=lambda p: (p.scenario, natural(p.server), p.level.kind, p.level.value))


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A key that sorts `-t2` before `-t16`."""
    parts = re.split(r"(\d+)", name)
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts if part]


def unhindered(point: Point, cells: Mapping[str, CellSummary]) -> list[CellSummary]:
    """The point's sound cells in which the load generator was not the limit: what the server itself did."""
    measured = (cells[name] for name in point.cells)
    return [cell for cell in measured if cell.state in ("server-limited", "unsaturated")]


def telling(cells: Iterable[CellSummary]) -> list[CellSummary]:
    """The sound cells that figures rest on: without those of a busy generator, where they are the fewer."""
    sound = [cell for cell in cells if cell.state != "invalid"]
    free = [cell for cell in sound if cell.state != "generator-limited"]
    return free if 2 * len(free) > len(sound) else sound


def estimate(
    values: Sequence[float], metric: Metric, *, limited: bool, rounded: float = 0.0
) -> Estimate | None:
    """Mean of one metric over blocks; None without values. `rounded` as in `t_interval`."""
    if not values:
        return None
    bound: Bound = metric.limited if limited else "exact"
    if min(values) <= 0:
        return Estimate(
            value=math.fsum(values) / len(values), low=None, high=None, blocks=len(values), bound=bound
        )
    interval = t_interval([math.log(value) for value in values], rounded=rounded)
    return Estimate(
        value=interval.ratio, low=interval.low, high=interval.high, blocks=interval.blocks, bound=bound
    )


def _point(name: str, cells: list[CellSummary]) -> Point:
    valid = telling(cells)
    limited = any(cell.state == "generator-limited" for cell in valid)
    names = dict.fromkeys(name for cell in valid for name in cell.by_request)
    views = {name: [view for cell in valid if (view := cell.of_request(name))] for name in names}
    return Point(
        id=name,
        server=cells[0].server,
        scenario=cells[0].scenario,
        level=cells[0].level,
        state=_state(valid, limited),
        reasons=_reasons(cells, "invalid"),
        limits=_reasons(cells, "generator-limited"),
        cells=[cell.id for cell in cells],
        valid_blocks=len(valid),
        estimates=_estimates(valid, METRICS, limited),
        nines=_nines(valid),
        by_request={name: _estimates(cells, OF_REQUESTS, limited) for name, cells in views.items()},
    )


def _estimates(
    valid: Sequence[CellSummary], names: Iterable[str], limited: bool
) -> dict[str, Estimate | None]:
    estimates = {}
    for metric in map(METRICS.__getitem__, names):
        picked = (metric.pick(cell) for cell in valid)
        values = [v for v in picked if v is not None]
        found = estimate(values, metric, limited=limited, rounded=metric.rounding(valid))
        if found and any(is_lower_bound(metric, cell) for cell in valid):
            found = found.model_copy(update={"bound": "at least"})
        estimates[metric.name] = found
    return estimates


def _reasons(cells: Sequence[CellSummary], state: CellState) -> list[str]:
    return sorted({cell.reason or "no reason recorded" for cell in cells if cell.state == state})


def _nines(cells: Sequence[CellSummary]) -> list[Nine]:
    blocks: dict[float, list[int]] = {}
    for cell in cells:
        for quantile, value in cell.nines:
            blocks.setdefault(quantile, []).append(value)
    return [
        Nine(quantile=quantile, value=_mean(values), low=min(values), high=max(values))
        for quantile, values in blocks.items()
        if len(values) == len(cells)
    ]


def _mean(values: Sequence[float]) -> float:
    if min(values) <= 0:
        return math.fsum(values) / len(values)
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


def _state(valid: Sequence[CellSummary], limited: bool) -> CellState:
    if not valid:
        return "invalid"
    if limited:
        return "generator-limited"
    return "unsaturated" if all(cell.state == "unsaturated" for cell in valid) else "server-limited"
