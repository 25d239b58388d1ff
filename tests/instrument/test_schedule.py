"""Arrivals are what the profile asks for, whoever sends them."""

from itertools import chain, takewhile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.load.schedule import arrivals, expected_arrivals, mean_rate, parse_profile, read_replay

rates = st.integers(1, 400)
parts_of_profile = st.builds(lambda a, b, s: f"{a}>{b}x{s}", rates, rates, st.sampled_from([0.5, 1, 2]))
profiles = st.lists(parts_of_profile, min_size=1, max_size=4).map(",".join)


def until(seconds: float, kind: str, profile: str, seed: int = 1, part: int = 0, parts: int = 1) -> list[int]:
    times = chain.from_iterable(arrivals(kind, parse_profile(profile), seed, part, parts))
    return list(takewhile(lambda at_ns: at_ns < seconds * 1e9, times))


@given(profiles, st.floats(0.1, 6))
def test_constant_arrivals_follow_the_profile_to_the_request(profile: str, seconds: float) -> None:
    expected = expected_arrivals(parse_profile(profile), seconds)
    assert abs(len(until(seconds, "constant", profile)) - expected) <= 1.001


@given(profiles, st.sampled_from(["poisson", "constant"]), st.integers(0, 2**40), st.integers(1, 5))
def test_the_parts_of_a_schedule_are_the_whole_one(profile: str, kind: str, seed: int, parts: int) -> None:
    whole = until(3, kind, profile, seed)
    split = [until(3, kind, profile, seed, part, parts) for part in range(parts)]
    assert sorted(chain.from_iterable(split)) == whole == sorted(whole)
    assert max(map(len, split)) - min(map(len, split)) <= 1


def test_each_part_takes_every_third_arrival_however_many_there_are() -> None:
    for part in range(3):
        gaps = np.diff(until(2, "constant", "10000", part=part, parts=3))
        assert set(gaps.tolist()) == {300_000}


def test_poisson_arrivals_have_the_rate_and_the_spread_of_poisson() -> None:
    times = np.array(until(200, "poisson", "500", seed=3)) / 1e9
    gaps = np.diff(times)
    assert len(times) == pytest.approx(100_000, rel=0.02)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.02)
    assert np.quantile(gaps, 0.99) == pytest.approx(np.log(100) / 500, rel=0.05)


def test_constant_arrivals_are_evenly_spaced() -> None:
    assert until(0.005, "constant", "1000") == [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000]


def test_a_rate_of_zero_is_a_pause_and_at_the_end_an_end() -> None:
    assert [at / 1e9 for at in until(9, "constant", "2x1,0x2,1x1.5,0x1")] == [0.0, 0.5, 3.0, 4.0]
    assert sum(len(block) for block in arrivals("poisson", parse_profile("50x1,0x1"), 1)) in range(20, 90)


def test_the_mean_rate_of_a_ramp_and_a_spike() -> None:
    assert mean_rate(parse_profile("0>100x10"), 0, 10) == pytest.approx(50)
    assert mean_rate(parse_profile("10x4,500x1,10"), 0, 10) == pytest.approx(59)


@pytest.mark.parametrize("text", ["", "fast", "10x", "-5", "10x0", "10,20", "10>20", "nan", "10xinf,5"])
def test_a_profile_that_cannot_be_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^the (rate|ramp).*\.$"):
        parse_profile(text)


def test_a_file_of_arrivals_is_replayed_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "times.txt"
    path.write_text("# seconds\n0\n0.5 # comment\n\n0.5\n2e0\n")
    assert list(read_replay(path)) == [[0, 500_000_000, 500_000_000, 2_000_000_000]]
    assert list(read_replay(path, 1, 3)) == [[500_000_000]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1\n0.5\n", "line 2: 0.5 s is before"),
        ("soon\n", "line 1: 'soon' is not"),
        ("# none\n", "no arrivals"),
    ],
)
def test_a_file_that_cannot_be_replayed_names_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "times.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        list(read_replay(path))
