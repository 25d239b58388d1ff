"""Capacity search: the highest level that meets a target, as a bracket with its evidence.

Doubling until the target is missed, bisection (in the logarithm) until the bracket is narrow, then
confirmations at its low end; a failed confirmation moves the bracket down.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from loadtests.lab.plan import Search
from loadtests.model.records import CellState, Level, SearchStep
from loadtests.model.samples import CENSORED, DROPPED, MEASURE, OK, Samples

MOST_STEPS = 60


@dataclass(frozen=True)
class Trial:
    """What one cell of a search gave."""

    cell: str
    state: CellState
    samples: Samples
    reason: str | None


@dataclass(frozen=True)
class Bracket:
    """`low` met the target and was confirmed, `high` did not; either is None where there is none."""

    low: float | None
    high: float | None
    confirmations: int
    reason: str | None
    steps: list[SearchStep]


def find_capacity(target: Search, trial: Callable[[Level, int], Trial]) -> Bracket:
    """Search with `trial(level, number)`, which measures one cell; `number` counts them from 1."""
    steps: list[SearchStep] = []

    def met(value: float, purpose: str) -> bool:
        level = Level(kind=target.kind, value=value)
        result = trial(level, len(steps) + 1)
        reason = shortfall(target, result)
        step = {"cell": result.cell, "level": level, "met": not reason, "reason": reason, "purpose": purpose}
        steps.append(SearchStep.model_validate(step))
        return not reason

    low, high = _double(target, met)
    while True:
        low, high = _bisect(target, low, high, steps, met)
        if low is None:
            return Bracket(None, high, 0, f"no level met the target: {steps[-1].reason}", steps)
        confirmed = 0
        while confirmed < target.confirmations and len(steps) < MOST_STEPS and met(low, "confirmation"):
            confirmed += 1
        if confirmed == target.confirmations:
            reason = None if high is not None else f"the limit of {target.limit:g} was reached: a lower bound"
            return Bracket(low, high, confirmed, reason, steps)
        if len(steps) >= MOST_STEPS:
            return Bracket(None, high, confirmed, f"not settled after {MOST_STEPS} cells", steps)
        low, high = _below(low, steps), low


def shortfall(target: Search, trial: Trial) -> str:
    """Why a cell misses the target, in words; empty where it meets it."""
    if trial.state == "invalid" and not len(trial.samples):
        return trial.reason or "the cell is invalid"
    due = trial.samples[trial.samples["phase"] == MEASURE]
    if not len(due):
        return "no request was due while measuring"
    kinds = due["kind"]
    sent_share = 1 - float(np.mean(kinds == DROPPED))
    if sent_share < target.send_rate:
        return f"send-rate {sent_share:.4f} is below {target.send_rate:g}"
    failed = float(np.mean((kinds != OK) & (kinds != CENSORED) & (kinds != DROPPED)))
    if failed > target.error_share:
        return f"{failed:.2%} of the requests failed, the limit is {target.error_share:.2%}"
    # A censored request may end at any age and a failed one never came: both count as late.
    late = np.where(kinds == OK, due["last_byte_us"].astype(np.float64), np.inf)
    p99_us = float(np.quantile(late, 0.99, method="higher"))
    if p99_us > target.p99_ms * 1000:
        shown = "unbounded" if math.isinf(p99_us) else f"{p99_us / 1000:.1f} ms"
        return f"p99 {shown} is above {target.p99_ms:g} ms"
    if trial.state == "generator-limited":
        return f"the load generator could not press harder: {trial.reason}"
    if trial.state == "invalid":
        return trial.reason or "the cell is invalid"
    return ""


def _double(target: Search, met: Callable[[float, str], bool]) -> tuple[float | None, float | None]:
    level, low = target.start, None
    while met(level, "doubling"):
        low = level
        if level >= target.limit:
            return low, None
        level = min(level * 2, target.limit)
    return low, level


def _bisect(
    target: Search,
    low: float | None,
    high: float | None,
    steps: list[SearchStep],
    met: Callable[[float, str], bool],
) -> tuple[float | None, float | None]:
    while high is not None and len(steps) < MOST_STEPS:
        least = high / 2 if low is None else low
        if low is None and least < 1:
            return None, high
        if low is not None and high - low <= _width(target, low):
            break
        middle = least if low is None else math.sqrt(low * high)
        middle = round(middle) if target.kind == "users" else float(f"{middle:.4g}")
        if met(middle, "bisection"):
            low = middle
        else:
            high = middle
    return low, high


def _width(target: Search, low: float) -> float:
    return max(low * target.precision, 1.0 if target.kind == "users" else 0.0)


def _below(level: float, steps: list[SearchStep]) -> float | None:
    """The highest level under `level` that met the target: one that missed it since is not under it."""
    lower = (step.level.value for step in steps if step.met and step.level.value < level)
    return max(lower, default=None)
