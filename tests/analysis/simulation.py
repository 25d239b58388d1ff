"""Experiments whose truth is known: how often do the verdicts tell it?

Every experiment draws blocks as the laboratory sees them: a level that wanders from block to block and
that both servers of a block share, and noise of each server start of its own.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np

from loadtests.analysis.cells import CellSummary
from loadtests.analysis.differences import Difference, Judge, paired
from loadtests.analysis.metrics import METRICS

THROUGHPUT = METRICS["throughput"]
BLOCK_SD = 0.03  # of the per-block log-ratio
SHARED_SD = 0.10  # of what both servers of a block have in common
MEASURE_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """Shares of experiments: `coverage` of intervals that hold the truth, and each verdict."""

    coverage: float
    verdicts: dict[str, float]

    def share(self, *verdicts: str) -> float:
        return sum(self.verdicts.get(verdict, 0.0) for verdict in verdicts)


@cache
def experiments(
    ratio: float, blocks: int, repeats: int, *, seed: int, sd: float = BLOCK_SD, comparisons: int = 1
) -> Outcome:
    """Run the same experiment `repeats` times, with a true ratio of `ratio`."""
    random = np.random.default_rng(seed)
    judge = Judge(comparisons=comparisons, floors={})
    verdicts: Counter[str] = Counter()
    covered = 0
    for _ in range(repeats):
        found = experiment(random, ratio, blocks, sd, judge)
        verdicts[found.verdict] += 1
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= ratio <= found.high
    return Outcome(covered / repeats, {name: count / repeats for name, count in verdicts.items()})


def simultaneous(comparisons: int, blocks: int, repeats: int, *, seed: int) -> float:
    """Share of runs in which the intervals of all primary comparisons hold their truth at once."""
    random = np.random.default_rng(seed)
    judge = Judge(comparisons=comparisons, floors={})
    held = 0
    for _ in range(repeats):
        found = [experiment(random, 1.2, blocks, BLOCK_SD, judge) for _ in range(comparisons)]
        held += all(f.low is not None and f.high is not None and f.low <= 1.2 <= f.high for f in found)
    return held / repeats


def experiment(random: np.random.Generator, ratio: float, blocks: int, sd: float, judge: Judge) -> Difference:
    shared = random.normal(0, SHARED_SD, blocks)
    own = random.normal(0, sd / np.sqrt(2), (2, blocks))
    values = 1000 * np.exp(shared + own)
    values[0] *= ratio
    ours, theirs = (
        [_cell(server, block, value) for block, value in enumerate(side)]
        for server, side in zip("ab", values.tolist(), strict=True)
    )
    return paired(ours, theirs, THROUGHPUT, judge)


def _cell(server: str, block: int, throughput_per_s: float) -> CellSummary:
    # not validated: a million of them are made, and only these fields are read
    return CellSummary.model_construct(
        server=server,
        block=block,
        state="server-limited",
        reason=None,
        throughput_per_s=throughput_per_s,
        duration_s=MEASURE_S,
    )
