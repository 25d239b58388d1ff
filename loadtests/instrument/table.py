"""Locust's own table, filled from the raw samples in batches: UI, CSV and HTML agree with the archive.

Locust's listener costs as much per request as the rest of the instrument. The event is still fired
for every request; only this one listener is told to leave alone what comes here by the batch.
"""

import time
from collections.abc import Callable
from typing import Any

import locust.stats
import numpy as np
from locust.env import Environment
from locust.stats import StatsError

from loadtests.instrument.failures import sentence
from loadtests.samples import OK, Samples


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
    """Put a listener in the place of Locust's own that passes on all events but the recorded ones.

    The runner registers its listener before any other; it is recognised by its name, and where a
    later Locust names it otherwise this says so, rather than counting twice.
    """
    stats: Any = locust.stats  # typed to return whole milliseconds, which it need not
    stats.bucket_response_time = bucket_response_time
    handlers = environment.events.request._handlers
    for position, handler in enumerate(handlers):
        if handler.__module__ == "locust.runners" and handler.__name__ == "on_request":
            handlers[position] = _unless_recorded(handler)
            return
    raise RuntimeError("this Locust has no listener 'on_request' in locust.runners: its table cannot be fed.")


def _unless_recorded(stock: Callable[..., None]) -> Callable[..., None]:
    def on_request(recorded: bool = False, **event: Any) -> None:
        if not recorded:
            stock(**event)

    return on_request


class Table:
    """A listener of the recorder that adds each batch to Locust's statistics."""

    def __init__(self, environment: Environment, zero_unix_s: float, labels: list[tuple[str, str]]) -> None:
        self._environment = environment
        self._zero_unix_s = zero_unix_s
        self._labels = labels  # (name, method) by the sample's `name`

    def take(self, samples: Samples) -> None:
        stats = self._environment.stats
        for number in np.unique(samples["name"]).tolist():
            name, method = self._labels[number]
            chosen = samples[samples["name"] == number]
            for entry in (stats.entries[(name, method)], stats.total):
                self._extend(entry, chosen)
            self._errors(stats, method, name, chosen[chosen["kind"] != OK])

    def _extend(self, entry: Any, samples: Samples) -> None:
        now = int(time.time())
        if (
            entry.use_response_times_cache
            and entry.last_request_timestamp
            and now > int(entry.last_request_timestamp)
        ):
            entry._cache_response_times(now - 1)
        ended_s = self._zero_unix_s + (samples["due_us"] + samples["last_byte_us"]) / 1e6
        times_us = samples["last_byte_us"].astype(np.int64)
        failed = samples["kind"] != OK
        entry.num_requests += len(samples)
        entry.num_failures += int(failed.sum())
        entry.last_request_timestamp = max(entry.last_request_timestamp or 0.0, float(ended_s.max()))
        entry.total_response_time += float(times_us.sum()) / 1000
        least = float(times_us.min()) / 1000
        entry.min_response_time = (
            least if entry.min_response_time is None else min(entry.min_response_time, least)
        )
        entry.max_response_time = max(entry.max_response_time, float(times_us.max()) / 1000)
        entry.total_content_length += int(samples["received_bytes"].sum())
        _count(entry.response_times, _rounded(times_us), 1000)
        _count(entry.num_reqs_per_sec, ended_s.astype(np.int64))
        _count(entry.num_fail_per_sec, ended_s[failed].astype(np.int64))

    def _errors(self, stats: Any, method: str, name: str, samples: Samples) -> None:
        pairs, counts = np.unique(samples[["kind", "status"]], return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            text = sentence(*pair)
            key = StatsError.create_key(method, name, text)
            error = stats.errors.setdefault(key, StatsError(method, name, text))
            error.occurred()
            error.occurrences += count - 1


def _count(counts: dict[Any, int], values: Any, divisor: int = 1) -> None:
    unique, times = np.unique(values, return_counts=True)
    for value, number in zip(unique.tolist(), times.tolist(), strict=True):
        key = value if divisor == 1 else value / divisor
        counts[key] = counts.get(key, 0) + number
