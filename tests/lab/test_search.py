"""The capacity search, on planted capacities without a server."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.lab.plan import Search
from loadtests.lab.search import Trial, find_capacity, shortfall
from loadtests.model.records import Level
from loadtests.model.samples import CENSORED, DROPPED, KINDS, MEASURE, OK, SAMPLE, Samples


def samples(latency_us: float, *, count: int = 1000, kind: int = OK, of_kind: int = 0) -> Samples:
    array = np.zeros(count, SAMPLE)
    array["phase"] = MEASURE
    array["last_byte_us"] = latency_us
    array["kind"][:of_kind] = kind
    return array


def planted(capacity: float) -> "tuple[list[float], object]":
    tried: list[float] = []

    def trial(level: Level, number: int) -> Trial:
        assert number == len(tried) + 1
        tried.append(level.value)
        latency = 10_000 if level.value <= capacity else 500_000
        return Trial(f"cell-{number}", "server-limited", samples(latency), None)

    return tried, trial


@settings(deadline=None)
@given(st.floats(2, 90_000), st.sampled_from(["rate", "users"]))
def test_a_planted_capacity_is_bracketed(capacity: float, kind: str) -> None:
    target = Search.model_validate({"kind": kind, "start": 100})
    _, trial = planted(capacity)
    bracket = find_capacity(target, trial)  # type: ignore[arg-type]  # the annotation of the pair is loose
    assert bracket.low is not None
    assert bracket.high is not None
    assert bracket.low <= capacity < bracket.high
    assert (
        bracket.high - bracket.low
        <= max(1.0 if kind == "users" else 0.0, target.precision * bracket.low) * 1.0001
    )
    assert [step.purpose for step in bracket.steps[-3:]] == ["confirmation"] * 3
    assert kind == "rate" or float(bracket.low).is_integer()


def test_nothing_meets_the_target() -> None:
    _, trial = planted(0.1)
    bracket = find_capacity(Search(), trial)  # type: ignore[arg-type]
    assert bracket.low is None
    assert bracket.reason is not None
    assert "no level met the target: p99 500.0 ms is above 50 ms" in bracket.reason


def test_the_limit_is_a_lower_bound() -> None:
    _, trial = planted(math.inf)
    bracket = find_capacity(Search(limit=3000), trial)  # type: ignore[arg-type]
    assert (bracket.low, bracket.high) == (3000, None)
    assert bracket.reason == "the limit of 3000 was reached: a lower bound"


def test_a_failed_confirmation_moves_the_bracket_down() -> None:
    calls: dict[float, int] = {}

    def trial(level: Level, number: int) -> Trial:
        calls[level.value] = calls.get(level.value, 0) + 1
        shaky = 900 < level.value <= 1000 and calls[level.value] > 1
        good = level.value <= 1000 and not shaky
        return Trial(f"c{number}", "server-limited", samples(1000 if good else 900_000), None)

    bracket = find_capacity(Search(), trial)
    assert bracket.low is not None
    assert bracket.low <= 900
    assert bracket.confirmations == 3


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (Trial("c", "server-limited", samples(1000), None), ""),
        (Trial("c", "server-limited", samples(60_000), None), "p99 60.0 ms is above 50 ms"),
        (Trial("c", "server-limited", samples(1000, kind=CENSORED, of_kind=20), None), "p99 unbounded"),
        (Trial("c", "server-limited", samples(1000, kind=DROPPED, of_kind=20), None), "send-rate 0.9800"),
        (
            Trial("c", "server-limited", samples(1000, kind=KINDS.index("status"), of_kind=5), None),
            "0.50% of the requests failed",
        ),
        (Trial("c", "generator-limited", samples(1000), "loop lag"), "could not press harder: loop lag"),
        (Trial("c", "invalid", samples(1000)[:0], "the server died"), "the server died"),
    ],
)
def test_each_way_to_miss_the_target(trial: Trial, reason: str) -> None:
    found = shortfall(Search(), trial)
    assert found.startswith(reason) or reason in found
    assert bool(found) == bool(reason)
