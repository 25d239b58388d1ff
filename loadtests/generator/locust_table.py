"""Locust's own table, filled from the raw samples in batches: UI, CSV and HTML agree with the archive.

Locust's listener costs as much per request as the rest of the instrument. The event is still fired
for every request; only this one listener is told to leave alone what comes here by the batch.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from locust.env import Environment
from locust.stats import StatsError

from loadtests.generator.locust_internals import keep_second, replace_listener, replace_rounding
from loadtests.model.samples import OK, Samples
from loadtests.wire.failures import sentence


def bucket_response_time(response_time_ms: float) -> float:
    """Three significant digits, down to the microsecond; the keys of Locust's percentiles."""
    if response_time_ms <= 0:
        return 0.0
    microseconds = round(response_time_ms * 1000)
    return int(_rounded(np.array([microseconds], dtype=np.int64))[0]) / 1000


def _rounded(values_us: Any) -> Any:
    digits = np.floor(np.log10(np.maximum(values_us, 1))).astype(np.int64)
    scale = 10 ** np.maximum(0, digits - 2)
    return (values_us + scale // 2) // scale * scale


def take_over(environment: Environment) -> None:
    """Let Locust's own listener pass on all events but those that come here by the batch."""
    replace_rounding(bucket_response_time)
    replace_listener(environment, _unless_recorded)


def _unless_recorded(stock: Callable[..., None]) -> Callable[..., None]:
    def on_request(recorded: bool = False, **event: Any) -> None:
        if not recorded:
            stock(**event)

    return on_request


class LocustTable:
    """A listener of the recorder that adds each batch to Locust's statistics."""

    def __init__(self, environment: Environment, zero_unix_s: float, labels: list[tuple[str, str]]) -> None:
        self._environment = environment
        self._zero_unix_s = zero_unix_s
        self._labels = labels  # (name, method) by the sample's `name`

    def take(self, samples: Samples) -> None:
        stats = self._environment.stats
        for number in np.unique(samples["name"]).tolist():
            name, method = self._labels[number]
            batch = _Batch(samples[samples["name"] == number], self._zero_unix_s)
            batch.add_to(stats.entries[(name, method)])
            batch.add_to(stats.total)
            if batch.failures:
                self._errors(
                    stats, method, name, samples[(samples["name"] == number) & (samples["kind"] != OK)]
                )

    def _errors(self, stats: Any, method: str, name: str, samples: Samples) -> None:
        pairs, counts = np.unique(samples[["kind", "status"]], return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            text = sentence(*pair)
            key = StatsError.create_key(method, name, text)
            error = stats.errors.setdefault(key, StatsError(method, name, text))
            error.occurred()
            error.occurrences += count - 1


class _Batch:
    """A batch of one name, summed once for the two entries of the table that it belongs to."""

    def __init__(self, samples: Samples, zero_unix_s: float) -> None:
        times_us = samples["last_byte_us"].astype(np.int64)
        ended_s = zero_unix_s + (samples["due_us"] + times_us) / 1e6
        failed = samples["kind"] != OK
        self.requests = len(samples)
        self.failures = int(failed.sum())
        self.last_s = float(ended_s.max())
        self.sum_ms = float(times_us.sum()) / 1000
        self.least_ms, self.most_ms = float(times_us.min()) / 1000, float(times_us.max()) / 1000
        self.content = int(samples["received_bytes"].sum())
        self.times = {value / 1000: count for value, count in _counted(_rounded(times_us))}
        self.seconds = _counted(ended_s.astype(np.int64))
        self.failed_seconds = _counted(ended_s[failed].astype(np.int64))

    def add_to(self, entry: Any) -> None:
        """Do what Locust's `StatsEntry.log` and `log_error` do, for the whole batch."""
        now, last = int(time.time()), entry.last_request_timestamp
        if entry.use_response_times_cache and last and now > int(last):
            keep_second(entry, now - 1)
        entry.num_requests += self.requests
        entry.num_failures += self.failures
        entry.last_request_timestamp = max(last or 0.0, self.last_s)
        entry.total_response_time += self.sum_ms
        least = entry.min_response_time
        entry.min_response_time = self.least_ms if least is None else min(least, self.least_ms)
        entry.max_response_time = max(entry.max_response_time, self.most_ms)
        entry.total_content_length += self.content
        for counts, more in (
            (entry.response_times, self.times.items()),
            (entry.num_reqs_per_sec, self.seconds),
            (entry.num_fail_per_sec, self.failed_seconds),
        ):
            for key, count in more:
                counts[key] = counts.get(key, 0) + count


def _counted(values: Any) -> list[tuple[int, int]]:
    unique, times = np.unique(values, return_counts=True)
    return list(zip(unique.tolist(), times.tolist(), strict=True))
