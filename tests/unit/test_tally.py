"""The table of faults counts what was lost, whatever the test then does."""

import pytest

from tests import tally


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "COUNTS", {})


def test_families_stay_together_and_losses_show() -> None:
    tally.record("cut", "a", 2, 2)
    tally.record("killed", "a", 1000, 1000)
    with pytest.raises(AssertionError, match="b lost 1 of 3 cases of 'cut'"):
        tally.record("cut", "b", 3, 2)
    tally.record("cut", "a", 1, 1)
    assert tally.table()[2:] == [
        "| cut | a | 3 | 3 | 0 |",
        "| cut | b | 3 | 2 | 1 |",
        "| killed | a | 1,000 | 1,000 | 0 |",
    ]


def test_the_counts_of_another_process_are_added() -> None:
    tally.record("cut", "a", 2, 2)
    handed = tally.rows()
    tally.add(handed)
    assert tally.table()[2:] == ["| cut | a | 4 | 4 | 0 |"]


def test_a_case_that_raises_is_lost() -> None:
    with tally.case("cut", "a"):
        pass
    with pytest.raises(ValueError, match="x"), tally.case("cut", "a"):
        raise ValueError("x")
    assert tally.table()[2:] == ["| cut | a | 2 | 1 | 1 |"]


def test_nothing_counted_is_no_table() -> None:
    assert tally.table() == []
