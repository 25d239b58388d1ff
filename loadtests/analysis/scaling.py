"""How throughput scales over users, and separately over server processes and threads; and why it bends."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from loadtests.analysis.cells import CellSummary
from loadtests.analysis.laws import Law, UnfittableError, fit_amdahl, fit_usl, slots_bound_per_s
from loadtests.analysis.points import Point, level_label, unhindered
from loadtests.analysis.ratios import CONFIDENCE, t_quantile
from loadtests.model.records import Level, Record

MOST_MISSED = 0.05
BOUND_REACHED = 0.80
SLOTS_BEND = "the slots set the ceiling, which no smooth law describes"
Over = Literal["users", "processes", "threads"]


class FittedParameter(Record):
    """A fitted parameter: mean over blocks with its 95 % t interval, None from a single block."""

    value: float
    low: float | None
    high: float | None


class LawFit(Record):
    """One law, fitted to each block apart. A peak is claimed only if it fits and kappa is above zero."""

    blocks: int
    gain_per_s: FittedParameter
    sigma: FittedParameter
    kappa: FittedParameter
    peak: FittedParameter | None
    peak_reason: str | None = Field(description="why no peak is claimed")
    ceiling_per_s: FittedParameter | None = Field(
        description="gain / sigma; null where sigma's interval holds zero"
    )
    residual_share: float = Field(description="root mean square residual over the mean throughput")


class CurvePoint(Record):
    n: float
    point: str = Field(description="id of the point it shows")
    bound_per_s: float | None = Field(
        description="Little's law: what n users, or the slots of n processes or threads, can amount to"
    )


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
    knee: float | None = Field(description="the last n that still got 80 % of its bound")
    knee_reason: str | None = Field(description="why no knee is claimed")
    slots: int | None = Field(description="null where the slots are what varies")
    slot_kind: str | None
    service_time_us: float | None = Field(
        description="least median at a level where nobody queues, else the wait that the work plants"
    )
    bound_per_s: float | None = Field(description="Little's law: slots / service time")


def curves(points: Mapping[str, Point], cells: Mapping[str, CellSummary]) -> list[Curve]:
    """A curve for each server with two levels of users or more, and for each family of server sizes."""
    over_users = []
    by_users: dict[tuple[str, str], list[Point]] = {}
    for point in points.values():
        if point.level.kind == "users":
            by_users.setdefault((point.scenario, point.server), []).append(point)
    for (scenario, server), group in by_users.items():
        if len(group) > 1:
            levels = [(point.level.value, point) for point in group]
            over_users.append(
                _curve(f"{scenario}/{server}/users", scenario, server, "users", None, levels, cells)
            )
    return over_users + _by_size("processes", points, cells) + _by_size("threads", points, cells)


def slots_bound(group: Sequence[Point], cells: Mapping[str, CellSummary]) -> tuple[float, float] | None:
    """(service time in µs, bound per second) of a server, from its levels where nobody queues; or None."""
    first, service_us = _first_cell(group, cells), _service_time_us(group, cells)
    if first is None or not first.slots or service_us is None:
        return None
    return service_us, slots_bound_per_s(first.slots, service_us / 1e6)


def _service_time_us(group: Sequence[Point], cells: Mapping[str, CellSummary]) -> float | None:
    """The least of the medians where nobody queues: a few slow requests do not lower what slots allow.

    Where every level queues, the wait that the work plants, which no server can undercut.
    """
    known = []
    for point in group:
        first = _first_cell([point], cells)
        time = point.estimates["service_p50"]
        if (
            first
            and first.slots
            and time
            and point.level.kind == "users"
            and point.level.value <= first.slots
        ):
            known.append(time.value)
    first = _first_cell(group, cells)
    wait_ms = first.planted_wait_ms if first else None
    if not known and wait_ms:
        return wait_ms * 1000.0
    return min(known, default=None)


def _by_size(over: Over, points: Mapping[str, Point], cells: Mapping[str, CellSummary]) -> list[Curve]:
    """Servers that a plan's list of processes (or of threads) made of one: `-p4`, `-t16` in their names."""
    families: dict[tuple[str, str, str], list[tuple[float, Point]]] = {}
    for point in points.values():
        cell = _first_cell([point], cells)
        size = getattr(cell, over) if cell else None
        family = re.sub(rf"-{over[0]}{size}(?=-|$)", "", point.server)
        if cell is not None and size and family != point.server:
            families.setdefault((point.scenario, family, level_label(point.level)), []).append((size, point))
    over_size = []
    for (scenario, family, level), group in families.items():
        if len({size for size, _ in group}) == len(group) > 1:
            group.sort(key=lambda pair: pair[0])
            name = f"{scenario}/{family}/{over}/{level}"
            over_size.append(_curve(name, scenario, family, over, group[0][1].level, group, cells))
    return over_size


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
    service_us = _service_time_us(group, cells)
    bounds = [_bound_per_s(n, point, over, service_us, cells) for n, point in levels]
    knee, knee_reason = _knee(levels, bounds, cells)
    return Curve(
        id=name,
        scenario=scenario,
        server=server,
        over=over,
        level=level,
        points=[
            CurvePoint(n=n, point=point.id, bound_per_s=most)
            for (n, point), most in zip(levels, bounds, strict=True)
        ],
        usl=usl,
        amdahl=amdahl,
        unfitted=unfitted,
        knee=knee,
        knee_reason=knee_reason,
        slots=first.slots if first and over == "users" else None,
        slot_kind=first.slot_kind if first else None,
        service_time_us=service_us,
        bound_per_s=bound[1] if bound else None,
    )


