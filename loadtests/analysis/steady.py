"""Was the server steady while it was measured?

MSER-5: batch the series by five, and cut the prefix whose removal minimises the standard error of what
is left (White, "An effective truncation heuristic for bias reduction in simulation output", Simulation
69(6), 1997). Chosen because it has no parameter to tune and came first in the comparison of White, Cobb
and Spratt, "A comparison of five steady-state truncation heuristics for simulation" (WSC 2000). As the
authors advise, a cut in the second half means that no steady state was seen.

Drift over what was measured is the Theil-Sen slope (Sen, JASA 63, 1968) with Kendall's test: a few slow
seconds do not tilt it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BATCH = 5
WINDOWS = 100  # of a measuring phase: twenty batches of five
SMALL_SHARE = 0.02  # a cut that moves the mean by less is no warm-up that matters
DRIFT_SHARE = 0.05
DRIFT_P = 0.01


@dataclass(frozen=True)
class Steadiness:
    """`cut_share`: share of the series before the steady part; `drift_share`: change from start to end."""

    steady: bool
    cut_share: float
    drift_share: float
    drifting: bool


def mser(values: Sequence[float], batch: int = BATCH) -> int:
    """Observations to cut from the start by MSER with batches of `batch`; a multiple of `batch`.

    The statistic of a cut d is the sum of squared deviations of what is left over the square of its
    length. Cuts that would leave fewer than five batches are not considered.
    """
    means = np.asarray(values[: len(values) // batch * batch], dtype=float).reshape(-1, batch).mean(axis=1)
    if len(means) < 6:
        return 0
    scores = [means[d:].var() / (len(means) - d) for d in range(len(means) - 5)]
    return int(np.argmin(scores)) * batch


def steadiness(values: Sequence[float]) -> Steadiness | None:
    """Steadiness of evenly spaced observations, such as throughput per window; None below 30."""
    from scipy import stats  # type: ignore[import-untyped]  # no types, and half a second to import

    series = np.asarray(values, dtype=float)
    if len(series) < 30 or not series.mean() > 0:
        return None
    cut = mser(values)
    moved = abs(series[cut:].mean() / series.mean() - 1)
    slope = stats.theilslopes(series).slope
    drift = float(slope * (len(series) - 1) / series.mean())
    p_value = stats.kendalltau(np.arange(len(series)), series).pvalue
    return Steadiness(
        steady=bool(cut <= len(series) / 2 or moved < SMALL_SHARE),
        cut_share=cut / len(series),
        drift_share=drift,
        drifting=bool(abs(drift) > DRIFT_SHARE and p_value < DRIFT_P),
    )
