"""The language of gates: conditions a run must meet, judged by intervals.

    p99_us < 50000 @ asgi-uvicorn/download-small/64
    throughput >= 2000 @ wsgi-gthread/process-wait
    ratio(asgi-uvicorn, wsgi-gthread, throughput) > 1.1 @ download-small/64
    p99_us(order) < 80000 @ asgi-uvicorn/shop
    ratio(asgi-uvicorn, wsgi-gthread, p50_us(order)) < 1 @ shop

A name in brackets behind the metric is that of a request, of a scenario with several.

A level is users (`64` or `u64`) or arrivals per second (`r2000`); left out, it is the scenario's reference
level; a ratio without a place is asked of every scenario. `ratio` divides the metric as it is measured. A
gate fails only when the interval clears the limit; where limit and interval overlap it is inconclusive.
Failed requests and growth have an interval of their own in every cell: the worst cell decides.
"""

import difflib
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadtests.analysis import ratios
from loadtests.analysis.cells import CellSummary
from loadtests.analysis.metrics import METRICS, OF_REQUESTS, Metric, Unit, is_lower_bound, named
from loadtests.analysis.points import Point, level_label
from loadtests.archive import ArchiveError
from loadtests.model.records import Level, Record

_NAME = r"[A-Za-z0-9][\w.+-]*"
_GATE = re.compile(
    rf"\s*(?:ratio\(\s*(?P<server>{_NAME})\s*,\s*(?P<baseline>{_NAME})\s*,\s*(?P<of>\w+)"
    r"\s*(?:\((?P<of_request>[^()]+)\))?\s*\)|(?P<metric>\w+)\s*(?:\((?P<request>[^()]+)\))?)"
    r"\s*(?P<operator><=|>=|<|>)\s*(?P<limit>[0-9.eE+_-]+)"
    rf"\s*(?:@\s*(?P<place>{_NAME}(?:/{_NAME}){{0,2}}))?\s*"
)

GateStatus = Literal["passed", "failed", "inconclusive"]


class GateError(ArchiveError):
    """A gate that cannot be read or names what the run does not hold; the text is ready for the user."""


class GateResult(Record):
    gate: str
    place: str
    status: GateStatus
    value: float | None
    low: float | None
    high: float | None
    limit: float
    unit: Unit | Literal["times"]
    reason: str


@dataclass(frozen=True)
class Gate:
    """A gate as read. `servers` holds one server, or two for a ratio; no `scenario` means every one."""

    text: str
    metric: Metric
    servers: tuple[str, ...]
    operator: str
    limit: float
    scenario: str | None
    level: str | None
    request: str | None = None

    def of(self, cells: Iterable[CellSummary]) -> list[CellSummary]:
        """What it is asked of: the cells, or their requests of one name."""
        if self.request is None:
            return list(cells)
        return [view for cell in cells if (view := cell.of_request(self.request)) is not None]


@dataclass(frozen=True)
class _Range:
    value: float
    low: float
    high: float


def parse(text: str) -> Gate:
    """Read one gate; raises GateError."""
    parts = _GATE.fullmatch(text)
    if not parts:
        raise GateError(
            f"gate {text!r} cannot be read; write it as 'p99_us < 50000 @ server/scenario/level' "
            f"or 'ratio(server, baseline, throughput) > 1.1 @ scenario/level'."
        )
    ratio = parts["server"] is not None
    place: list[str] = parts["place"].split("/") if parts["place"] else []
    if not ratio and len(place) < 2:
        raise GateError(
            f"gate {text!r} names no place: add '@ server/scenario' or '@ server/scenario/level'."
        )
    if ratio and len(place) > 2:
        raise GateError(f"gate {text!r}: the place of a ratio is a scenario, or scenario/level.")
    try:
        limit = float(parts["limit"])
    except ValueError:
        raise GateError(f"gate {text!r}: the limit {parts['limit']!r} is no number.") from None
    metric = _metric(text, parts["of"] if ratio else parts["metric"])
    if ratio and metric.within is not None:
        raise GateError(f"gate {text!r}: there is no ratio of {metric.name}, which may be 0.")
    request = parts["of_request"] if ratio else parts["request"]
    if request and metric.name not in OF_REQUESTS:
        raise GateError(
            f"gate {text!r}: {metric.name} is of all requests together; "
            f"of one name there are {', '.join(OF_REQUESTS)}."
        )
    names: list[str | None] = [*(place if ratio else place[1:]), None, None]
    return Gate(
        text=text.strip(),
        metric=metric,
        servers=(parts["server"], parts["baseline"]) if ratio else (place[0],),
        operator=parts["operator"],
        limit=limit,
        scenario=names[0],
        level=names[1],
        request=request.strip() if request else None,
    )


