"""What is recorded comes out again: recorder, histograms, reports and the merging of files."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.generator.exchange import Deltas, Sums
from loadtests.generator.merging import merge_samples
from loadtests.load.histogram import LARGEST_US, add_values, empty_histogram, figures
from loadtests.load.recorder import CAPACITY, Recorder
from loadtests.model.samples import CENSORED, KINDS, OK, SAMPLE, Samples, read_samples

SECOND = 1_000_000_000


def recorder(folder: Path | None = None) -> Recorder:
    return Recorder(folder, 7 * SECOND, 1_000_000, 2_000_000)


def test_each_field_is_recorded_in_microseconds_since_due(tmp_path: Path) -> None:
    one, due = recorder(tmp_path), 9 * SECOND
    one.record(
        due, due + 1_000, due + 2_999, due + 4_000, due + 5_000, due + 6_000, 2**40, 200, 3, 65_537, OK
    )
    one.record(due - SECOND, due, due, 0, 0, due, 0, 0, 0, 0, KINDS.index("connect"))
    one.record(due - 2 * SECOND, due, due, due, due, due, 0, 0, 0, 0, CENSORED)
    one.close()
    first, second, third = read_samples(tmp_path / "samples.bin").tolist()
    assert first == (2_000_000, 1, 2, 4, 5, 6, 2**40, 200, 3, 1, OK, 1)
    assert second == (1_000_000, *[SECOND // 1000] * 5, 0, 0, 0, 0, KINDS.index("connect"), 1)
    assert third[0] == 0
    assert third[-1] == 0, "due in the warm-up"
    assert (one.due, one.sent) == (3, 2)


def test_a_request_of_hours_is_kept_at_the_longest_time_there_is() -> None:
    one, kept = recorder(), []
    one.listeners.append(lambda samples: kept.append(samples.copy()))
    due = 8 * SECOND
    one.record(due, due, due, due, due + 3 * 3600 * SECOND, due + 4 * 3600 * SECOND, 0, 200, 0, 0, OK)
    one.spill()
    assert kept[0]["last_byte_us"].tolist() == [2**32 - 1]


def test_the_buffer_is_spilled_when_it_is_full_and_nothing_is_lost(tmp_path: Path) -> None:
    one, heard = recorder(tmp_path), []
    one.listeners.append(lambda samples: heard.append(len(samples)))
    for number in range(CAPACITY + 10):
        due = 8 * SECOND + number
        one.record(due, due, due, due, due, due, number, 200, 0, 0, OK)
    assert heard == [CAPACITY]
    one.close()
    assert heard == [CAPACITY, 10]
    assert read_samples(tmp_path / "samples.bin")["received_bytes"].tolist() == list(range(CAPACITY + 10))


@settings(max_examples=30)  # each compares two histograms whole
@given(st.lists(st.integers(0, LARGEST_US), max_size=50))
def test_many_values_at_once_are_the_same_as_one_by_one(values: list[int]) -> None:
    at_once, one_by_one = empty_histogram(), empty_histogram()
    add_values(at_once, np.array(values, dtype=np.int64))
    for value in values:
        one_by_one.record_value(value)
    assert list(at_once.counts) == list(one_by_one.counts)
    assert figures(at_once) == figures(one_by_one)
    assert (figures(at_once)["p50"] is None) == (not values)


def some(count: int, seed: int) -> Samples:
    source = np.random.default_rng(seed)
    samples = np.zeros(count, dtype=SAMPLE)
    samples["due_us"] = np.sort(source.integers(0, 5_000_000, count))
    samples["last_byte_us"] = source.integers(0, 500_000, count)
    samples["kind"] = source.choice([OK, 7, 9], count)
    samples["received_bytes"] = seed
    return samples[np.argsort(samples["due_us"] + samples["last_byte_us"])]


def test_reports_add_up_whatever_is_lost_or_comes_twice() -> None:
    """Every report is offered again until it is acknowledged, as the last message of a Locust worker does."""
    sums, all_samples, source = Sums(), [], random.Random(5)  # noqa: S311 - repeatable, no secret
    for worker in ("a", "b", "c"):
        deltas = Deltas()
        for batch in range(6):
            samples = some(50, batch)
            all_samples.append(samples)
            deltas.take(samples)
            report = deltas.report()
            for _ in range(source.choice([0, 1, 2])):
                acknowledged = sums.add(worker, report)
                if source.random() < 0.5:
                    deltas.acknowledge(acknowledged)
        for report in deltas.unacknowledged():
            sums.add(worker, report)
    everything = np.concatenate(all_samples)
    assert sums.samples == len(everything) == 900
    assert sums.total.get_total_count() == (everything["kind"] == OK).sum()
    for kind in (7, 9):
        assert sums.failed[KINDS[kind]] == (everything["kind"] == kind).sum()
    assert sum(sums.line(second)["ok"] for second in sums.seconds) == sums.total.get_total_count()
    p99 = np.percentile(everything["last_byte_us"][everything["kind"] == OK], 99)
    assert sums.total.get_value_at_percentile(99) == pytest.approx(p99, rel=0.02)


def test_a_report_out_of_turn_is_left_until_the_one_before_it_came() -> None:
    deltas, sums = Deltas(), Sums()
    reports = []
    for batch in range(2):
        deltas.take(some(10, batch))
        reports.append(deltas.report())
    assert sums.add("a", reports[1]) == 0
    assert sums.add("a", reports[0]) == 1
    assert sums.add("a", reports[1]) == 2
    assert sums.samples == 20


def test_files_are_merged_in_order_of_completion(tmp_path: Path) -> None:
    paths, parts = [], [some(100_000, 1), some(0, 2), some(70_000, 3)]
    for number, samples in enumerate(parts):
        paths.append(tmp_path / f"{number}.bin")
        paths[-1].write_bytes(samples.tobytes())
    assert merge_samples(paths, tmp_path / "all.bin") == 170_000
    merged = read_samples(tmp_path / "all.bin")
    assert (np.diff(merged["due_us"] + merged["last_byte_us"]) >= 0).all()
    for samples in parts:
        if len(samples):
            own = merged[merged["received_bytes"] == samples["received_bytes"][0]]
            assert own.tobytes() == samples.tobytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.bin", "1.bin", "2.bin", "all.bin"]
