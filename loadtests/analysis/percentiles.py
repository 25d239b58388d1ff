"""Percentiles of raw latencies, each with the number of samples it needs.

A quantile q is given only from ten samples beyond it, n >= 10 / (1 - q): 20 for the median, 100 for
p90, 1,000 for p99, 10,000 for p99.9. Values are nearest-rank (Hyndman & Fan 1996, definition 1): always a
latency that was measured, never an interpolation.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999}
SAMPLES_BEYOND = 10

NINES = (0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999)

Latencies = npt.NDArray[np.int64]
Percentiles = dict[str, int | None]


def samples_needed(quantile: float) -> int:
    """Least count of samples from which `quantile` (0 to 1, exclusive) is given."""
    return math.ceil(round(SAMPLES_BEYOND / (1.0 - quantile), 6))


def nearest_rank(ordered: Latencies, quantile: float) -> int:
    """The smallest value with at least `quantile` of all values at or below it; `ordered` is not empty."""
    rank = max(1, math.ceil(round(quantile * len(ordered), 6)))
    return int(ordered[rank - 1])


def percentiles(ordered: Latencies) -> Percentiles:
    """p50, p90, p99, p99_9 and max of ascending latencies; None where the samples are too few."""
    points: dict[str, int | None] = {
        name: nearest_rank(ordered, q) if len(ordered) >= samples_needed(q) else None
        for name, q in QUANTILES.items()
    }
    points["max"] = int(ordered[-1]) if len(ordered) else None
    return points


def nines(ordered: Latencies) -> list[tuple[float, int]]:
    """(quantile, latency) from the minimum to the last quantile the samples allow."""
    return [(q, nearest_rank(ordered, q)) for q in NINES if len(ordered) >= samples_needed(q)]


def lower_bounds(points: Mapping[str, int | None], censored: Latencies, dropped: int) -> list[str]:
    """Names of percentiles that are lower bounds of the truth.

    Those at or above the youngest censored request; all of them where arrivals were `dropped`, which were due
    while most others waited and would have waited longest.
    """
    if dropped:
        return [name for name, value in points.items() if value is not None]
    if not len(censored):
        return []
    youngest = int(censored.min())
    return [name for name, value in points.items() if value is not None and value >= youngest]