def check_names(
    gates: Iterable[str], servers: Collection[str], scenarios: Mapping[str, Collection[str]]
) -> None:
    """Raise GateError for a gate that cannot be read, or whose server, scenario or request is none of these.

    `scenarios` gives the names of each one's own requests, empty where the scenario is one of the table.
    """
    for gate in (parse(text) for text in gates):
        _known(gate, "server", gate.servers, servers)
        _known(gate, "scenario", (gate.scenario,) if gate.scenario else (), scenarios)
        requests = scenarios.get(gate.scenario or "", ())
        if gate.request is not None and requests:
            _known(gate, "request", (gate.request,), requests)


def judge(
    gates: Iterable[str],
    points: Sequence[Point],
    cells: Mapping[str, CellSummary],
    references: Mapping[str, Level],
) -> list[GateResult]:
    """Judge each gate at each of its places; raises GateError."""
    results = []
    for gate in (parse(text) for text in gates):
        _known(gate, "server", gate.servers, {p.server for p in points})
        scenarios = {p.scenario for p in points}
        _known(gate, "scenario", (gate.scenario,) if gate.scenario else (), scenarios)
        for scenario in [gate.scenario] if gate.scenario else sorted(scenarios):
            here = [
                p for p in points if p.scenario == scenario and _at(gate.level, p.level, references[scenario])
            ]
            if not here:
                levels = ", ".join(sorted({level_label(p.level) for p in points if p.scenario == scenario}))
                raise GateError(f"gate {gate.text!r}: {scenario} has no level {gate.level!r}, only {levels}.")
            sides = [
                [c for p in here if p.server == server for c in (cells[name] for name in p.cells)]
                for server in gate.servers
            ]
            place = f"{scenario}/{level_label(here[0].level)}"
            if gate.request is not None:
                known = {name for side in sides for cell in side for name in cell.by_request}
                if known or gate.scenario:
                    _known(gate, "request", (gate.request,), known)
                place += f": {gate.request}"
            results.append(_result(gate, place, [gate.of(side) for side in sides]))
    return results


def _result(gate: Gate, place: str, sides: Sequence[Sequence[CellSummary]]) -> GateResult:
    interval = _ratio_range(gate.metric, *sides) if len(sides) == 2 else _range(gate.metric, sides[0])
    status: GateStatus = "inconclusive"
    reason = "no sound cell has the figure"
    if interval is not None:
        status, reason = _status(interval, gate.operator, gate.limit)
        durations = [cell.duration_s for side in sides for cell in side if cell.duration_s]
        if gate.metric.within is not None and durations:
            reason += f", over {max(durations):.0f} s"
    return GateResult(
        gate=gate.text,
        place=place,
        status=status,
        value=interval.value if interval else None,
        low=interval.low if interval and math.isfinite(interval.low) else None,
        high=interval.high if interval and math.isfinite(interval.high) else None,
        limit=gate.limit,
        unit="times" if len(sides) == 2 else gate.metric.unit,
        reason=reason,
    )


