from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

from loadtests.analysis.growth import FEWEST, STRETCHES, Growth, growth

MIB = 1 << 20
SECONDS = st.integers(60, 1800)
SEEDS = st.integers(0, 2**32 - 1)


def over(values: npt.NDArray[np.floating[Any]]) -> Growth:
    """Growth over readings of one a second."""
    found = growth(list(enumerate(values.tolist())), 0, len(values))
    assert found is not None
    return found


@given(SECONDS, SEEDS, st.floats(0.1, 100))
def test_what_is_kept_of_every_request_is_seen_through_noise(seconds: int, seed: int, mib: float) -> None:
    """Noise upwards of up to half of what leaks: requests under way hold memory, and give it back."""
    noise = np.random.default_rng(seed).exponential(mib / 8, seconds).clip(0, mib / 2)
    found = over(80 * MIB + MIB * (mib * np.arange(seconds) / seconds + noise))
    assert found.low > 0.5 * mib * MIB
    assert found.low <= found.change <= found.high
    assert found.change == pytest.approx(mib * MIB, rel=0.35)


@given(SECONDS, SEEDS, st.floats(0.1, 100))
def test_noise_about_a_level_is_no_growth_beyond_itself(seconds: int, seed: int, mib: float) -> None:
    found = over(80 * MIB + MIB * np.random.default_rng(seed).uniform(0, mib, seconds))
    assert abs(found.change) < mib * MIB
    assert found.low < 0.5 * mib * MIB


@given(st.integers(8 * STRETCHES, 1800), st.data())
def test_a_collector_s_sawtooth_is_no_growth(seconds: int, data: st.DataObject) -> None:
    """Shorter than a stretch, so that each one sees a collection."""
    period = data.draw(st.integers(2, seconds // STRETCHES // 2))
    found = over(80.0 * MIB + MIB * (np.arange(seconds) % period))
    assert (found.change, found.low, found.high) == (0, 0, 0)


@given(SECONDS, st.floats(0, 1), st.floats(0.1, 1000))
def test_one_step_is_never_called_growth_for_sure(seconds: int, place: float, mib: float) -> None:
    """A cache or a pool that is filled at once, whenever that is."""
    found = over(80 * MIB + MIB * mib * (np.arange(seconds) >= place * seconds))
    assert found.low == 0
    if abs(place - 0.5) > 0.1:
        assert found.change == 0


@given(SECONDS, st.floats(0.001, 0.05), st.floats(0.1, 100))
def test_a_warm_up_that_ends_in_a_plateau_hardly_counts(seconds: int, share: float, mib: float) -> None:
    moments = np.arange(seconds) / seconds
    found = over(80 * MIB + MIB * mib * (1 - np.exp(-moments / share)))
    assert found.high < 0.05 * mib * MIB


@given(SECONDS, SEEDS, st.floats(-1e6, 1e6), st.floats(0.001, 1000), st.integers(0, 2 * 10**9))
def test_level_unit_and_clock_do_not_matter(
    seconds: int, seed: int, level: float, unit: float, start: int
) -> None:
    values = np.random.default_rng(seed).normal(0, 1, seconds).cumsum()
    plain = over(values)
    moved = growth(
        [(start + second, level + unit * value) for second, value in enumerate(values.tolist())],
        start,
        start + seconds,
    )
    assert moved is not None
    tolerance = 1e-6 * unit * (1 + float(np.abs(values).max())) + 1e-9 * abs(level)
    for ours, theirs in ((plain.change, moved.change), (plain.low, moved.low), (plain.high, moved.high)):
        assert theirs == pytest.approx(unit * ours, abs=tolerance)


def test_it_is_the_theil_sen_slope_of_the_least_readings() -> None:
    values = np.random.default_rng(3).normal(0, 1, 600).cumsum()
    least = values.reshape(60, 10).min(axis=1)
    slope = stats.theilslopes(least)
    found = over(values)
    assert (found.change, found.low, found.high) == pytest.approx(
        tuple(60 * s for s in slope[:1] + slope[2:])
    )
    assert found.start == least[0]


def test_readings_outside_the_phase_do_not_count() -> None:
    readings = [(second, 10.0 if 20 <= second < 80 else 1000.0 * second) for second in range(100)]
    found = growth(readings, 20, 80)
    assert found == Growth(change=0, low=0, high=0, start=10)


def test_too_few_readings_say_nothing() -> None:
    assert growth([(second, 1.0) for second in range(FEWEST - 1)], 0, 100) is None
    assert growth([(0.1, 1.0)] * 100, 0, 100) is None, "all in one stretch"
    assert growth([], 0, 0) is None
