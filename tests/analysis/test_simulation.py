"""The whole of the statistics against known truths; `make simulate` runs the same at full size."""

import pytest

from tests.analysis.simulation import experiments, simultaneous

REPEATS = 1000


@pytest.mark.parametrize("blocks", [3, 5, 10])
def test_intervals_cover_the_truth_as_often_as_they_say(blocks: int) -> None:
    for ratio in (1.0, 1.5):
        assert 0.93 <= experiments(ratio, blocks, REPEATS, seed=blocks).coverage <= 0.97


@pytest.mark.parametrize("blocks", [3, 5, 10])
def test_a_server_against_itself_is_seldom_faster_or_slower(blocks: int) -> None:
    assert experiments(1.0, blocks, REPEATS, seed=blocks).share("faster", "slower") <= 0.05


@pytest.mark.parametrize("blocks", [3, 5, 10])
@pytest.mark.parametrize("ratio", [1.05, 1 / 1.05])
def test_a_difference_that_matters_is_seldom_called_equivalent(blocks: int, ratio: float) -> None:
    assert experiments(ratio, blocks, REPEATS, seed=blocks).share("equivalent") <= 0.05


def test_a_tenth_is_found_in_ten_blocks() -> None:
    assert experiments(1.10, 10, REPEATS, seed=1).share("faster") >= 0.9
    assert experiments(1 / 1.10, 10, REPEATS, seed=1).share("slower") >= 0.9


def test_all_primaries_hold_at_once() -> None:
    assert simultaneous(5, 5, REPEATS // 3, seed=1) >= 0.93
