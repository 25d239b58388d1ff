"""The warm-up ends when the run is steady, or when time is up; the measuring window moves with it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.checks.soundness import cell_state, self_checks
from loadtests.load.warmup import FEWEST, steady
from loadtests.model.records import Check
from tests.instrument.running import Outcome, finish, free_port, get, planted, start

AT_MOST = ("--twins-warmup", "0.8", "--twins-warmup-max", "3")
OPEN = ("--twins-rate", "200")
SLACK_US = 400_000  # from the moment a look is due until it is made, on a machine that is busy


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with planted() as port:
        yield port


Loads = dict[tuple[str, ...], Outcome]


def both(folder: Path, port: int, closed: str, opened: str, *arguments: str, duration: float = 1) -> Loads:
    """A closed loop over one path, an open loop over another, side by side: they leave the machine idle."""
    with ThreadPoolExecutor(2) as pool:
        begun = {
            load: pool.submit(get, folder / f"{len(load)}", port, path, *arguments, *load, duration=duration)
            for load, path in (((), closed), (OPEN, opened))
        }
        return {load: outcome.result() for load, outcome in begun.items()}


@pytest.fixture(scope="module")
def steady_at_once(port: int, tmp_path_factory: pytest.TempPathFactory) -> Loads:
    return both(tmp_path_factory.mktemp("steady"), port, "/constant/5", "/constant/5", *AT_MOST)


@pytest.fixture(scope="module")
def slow_at_first(port: int, tmp_path_factory: pytest.TempPathFactory) -> Loads:
    longest = ("--twins-warmup", "1.6", "--twins-warmup-max", "6")
    folder = tmp_path_factory.mktemp("slow")
    return both(folder, port, "/slow-start/5/1/20", "/slow-start/5/1/40", *longest)


@pytest.fixture(scope="module")
def never_steady(port: int, tmp_path_factory: pytest.TempPathFactory) -> Loads:
    longest = ("--twins-warmup", "2", "--twins-warmup-max", "3")
    return both(
        tmp_path_factory.mktemp("never"), port, "/slower/10/1", "/slower/20/1", *longest, duration=0.5
    )


def warmup_check(outcome: Outcome) -> Check:
    checks = self_checks(outcome.document, outcome.samples, server_count=None, ceiling=None)
    (found,) = [check for check in checks if check.name == "warm-up"]
    return found


def assert_measured_from_the_end_of_the_warmup(outcome: Outcome, seconds: float) -> None:
    document, samples = outcome.document, outcome.samples
    assert document.measure_us - document.warmup_us == round(seconds * 1e6)
    planned = np.digitize(samples["due_us"], [document.warmup_us, document.measure_us])
    assert (samples["phase"] == planned).all()
    assert {0, 1} <= set(samples["phase"].tolist())
    assert samples["due_us"].max() > document.measure_us - 400_000, "it goes on to the end"


@pytest.mark.alone
@pytest.mark.parametrize("load", [(), OPEN])
def test_a_server_that_is_steady_at_once_is_warmed_up_for_the_least_time(
    steady_at_once: Loads, load: tuple[str, ...]
) -> None:
    outcome = steady_at_once[load]
    assert outcome.document.warmup_end == "steady"
    assert 800_000 <= outcome.document.warmup_us < 3_000_000
    assert outcome.document.warmup_max_us == 3_000_000
    assert warmup_check(outcome).status == "ok"
    assert_measured_from_the_end_of_the_warmup(outcome, 1)


@pytest.mark.alone
@pytest.mark.parametrize("load", [(), OPEN])
def test_the_slow_first_second_of_a_server_is_not_measured(
    slow_at_first: Loads, load: tuple[str, ...]
) -> None:
    outcome = slow_at_first[load]
    assert outcome.document.warmup_end == "steady"
    assert 1_600_000 <= outcome.document.warmup_us < 6_000_000
    response = outcome.measured["last_byte_us"]
    assert np.median(response) < 20_000
    assert np.median(outcome.samples["last_byte_us"][outcome.samples["due_us"] < 900_000]) >= 20_000
    assert warmup_check(outcome).status == "ok"
    assert_measured_from_the_end_of_the_warmup(outcome, 1)


@pytest.mark.alone
@pytest.mark.parametrize("load", [(), OPEN])
def test_a_server_that_is_never_steady_is_measured_when_time_is_up_and_that_is_said(
    never_steady: Loads, load: tuple[str, ...]
) -> None:
    outcome = never_steady[load]
    assert outcome.document.warmup_end == "out of time"
    assert 3_000_000 <= outcome.document.warmup_us < 3_000_000 + SLACK_US
    found = warmup_check(outcome)
    assert (found.status, found.limit) == ("warning", 3.0)
    assert "time.warmup_max_s" in found.advice
    state, _ = cell_state([found])
    assert state != "invalid", "it is measured all the same"
    assert_measured_from_the_end_of_the_warmup(outcome, 0.5)


@pytest.mark.alone
def test_too_few_requests_to_tell_take_the_longest_warmup(port: int, tmp_path: Path) -> None:
    outcome = get(
        tmp_path, port, "/constant/400", "--twins-warmup", "0.5", "--twins-warmup-max", "1", users=2
    )
    assert outcome.document.warmup_end == "too few requests"
    assert 1_000_000 <= outcome.document.warmup_us < 1_000_000 + SLACK_US
    assert warmup_check(outcome).status == "not available"


def test_without_a_longest_warmup_its_length_is_fixed(port: int, tmp_path: Path) -> None:
    outcome = get(tmp_path, port, "/constant/5", "--twins-warmup", "0.5", duration=0.5)
    assert (outcome.document.warmup_us, outcome.document.warmup_end) == (500_000, "planned")
    assert warmup_check(outcome).status == "not available"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--twins-warmup", "2", "--twins-warmup-max", "1"), "--twins-warmup-max is 1: the nearest valid"),
        (("--twins-warmup-max", "1"), "--twins-warmup-max needs --twins-warmup"),
        ((*AT_MOST, "--twins-rate", "10x5,20x5"), "this load changes over time"),
        ((*AT_MOST, "--twins-stages", "1x5,2x5"), "this load changes over time"),
    ],
)
def test_a_longest_warmup_that_means_nothing_is_a_mistake(
    port: int, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    outcome = get(tmp_path, port, "/", *arguments)
    assert outcome.status == 1
    assert sentence in outcome.output
    assert "Traceback" not in outcome.output


def test_several_locust_workers_have_a_warmup_of_fixed_length(port: int, tmp_path: Path) -> None:
    """No Locust worker sees more than its part, and they must begin to measure at the same moment."""
    master_port = free_port()
    master = start(
        tmp_path,
        f"http://127.0.0.1:{port}",
        *("Get", "--headless", "--only-summary", "--master", "--expect-workers", "1", *AT_MOST),
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", str(master_port)),
    )
    worker = start(
        tmp_path / "worker",
        "http://127.0.0.1",
        *("--worker", "--master-port", str(master_port), "Get"),
        out=False,
    )
    outcome = finish(tmp_path, master)
    worker.wait(20)
    assert outcome.status == 1
    assert "--twins-warmup-max is for one Locust process" in outcome.output
    assert "Traceback" not in outcome.output


def series(per_slice: list[int], response_us: list[float], noise: float = 0.0) -> bool | None:
    """The verdict on ten slices of 100 ms."""
    source = np.random.default_rng(3)
    ended = np.concatenate([i * 100_000 + source.integers(0, 100_000, n) for i, n in enumerate(per_slice)])
    times = np.concatenate([[us] * n for us, n in zip(response_us, per_slice, strict=True)])
    times = times * source.lognormal(0, noise, len(times))
    return steady(ended.astype(np.int64), times.astype(np.int64), 0, 1_000_000)


def test_what_counts_as_steady() -> None:
    even, quick = [50] * 10, [10_000.0] * 10
    assert series(even, quick) is True
    assert series(even, quick, noise=0.5) is True
    assert series([*[50] * 5, *[54] * 5], quick) is True, "within a tenth"
    assert series([*[50] * 5, *[60] * 5], quick) is False
    assert series([30, 60, 45, 70, 40, 65, 35, 75, 30, 60], quick) is True, "noise is no trend"
    assert series([1, 20, *[50] * 8], quick) is True, "a cold start"
    assert series([*[50] * 6, 4, 90, 50, 50], quick) is True, "one stop of the machine"
    stopped = [1_000.0 * 1.1**i + 9_000 * (i == 4) for i in range(10)]
    assert series(even, stopped) is False, "nor does a stop hide a trend"
    for slow in range(3, 8):
        assert series([10] * slow + [50] * (10 - slow), quick) is False, "a step anywhere else"
    assert series(even, [1_000.0 * 1.1**i for i in range(10)]) is False, "a queue that fills"
    assert series([2, 2, *[0] * 8], quick) is None
    assert series([30, *[0] * 9], quick) is None, "a second half without any answer"


@settings(deadline=None)
@given(st.integers(FEWEST, 2000), st.integers(0, 2**32 - 1))
def test_arrivals_by_chance_are_steady_mostly_and_any_number_can_be_judged(count: int, seed: int) -> None:
    ended = np.random.default_rng(seed).integers(0, 1_000_000, count)
    steadies = [
        steady(ended, np.full(count, 5_000, dtype=np.int64), begin, begin + 1_000_000)
        for begin in (0, -400_000)
    ]
    assert steadies[0] in (True, False, None)
    assert steadies[1] is not True, "nothing came in the first four tenths"