def _bound_per_s(
    n: float, point: Point, over: Over, service_us: float | None, cells: Mapping[str, CellSummary]
) -> float | None:
    first = _first_cell([point], cells)
    if service_us is None or first is None or (over != "users" and not first.slots):
        return None
    slots = first.slots if first.slots else n
    at_once = min(n, slots) if over == "users" else min(slots, point.level.value)
    return at_once / service_us * 1e6


def _knee(
    levels: Sequence[tuple[float, Point]],
    bounds: Sequence[float | None],
    cells: Mapping[str, CellSummary],
) -> tuple[float | None, str | None]:
    """The last n that still got 80 % of what it alone allows, and why none is claimed.

    Over users that is their number over the service time; a bound that no longer grows is the slots' own.
    """
    knee: float | None = None
    grown = 0.0
    for (n, point), bound in zip(levels, bounds, strict=True):
        rates = [c.throughput_per_s for c in unhindered(point, cells) if c.throughput_per_s]
        if bound is None or not rates:
            continue
        if bound <= grown:
            return knee, None if knee else "no level got near its bound"
        grown = bound
        if float(np.mean(rates)) < BOUND_REACHED * bound:
            return knee, None if knee else "no level got near its bound"
        knee = n
    if knee is None:
        return None, "no bound is known" if not any(bounds) else "no sound cell tells it"
    return None, "none: every level got what it allows"


def _fit(
    fit: Callable[[Sequence[float], Sequence[float]], Law],
    levels: Sequence[tuple[float, Point]],
    cells: Mapping[str, CellSummary],
) -> tuple[LawFit | None, str | None]:
    """The law over blocks, or why there is none. Generator-limited cells say nothing of the server."""
    blocks: dict[int, list[tuple[float, float]]] = {}
    for n, point in levels:
        for cell in unhindered(point, cells):
            if cell.throughput_per_s:
                blocks.setdefault(cell.block, []).append((n, cell.throughput_per_s))
    laws, reason = [], None
    for rows in blocks.values():
        try:
            laws.append(fit([n for n, _ in rows], [x for _, x in rows]))
        except UnfittableError as error:
            reason = str(error)
    return (over_blocks(laws), None) if laws else (None, reason or "no sound cell to fit a law to")


def over_blocks(laws: Sequence[Law]) -> LawFit:
    """The law whose parameters are the means over blocks; its peak and ceiling where they are certain."""
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


def _no_peak(kappa: FittedParameter, all_peak: bool, missed: float) -> str | None:
    # a curve that breaks off sharply, as where slots run out, bends any smooth law into a false peak
    if missed > MOST_MISSED:
        return f"the law misses the measured points by {missed:.1%}"
    if kappa.low is None:
        return "one block gives no interval for κ"
    if kappa.low <= 0 or not all_peak:
        return "κ's interval holds zero"
    return None


def _parameter(values: Sequence[float]) -> FittedParameter:
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return FittedParameter(value=mean, low=None, high=None)
    half = t_quantile(CONFIDENCE, n - 1) * float(np.std(values, ddof=1)) / n**0.5
    return FittedParameter(value=mean, low=mean - half, high=mean + half)


def _highest(group: Sequence[Point]) -> float:
    return max((e.value for point in group if (e := point.estimates["throughput"])), default=0.0)


def _first_cell(group: Sequence[Point], cells: Mapping[str, CellSummary]) -> CellSummary | None:
    return next((cells[name] for point in group for name in point.cells), None)
