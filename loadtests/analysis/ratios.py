"""How many times better, with what certainty: ratios of paired blocks and the four verdicts.

The unit of replication is a block (a fresh server start), so n is the number of blocks, never of
requests. Ratios are averaged as logarithms: 2x and 1/2x cancel. The interval is Student's t on the
per-block log-ratios; with 3 to 10 blocks a percentile bootstrap covers too little, and even the
bootstrap-t (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 12.5) is only a
cross-check here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

Verdict = Literal["faster", "slower", "equivalent", "inconclusive"]

CONFIDENCE = 0.95
SMALLEST_DELTA = 0.05
BLOCKS_FOR_BOOTSTRAP = 4
MOST_BLOCKS = 1000  # more than this is no advice


@dataclass(frozen=True)
class Interval:
    """A ratio with its confidence interval; `low` and `high` are None from fewer than two blocks."""

    ratio: float
    low: float | None
    high: float | None
    blocks: int
    confidence: float


def simultaneous(confidence: float, comparisons: int) -> float:
    """Confidence each of `comparisons` intervals needs for all to hold at once (Bonferroni)."""
    return 1 - (1 - confidence) / max(1, comparisons)


def practical_delta(floor: float | None) -> float:
    """The smallest difference that matters: 5 %, or the A/A floor of the machine where that is larger."""
    return max(SMALLEST_DELTA, floor or 0.0)


def log_ratios(values: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """ln(value / baseline) per block; both sequences are positive and in the same order of blocks."""
    return [math.log(value / base) for value, base in zip(values, baseline, strict=True)]


def rounding(grains: float) -> float:
    """By how much the logarithm of a figure may be off that is made of so many indivisible units.

    A stream of r requests a second, however regular, puts floor(rT) or ceil(rT) of them into a window of T
    seconds, by where the window begins: N counted says N - 1 < rT < N + 1, so that ln(rT) is less than
    -ln(1 - 1/N) away from ln(N). A time in whole microseconds is known as well as that. It does not shrink
    with more blocks that round alike, as the resolution of an instrument does not (JCGM 100:2008, F.2.2.1).
    """
    return -math.log1p(-1 / max(grains, 2.0))


def t_interval(logs: Sequence[float], confidence: float = CONFIDENCE, *, rounded: float = 0.0) -> Interval:
    """Student's t interval of the geometric mean of the ratios whose logarithms are `logs` (at least one).

    On either side it is `rounded` wide at the least, which is how far their mean may be off by `rounding`.
    """
    n, mean = len(logs), math.fsum(logs) / len(logs)
    if n < 2:
        return Interval(math.exp(mean), None, None, n, confidence)
    half = max(t_quantile(confidence, n - 1) * _deviation(logs) / math.sqrt(n), rounded)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), n, confidence)


def welch_interval(
    logs: Sequence[float],
    baseline: Sequence[float],
    confidence: float = CONFIDENCE,
    *,
    rounded: float = 0.0,
) -> Interval:
    """Ratio of two independent groups of blocks, as of two runs, from the logarithms of their values.

    Welch's t with the Welch-Satterthwaite degrees of freedom (Biometrika 34, 1947); `rounded` as in
    `t_interval`.
    """
    mean = math.fsum(logs) / len(logs) - math.fsum(baseline) / len(baseline)
    n = min(len(logs), len(baseline))
    if n < 2:
        return Interval(math.exp(mean), None, None, n, confidence)
    a, b = _deviation(logs) ** 2 / len(logs), _deviation(baseline) ** 2 / len(baseline)
    half = rounded
    if a + b > 0:
        freedom = (a + b) ** 2 / (a**2 / (len(logs) - 1) + b**2 / (len(baseline) - 1))
        half = max(t_quantile(confidence, freedom) * math.sqrt(a + b), rounded)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), n, confidence)


def bootstrap_t(
    logs: Sequence[float], confidence: float = CONFIDENCE, *, seed: int = 1, resamples: int = 2000
) -> Interval | None:
    """Bootstrap-t interval of the same ratio, the cross-check; None below four blocks or without spread."""
    sample = np.asarray(logs, dtype=float)
    n = len(sample)
    if n < BLOCKS_FOR_BOOTSTRAP or np.ptp(sample) == 0:
        return None
    drawn = np.random.default_rng(seed).choice(sample, size=(resamples, n))
    errors = drawn.std(axis=1, ddof=1) / math.sqrt(n)
    spread = errors > 1e-12  # a resample of one block drawn n times has no error to divide by
    mean, error = sample.mean(), sample.std(ddof=1) / math.sqrt(n)
    t = (drawn.mean(axis=1)[spread] - mean) / errors[spread]
    low_t, high_t = np.quantile(t, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(
        math.exp(mean),
        math.exp(mean - float(high_t) * error),
        math.exp(mean - float(low_t) * error),
        n,
        confidence,
    )


def verdict(interval: Interval, delta: float) -> Verdict:
    """`faster` or `slower` where the interval lies outside 1/(1+delta) to 1+delta, `equivalent` inside."""
    if interval.low is None or interval.high is None:
        return "inconclusive"
    edge = math.log1p(delta)
    low, high = math.log(interval.low), math.log(interval.high)
    if low > edge:
        return "faster"
    if high < -edge:
        return "slower"
    if low > -edge and high < edge:
        return "equivalent"
    return "inconclusive"


def blocks_needed(
    logs: Sequence[float], delta: float, confidence: float = CONFIDENCE, *, rounded: float = 0.0
) -> int | None:
    """Further blocks after which the interval would clear ±delta if mean and spread stayed as they are.

    None where the mean is so near the edge that no reasonable number would do, or nearer than `rounded`. One
    block has no spread yet: two more are needed to see one.
    """
    n = len(logs)
    if n < 2:
        return 3 - n
    room = abs(abs(math.fsum(logs) / n) - math.log1p(delta))
    deviation = _deviation(logs)
    if rounded >= room:
        return None
    for total in range(n, MOST_BLOCKS + 1):
        if t_quantile(confidence, total - 1) * deviation / math.sqrt(total) < room:
            return max(1, total - n)
    return None


@lru_cache(maxsize=4096)
def t_quantile(confidence: float, freedom: float) -> float:
    """Two-sided quantile of Student's t: 2.262 for 95 % and nine degrees of freedom."""
    from scipy import stats  # type: ignore[import-untyped]  # no types, and half a second to import

    return float(stats.t.ppf((1 + confidence) / 2, freedom))


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
