import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

from loadtests.analysis.steady import mser, steadiness


def by_definition(values: list[float], batch: int) -> int:
    """White's statistic, written out: squares about the mean of what is left, over its length squared."""
    means = [sum(values[at : at + batch]) / batch for at in range(0, len(values) - batch + 1, batch)]
    scores = []
    for cut in range(len(means) - 5):
        left = means[cut:]
        centre = sum(left) / len(left)
        scores.append(sum((value - centre) ** 2 for value in left) / len(left) ** 2)
    return scores.index(min(scores)) * batch


@pytest.mark.parametrize("seed", range(5))
def test_mser_is_its_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = (100 + 40 * np.exp(-np.arange(100) / 10) + random.normal(0, 2, 100)).tolist()
    assert mser(values) == by_definition(values, 5)


def test_a_step_is_cut_where_it_is() -> None:
    assert mser([0.0] * 20 + [10.0] * 80) == 20


def test_a_warm_up_that_fills_the_phase_is_not_steady() -> None:
    found = steadiness([100 * (1 - 0.97**second) for second in range(100)])
    assert found is not None
    assert found.drifting
    half = steadiness([10.0] * 60 + [100.0] * 40)
    assert half is not None
    assert not half.steady


def test_noise_about_a_level_is_steady() -> None:
    random = np.random.default_rng(7)
    found = [steadiness(random.normal(1000, 30, 100).tolist()) for _ in range(300)]
    assert all(f is not None and f.steady for f in found)
    assert sum(f is not None and f.drifting for f in found) <= 3


def test_drift_is_the_theil_sen_slope() -> None:
    values = [1000 + 2 * second + 5 * (-1) ** second for second in range(100)]
    found = steadiness(values)
    assert found is not None
    slope = stats.theilslopes(values).slope
    assert found.drift_share == pytest.approx(slope * 99 / np.mean(values))
    assert found.drifting


def test_too_few_windows_say_nothing() -> None:
    assert steadiness([1.0] * 29) is None
    assert steadiness([0.0] * 50) is None