def _status(interval: _Range, operator: str, limit: float) -> tuple[GateStatus, str]:
    """Passed where the whole interval meets the condition, failed where none of it does."""
    below = operator in ("<", "<=")
    inside = {"<": interval.high < limit, "<=": interval.high <= limit}.get(
        operator, interval.low > limit if operator == ">" else interval.low >= limit
    )
    outside = interval.low > limit if below else interval.high < limit
    if inside:
        return "passed", "the interval meets the condition"
    if outside:
        return "failed", "the interval clears the limit"
    return "inconclusive", "the interval holds the limit"


def _range(metric: Metric, cells: Sequence[CellSummary]) -> _Range | None:
    """The 95 % interval over blocks; unbounded from one block, or on the side a bound leaves open."""
    if metric.within is not None:
        return _worst(metric, metric.within, cells)
    sound = [(metric.pick(cell), cell.state) for cell in cells if cell.state != "invalid"]
    bounded = any(is_lower_bound(metric, cell) for cell in cells)
    values = [value for value, _ in sound if value is not None]
    if not values:
        return None
    if min(values) > 0:
        rounded = metric.rounding(cell for cell in cells if cell.state != "invalid")
        interval = ratios.t_interval([math.log(value) for value in values], rounded=rounded)
        value, low, high = interval.ratio, interval.low, interval.high
    else:  # no failure at all, say: shares near zero have no logarithm
        value = math.fsum(values) / len(values)
        low, high = (0.0, max(values)) if len(values) > 1 else (None, None)
    limited = any(state == "generator-limited" for _, state in sound)
    return _Range(
        value,
        0.0 if low is None or (limited and metric.limited == "at most") else low,
        math.inf if high is None or bounded or (limited and metric.limited == "at least") else high,
    )


def _worst(
    metric: Metric,
    within: Callable[[CellSummary], tuple[float, float] | None],
    cells: Sequence[CellSummary],
) -> _Range | None:
    """The largest of all cells, which the others cannot make up for: one leak is one too many."""
    intervals = [
        (value, *interval)
        for cell in cells
        if (value := metric.pick(cell)) is not None and (interval := within(cell)) is not None
    ]
    return _Range(*(max(column) for column in zip(*intervals, strict=True))) if intervals else None


def _ratio_range(metric: Metric, ours: Sequence[CellSummary], theirs: Sequence[CellSummary]) -> _Range | None:
    base = {cell.block: cell for cell in theirs}
    pairs = [(cell, base[cell.block]) for cell in ours if cell.block in base]
    sound = [
        (a, b)
        for a, b in pairs
        if "generator-limited" not in (a.state, b.state)
        and not (is_lower_bound(metric, a) or is_lower_bound(metric, b))
        and metric.pick(a)
        and metric.pick(b)
    ]
    if not sound:
        return None
    sides = list(zip(*sound, strict=True))
    rounded = sum(metric.rounding(side) for side in sides)
    values = [[metric.pick(cell) or 0.0 for cell in side] for side in sides]
    interval = ratios.t_interval(ratios.log_ratios(*values), rounded=rounded)
    low, high = interval.low, interval.high
    return _Range(interval.ratio, 0.0 if low is None else low, math.inf if high is None else high)


def _at(asked: str | None, level: Level, reference: Level) -> bool:
    if asked is None:
        return level == reference
    return asked == level_label(level) or (level.kind == "users" and asked == f"{level.value:g}")


def _metric(text: str, name: str) -> Metric:
    metric = named(name)
    if metric is None:
        known = [*(m.alias for m in METRICS.values() if m.alias), *METRICS]
        raise GateError(f"gate {text!r}: {name!r} is no metric{_nearest(name, known)}.")
    return metric


def _known(gate: Gate, what: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise GateError(f"gate {gate.text!r}: the run has no {what} {name!r}{_nearest(name, known)}.")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(sorted(known))}"
