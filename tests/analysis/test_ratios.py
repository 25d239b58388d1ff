"""Known answers. The sleep data are Student's (1908), as in R's `datasets::sleep`; the results are those
that R prints for `t.test`'s own examples."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

from loadtests.analysis import ratios

SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]

logs = st.lists(st.floats(-1, 1), min_size=2, max_size=12)


def test_paired_interval_is_r_s() -> None:
    found = ratios.t_interval([a - b for a, b in zip(SLEEP_1, SLEEP_2, strict=True)])
    assert found.low is not None
    assert found.high is not None
    assert math.log(found.ratio) == pytest.approx(-1.58)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((-2.4598858, -0.7001142), abs=1e-7)


def test_unpaired_interval_is_r_s_welch() -> None:
    found = ratios.welch_interval(SLEEP_1, SLEEP_2)
    assert found.low is not None
    assert found.high is not None
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((-3.3654832, 0.2054832), abs=1e-7)


windows = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(
    st.floats(2.5, 500),
    st.floats(2.5, 500),
    st.floats(1, 10),
    st.floats(1, 10),
    st.lists(windows, min_size=2, max_size=10),
)
def test_an_interval_is_never_narrower_than_whole_requests_allow(
    rate: float, base: float, seconds: float, base_seconds: float, starts: list[tuple[float, float]]
) -> None:
    """Two streams as regular as clocks, counted in windows that begin anywhere: the true ratio is inside."""
    counts, base_counts = [], []
    for start, base_start in starts:
        counts.append(math.floor(start + rate * seconds) - math.floor(start))
        base_counts.append(math.floor(base_start + base * base_seconds) - math.floor(base_start))
    rounded = math.fsum(
        math.fsum(ratios.rounding(count) for count in side) / len(side) for side in (counts, base_counts)
    )
    sides = [math.log(c / seconds) for c in counts], [math.log(c / base_seconds) for c in base_counts]
    for found in (
        ratios.t_interval([ours - theirs for ours, theirs in zip(*sides, strict=True)], rounded=rounded),
        ratios.welch_interval(*sides, rounded=rounded),
    ):
        assert found.low is not None
        assert found.high is not None
        assert found.low <= rate / base * 1.000001
        assert found.high >= rate / base * 0.999999


def test_counts_that_do_not_vary_are_no_certainty() -> None:
    """44 and 44 in a second against 108, 108 and 108 in 2.58 s: "1.05 to 1.05, faster" before."""
    sides = [math.log(44)] * 2, [math.log(108 / 2.58)] * 3
    assert ratios.verdict(ratios.welch_interval(*sides), 0.05) == "faster"
    found = ratios.welch_interval(*sides, rounded=ratios.rounding(44) + ratios.rounding(108))
    assert ratios.verdict(found, 0.05) == "inconclusive"
    assert (found.low, found.ratio, found.high) == pytest.approx((1.018, 1.051, 1.086), abs=1e-3)
    logs = [math.log(44 / 1 * 2.58 / 108)] * 3
    assert ratios.blocks_needed(logs, 0.05, rounded=0.03) is None, "more blocks that round alike do not help"


@given(logs)
def test_interval_is_scipy_s(values: list[float]) -> None:
    found = ratios.t_interval(values, 0.9)
    error = stats.sem(values)
    if error < 1e-9:
        return
    low, high = stats.t.interval(0.9, len(values) - 1, np.mean(values), error)
    assert found.low == pytest.approx(math.exp(low), rel=1e-9)
    assert found.high == pytest.approx(math.exp(high), rel=1e-9)


@given(logs)
def test_swapping_the_sides_turns_the_ratio_over(values: list[float]) -> None:
    one, other = ratios.t_interval(values), ratios.t_interval([-value for value in values])
    assert one.low is not None
    assert other.high is not None
    assert one.ratio * other.ratio == pytest.approx(1)
    assert one.low * other.high == pytest.approx(1)


def test_one_block_has_no_interval_and_no_verdict() -> None:
    found = ratios.t_interval([math.log(3)])
    assert (found.low, found.high) == (None, None)
    assert ratios.verdict(found, 0.05) == "inconclusive"


def test_bonferroni() -> None:
    assert ratios.simultaneous(0.95, 5) == pytest.approx(0.99)
    assert ratios.simultaneous(0.95, 0) == ratios.simultaneous(0.95, 1) == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.06, 1.2, "faster"),
        (1.04, 1.2, "inconclusive"),
        (0.96, 1.04, "equivalent"),
        (0.94, 1.04, "inconclusive"),
        (1.0505, 1.2, "faster"),
        (0.8, 0.95, "slower"),
        (0.8, 0.952, "slower"),
        (0.8, 0.96, "inconclusive"),
        (0.5, 2.0, "inconclusive"),
        (1.0, 1.06, "inconclusive"),
    ],
)
def test_verdicts(low: float, high: float, verdict: str) -> None:
    assert ratios.verdict(ratios.Interval(math.sqrt(low * high), low, high, 5, 0.95), 0.05) == verdict


def test_delta_is_the_floor_where_that_is_larger() -> None:
    assert ratios.practical_delta(None) == ratios.practical_delta(0.02) == 0.05
    assert ratios.practical_delta(0.08) == 0.08


def test_blocks_needed_settle_it_if_spread_and_mean_stay() -> None:
    values = [math.log(1.08) + offset for offset in (-0.03, 0.0, 0.03)]
    more = ratios.blocks_needed(values, 0.05)
    assert more is not None

    def half(blocks: int) -> float:
        return float(stats.t.ppf(0.975, blocks - 1)) * 0.03 / math.sqrt(blocks)

    room = math.log(1.08 / 1.05)
    assert half(3 + more) < room <= half(3 + more - 1)


def test_blocks_needed_at_the_edge_is_unknown() -> None:
    edge = math.log(1.05)
    assert ratios.blocks_needed([edge - 0.02, edge, edge + 0.02], 0.05) is None
    assert ratios.blocks_needed([0.1], 0.05) == 2


def test_bootstrap_t_against_all_resamples() -> None:
    """With four blocks there are 256 resamples: the exact quantiles can be counted."""
    values = [0.10, 0.16, 0.13, 0.22]
    mean, error = np.mean(values), np.std(values, ddof=1) / 2
    studentised = [
        (np.mean(drawn) - mean) / (np.std(drawn, ddof=1) / 2)
        for drawn in itertools.product(values, repeat=4)
        if len(set(drawn)) > 1
    ]
    low_t, high_t = np.quantile(studentised, [0.05, 0.95])
    found = ratios.bootstrap_t(values, 0.90, resamples=60_000)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert math.log(found.low) == pytest.approx(mean - high_t * error, rel=0.05)
    assert math.log(found.high) == pytest.approx(mean - low_t * error, rel=0.05)


def test_bootstrap_t_needs_blocks_and_spread() -> None:
    assert ratios.bootstrap_t([0.1, 0.2, 0.3]) is None
    assert ratios.bootstrap_t([0.1] * 6) is None
