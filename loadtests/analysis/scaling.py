"""How throughput scales over users, and separately over server processes and threads; and why it bends."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from loadtests.analysis.cells import CellSummary
from loadtests.analysis.laws import Law, UnfittableError, fit_amdahl, fit_usl, slots_bound_per_s
from loadtests.analysis.points import Point
from loadtests.analysis.ratios import CONFIDENCE, t_quantile
from loadtests.lab.records import Level, Record

MOST_MISSED = 0.05
BOUND_REACHED = 0.80
SLOTS_BEND = "the slots set the ceiling, which no smooth law describes"
Over = Literal["users", "processes", "threads"]


class Parameter(Record):
    """A fitted parameter: mean over blocks with its 95 % t interval, None from a single block."""

    value: float
    low: float | None
    high: float | None


class LawFit(Record):
    """One law, fitted to each block apart. A peak is claimed only if it fits and kappa is above zero."""

    blocks: int
    gain_per_s: Parameter
    sigma: Parameter
    kappa: Parameter
    peak: Parameter | None
    peak_reason: str | None = Field(description="why no peak is claimed")
    ceiling_per_s: Parameter | None = Field(
        description="gain / sigma; null where sigma's interval holds zero"
    )
    residual_share: float = Field(description="root mean square residual over the mean throughput")


class CurvePoint(Record):
    n: float
    point: str = Field(description="id of the point it shows")


class Curve(Record):
    id: str
    scenario: str
    server: str = Field(description="or what the servers of the curve share")
    over: Over
    level: Level | None = Field(description="the level at which processes or threads vary")
    points: list[CurvePoint]
    usl: LawFit | None
    amdahl: LawFit | None
    unfitted: str | None = Field(description="why no law was fitted")
    slots: int | None
    slot_kind: str | None
    service_time_us: float | None = Field(description="least median at a level where nobody queues")
    bound_per_s: float | None = Field(description="Little's law: slots / service time")


def curves(points: Mapping[str, Point], cells: Mapping[str, CellSummary]) -> list[Curve]:
    """A curve for each server with two levels of users or more, and for each family of server sizes."""
    found = []
    by_users: dict[tuple[str, str], list[Point]] = {}
    for point in points.values():
        if point.level.kind == "users":
            by_users.setdefault((point.scenario, point.server), []).append(point)
    for (scenario, server), group in by_users.items():
        if len(group) > 1:
            levels = [(point.level.value, point) for point in group]
            found.append(_curve(f"{scenario}/{server}/users", scenario, server, "users", None, levels, cells))
    return found + _by_size("processes", points, cells) + _by_size("threads", points, cells)


def slots_bound(group: Sequence[Point], cells: Mapping[str, CellSummary]) -> tuple[float, float] | None:
    """(service time in µs, bound per second) of a server, from its levels where nobody queues; or None.

    The least of the levels' medians: a few slow requests do not lower what the slots allow.
    """
    first = _first_cell(group, cells)
    if first is None or not first.slots:
        return None
    free = [p for p in group if p.level.kind == "users" and p.level.value <= first.slots]
    times = [p.estimates["service_p50"] for p in free]
    known = [time.value for time in times if time]
    if not known:
        return None
    return min(known), slots_bound_per_s(first.slots, min(known) / 1e6)


def _by_size(over: Over, points: Mapping[str, Point], cells: Mapping[str, CellSummary]) -> list[Curve]:
    """Servers that differ in nothing but their number of processes (or of threads)."""
    other = "threads" if over == "processes" else "processes"
    families: dict[tuple[str, str, str], list[tuple[float, Point]]] = {}
    for point in points.values():
        cell = _first_cell([point], cells)
        size = getattr(cell, over) if cell else None
        if cell is None or not size:
            continue
        stem = point.server.rstrip("0123456789").rstrip("-_px")
        family = f"{stem}, {getattr(cell, other)} {other}" if getattr(cell, other) else stem
        families.setdefault((point.scenario, family, str(point.level.value)), []).append((size, point))
    found = []
    for (scenario, family, level), group in families.items():
        sizes = {size for size, _ in group}
        if len(sizes) == len(group) > 1:
            group.sort(key=lambda pair: pair[0])
            name = f"{scenario}/{family}/{over}/{level}"
            found.append(_curve(name, scenario, family, over, group[0][1].level, group, cells))
    return found


def _curve(
    name: str,
    scenario: str,
    server: str,
    over: Over,
    level: Level | None,
    levels: Sequence[tuple[float, Point]],
    cells: Mapping[str, CellSummary],
) -> Curve:
    group = [point for _, point in levels]
    first = _first_cell(group, cells)
    bound = slots_bound(group, cells) if over == "users" else None
    usl, unfitted = _fit(fit_usl, levels, cells)
    if usl and bound and _highest(group) >= BOUND_REACHED * bound[1]:
        usl = usl.model_copy(update={"peak": None, "peak_reason": SLOTS_BEND})
    amdahl, _ = _fit(fit_amdahl, levels, cells)
    return Curve(
        id=name,
        scenario=scenario,
        server=server,
        over=over,
        level=level,
        points=[CurvePoint(n=n, point=point.id) for n, point in levels],
        usl=usl,
        amdahl=amdahl,
        unfitted=unfitted,
        slots=first.slots if first else None,
        slot_kind=first.slot_kind if first else None,
        service_time_us=bound[0] if bound else None,
        bound_per_s=bound[1] if bound else None,
    )


def _fit(
    fit: Callable[[Sequence[float], Sequence[float]], Law],
    levels: Sequence[tuple[float, Point]],
    cells: Mapping[str, CellSummary],
) -> tuple[LawFit | None, str | None]:
    """The law over blocks, or why there is none. Generator-limited cells say nothing of the server."""
    blocks: dict[int, list[tuple[float, float]]] = {}
    for n, point in levels:
        for cell in (cells[name] for name in point.cells):
            if cell.state in ("server-limited", "unsaturated") and cell.throughput_per_s:
                blocks.setdefault(cell.block, []).append((n, cell.throughput_per_s))
    laws, reason = [], None
    for rows in blocks.values():
        try:
            laws.append(fit([n for n, _ in rows], [x for _, x in rows]))
        except UnfittableError as error:
            reason = str(error)
    return (_over_blocks(laws), None) if laws else (None, reason or "no sound cell to fit a law to")


def _over_blocks(laws: Sequence[Law]) -> LawFit:
    sigma, kappa = _parameter([law.sigma for law in laws]), _parameter([law.kappa for law in laws])
    peaks = [law.peak for law in laws if law.peak is not None]
    ceilings = [law.ceiling_per_s for law in laws if law.ceiling_per_s is not None]
    missed = float(np.mean([law.residual_share for law in laws]))
    reason = _no_peak(kappa, len(peaks) == len(laws), missed)
    contends = sigma.low is not None and sigma.low > 0 and len(ceilings) == len(laws)
    return LawFit(
        blocks=len(laws),
        gain_per_s=_parameter([law.gain_per_s for law in laws]),
        sigma=sigma,
        kappa=kappa,
        peak=None if reason else _parameter(peaks),
        peak_reason=reason,
        ceiling_per_s=_parameter(ceilings) if contends else None,
        residual_share=missed,
    )


def _no_peak(kappa: Parameter, all_peak: bool, missed: float) -> str | None:
    # a curve that breaks off sharply, as where slots run out, bends any smooth law into a false peak
    if missed > MOST_MISSED:
        return f"the law misses the measured points by {missed:.1%}"
    if kappa.low is None:
        return "one block gives no interval for κ"
    if kappa.low <= 0 or not all_peak:
        return "κ's interval holds zero"
    return None


def _parameter(values: Sequence[float]) -> Parameter:
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Parameter(value=mean, low=None, high=None)
    half = t_quantile(CONFIDENCE, n - 1) * float(np.std(values, ddof=1)) / n**0.5
    return Parameter(value=mean, low=mean - half, high=mean + half)


def _highest(group: Sequence[Point]) -> float:
    return max((e.value for point in group if (e := point.estimates["throughput"])), default=0.0)


def _first_cell(group: Sequence[Point], cells: Mapping[str, CellSummary]) -> CellSummary | None:
    return next((cells[name] for point in group for name in point.cells), None)
