"""How many times better one server is than another, and the verdict: the heart of every comparison."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from loadtests.analysis import ratios
from loadtests.analysis.cells import CellSummary
from loadtests.analysis.metrics import Metric, is_lower_bound
from loadtests.model.records import Record

# The four verdicts, and what stands in their place: a bound or nothing where the generator was the limit,
# `invalid` where no pair of sound cells is left, `not measured` where sound cells lack the samples for the
# figure, `same run` where a run is compared with itself, `not the same work` where the servers answered
# otherwise than each other before any load.
Outcome = Literal[
    "faster",
    "slower",
    "equivalent",
    "inconclusive",
    "at least",
    "at most",
    "generator-limited",
    "invalid",
    "not measured",
    "same run",
    "not the same work",
]
LIMITED = "the load generator, not the server, was the limit"


class Difference(Record):
    """How many times better one side is. Times are turned over, so that above 1 is always better."""

    verdict: Outcome
    ratio: float | None = Field(default=None, description="throughput: server / baseline; times: turned over")
    low: float | None = None
    high: float | None = None
    blocks: int = Field(default=0, description="blocks in which both sides are sound")
    confidence: float = Field(description="of this interval, so that all primaries hold at once")
    delta: float
    blocks_needed: int | None = Field(
        default=None, description="further blocks that would settle an inconclusive one"
    )
    cross_check: tuple[float, float] | None = Field(
        default=None, description="bootstrap-t interval, where it can be had"
    )
    reasons: list[str] = Field(default=[], description="why blocks are missing or no verdict is given")


@dataclass(frozen=True)
class Judge:
    """The conditions of all verdicts of a run: the intervals of `comparisons` hold at once."""

    comparisons: int
    floors: dict[str, float]

    @property
    def confidence(self) -> float:
        return ratios.simultaneous(ratios.CONFIDENCE, self.comparisons)

    def delta(self, metric: str) -> float:
        return ratios.practical_delta(self.floors.get(metric))


def paired(
    ours: Iterable[CellSummary], theirs: Iterable[CellSummary], metric: Metric, judge: Judge
) -> Difference:
    """Two servers at one level of one scenario, compared within blocks."""
    left, right = {cell.block: cell for cell in ours}, {cell.block: cell for cell in theirs}
    pairs: list[tuple[CellSummary, CellSummary]] = []
    limits: list[tuple[bool, bool]] = []
    reasons = []
    for block in sorted(left.keys() | right.keys()):
        cells = (left.get(block), right.get(block))
        value, base = (metric.pick(cell) if cell else None for cell in cells)
        bounded = any(cell and is_lower_bound(metric, cell) for cell in cells)
        if cells[0] and cells[1] and value and base and not bounded:
            pairs.append((cells[0], cells[1]))
            limits.append((_limited(cells[0], metric), _limited(cells[1], metric)))
        else:
            reasons.append(f"block {block}: {_missing(cells, metric)}")
    free = [pair for pair, bound in zip(pairs, limits, strict=True) if not any(bound)]
    if 2 * len(free) > len(pairs):  # held up in a few blocks, it says nothing of the server in the others
        held_up = len(pairs) - len(free)
        reasons += [f"{held_up} of {len(pairs)} blocks left out: {LIMITED}"] if held_up else []
        pairs, limits = free, []
    sides = list(zip(*pairs, strict=True))
    values = [[metric.pick(cell) or 0.0 for cell in side] for side in sides]
    rounded = math.fsum(metric.rounding(side) for side in sides)
    logs = ratios.log_ratios(*values) if values else []
    if not metric.higher_is_better:
        logs = [-log for log in logs]
    return judged(
        logs,
        ratios.t_interval(logs, judge.confidence, rounded=rounded) if logs else None,
        metric,
        judge,
        rounded=rounded,
        limited=(any(ours for ours, _ in limits), any(theirs for _, theirs in limits)),
        broken=any(cell.state == "invalid" for cell in (*left.values(), *right.values())),
        reasons=reasons,
    )


def judged(
    logs: Sequence[float],
    interval: ratios.Interval | None,
    metric: Metric,
    judge: Judge,
    *,
    rounded: float = 0.0,
    limited: tuple[bool, bool] = (False, False),
    broken: bool = False,
    reasons: Sequence[str] = (),
) -> Difference:
    """The verdict on an interval of ratios; `limited`: was the generator the limit on either side;
    `broken`: is any cell of either side invalid; `rounded` as in `ratios.t_interval`.

    `logs` are the per-block log-ratios, empty where the blocks of the two sides are not pairs.
    """
    confidence, delta = judge.confidence, judge.delta(metric.name)
    if interval is None:
        missing = list(reasons) or ["the run holds no such pair of cells"]
        outcome: Outcome = "invalid" if broken or not reasons else "not measured"
        return Difference(verdict=outcome, confidence=confidence, delta=delta, reasons=missing)
    if any(limited):
        side: Literal["at least", "at most"] = "at least" if limited[0] else "at most"
        told = not all(limited) and _tells(interval.ratio, side, delta)
        return Difference(
            verdict=side if told else "generator-limited",
            ratio=interval.ratio if told else None,
            blocks=interval.blocks,
            confidence=confidence,
            delta=delta,
            reasons=[*reasons, LIMITED],
        )
    verdict = ratios.verdict(interval, delta)
    check = ratios.bootstrap_t(logs, confidence) if logs else None
    more = (
        ratios.blocks_needed(logs, delta, confidence, rounded=rounded)
        if logs and verdict == "inconclusive"
        else None
    )
    return Difference(
        verdict=verdict,
        ratio=interval.ratio,
        low=interval.low,
        high=interval.high,
        blocks=interval.blocks,
        confidence=confidence,
        delta=delta,
        blocks_needed=more,
        cross_check=(check.low, check.high) if check and check.low and check.high else None,
        reasons=list(reasons),
    )


def _tells(ratio: float, bound: Literal["at least", "at most"], delta: float) -> bool:
    """Whether a bound says which side is better: that one is at least 0.07 times the other says nothing."""
    edge = math.log1p(delta)
    return math.log(ratio) > edge if bound == "at least" else math.log(ratio) < -edge


def _limited(cell: CellSummary | None, metric: Metric) -> bool:
    return cell is not None and cell.state == "generator-limited" and metric.limited != "exact"


def _missing(cells: Sequence[CellSummary | None], metric: Metric) -> str:
    if any(cell is None for cell in cells):
        return "a cell is missing"
    broken = [cell for cell in cells if cell and cell.state == "invalid"]
    if broken:
        return "; ".join(f"{cell.server}: {cell.reason or 'invalid'}" for cell in broken)
    bounded = [cell.server for cell in cells if cell and is_lower_bound(metric, cell)]
    if bounded:
        return f"{' and '.join(bounded)}: a lower bound, as requests were dropped or left unfinished"
    without = [cell.server for cell in cells if cell and not metric.pick(cell)]
    return f"{' and '.join(without)}: too few samples for the {metric.label}"
