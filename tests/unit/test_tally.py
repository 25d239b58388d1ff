"""The table of faults counts what was lost, whatever the test then does."""

import json
from pathlib import Path

import pytest

from loadtests.report import reference
from tests import tally


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "COUNTS", {})
    monkeypatch.delenv("TWINS_TALLY", raising=False)  # what is made up here is no figure of the torture's


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


def test_what_is_counted_is_in_the_file_at_once_and_what_is_handed_over_is_not_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "new" / "tally.jsonl"
    monkeypatch.setenv("TWINS_TALLY", str(file))
    with tally.case("cut", "a"):
        pass
    with pytest.raises(AssertionError):
        tally.record("cut", "b", 3, 2)
    tally.add([("cut", "c", 5, 5)])
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows == [["cut", "a", 1, 1], ["cut", "b", 3, 2]]


def test_the_readme_shows_the_sums_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    lines = (["cut", "a", 1, 1], ["killed", "a", 1000, 1000], ["cut", "a", 1, 0], ["cut", "b", 3, 3])
    (tmp_path / "tally.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert reference.keep(tmp_path / "tally.jsonl") == "faults"
    assert reference.part_text("faults").splitlines() == [
        "| case | servers | tried | survived | lost |",
        "| --- | --- | --- | --- | --- |",
        "| cut | 2 | 5 | 4 | 1 |",
        "| killed | 1 | 1,000 | 1,000 | 0 |",
        "",
        "| server | cases | tried | survived | lost |",
        "| --- | --- | --- | --- | --- |",
        "| a | 2 | 1,002 | 1,001 | 1 |",
        "| b | 1 | 3 | 3 | 0 |",
    ]


def test_nothing_counted_is_no_table() -> None:
    assert tally.table() == []
