import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.analysis.percentiles import lower_bounds, nearest_rank, nines, percentiles, samples_needed


@pytest.mark.parametrize(("quantile", "least"), [(0.5, 20), (0.9, 100), (0.99, 1000), (0.999, 10_000)])
def test_samples_needed(quantile: float, least: int) -> None:
    assert samples_needed(quantile) == least


@pytest.mark.parametrize(
    ("count", "given_"), [(19, 0), (20, 1), (99, 1), (100, 2), (999, 2), (1000, 3), (10_000, 4)]
)
def test_a_percentile_without_its_samples_is_none(count: int, given_: int) -> None:
    found = percentiles(np.arange(1, count + 1))
    names = ("p50", "p90", "p99", "p99_9")
    assert [found[name] is not None for name in names] == [place < given_ for place in range(4)]
    assert found["max"] == count


def test_nothing_has_no_percentile() -> None:
    assert set(percentiles(np.empty(0, dtype=np.int64)).values()) == {None}
    assert nines(np.empty(0, dtype=np.int64)) == []


@pytest.mark.parametrize(("count", "last"), [(40, 0.75), (999, 0.95), (1000, 0.99), (1999, 0.99)])
def test_the_curve_of_nines_ends_where_its_samples_do(count: int, last: float) -> None:
    found = nines(np.arange(1, count + 1))
    assert found[0] == (0.0, 1)
    assert found[-1][0] == last


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_nearest_rank_is_numpy_s_inverted_cdf(values: list[int], quantile: float) -> None:
    ordered = np.sort(np.asarray(values, dtype=np.int64))
    assert nearest_rank(ordered, quantile) == np.quantile(ordered, quantile, method="inverted_cdf")


def test_a_percentile_beyond_a_censored_request_is_a_lower_bound() -> None:
    found = percentiles(np.arange(1000))
    assert lower_bounds(found, np.array([980]), 0) == ["p99", "max"]
    assert lower_bounds(found, np.array([found["max"]]), 0) == ["max"]
    assert lower_bounds(found, np.array([], dtype=np.int64), 0) == []
    assert lower_bounds(found, np.array([], dtype=np.int64), 1) == [n for n, v in found.items() if v]
