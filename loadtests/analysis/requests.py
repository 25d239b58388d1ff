"""The figures of the requests of one name, where a scenario asks several (pure)."""

from typing import Any

import numpy as np
from pydantic import Field

from loadtests.analysis.percentiles import Percentiles, lower_bounds, percentiles
from loadtests.model.records import Record
from loadtests.model.samples import CENSORED, DROPPED, KINDS, MEASURE, OK, Samples


class RequestFigures(Record):
    """As those of the cell, of the requests of one name."""

    requests: int = Field(description="due while measuring, dropped and censored ones included")
    failures: int = Field(description="of those, all that did not succeed")
    censored: int
    dropped: int
    throughput_per_s: float | None
    goodput_per_s: float | None = Field(description="successes within the latency target; null without one")
    bytes_per_s: float | None
    latency_samples: int = Field(description="successes and censored requests due while measuring")
    response_time_us: Percentiles | None
    service_time_us: Percentiles | None
    response_mean_us: float | None
    service_mean_us: float | None
    at_least: list[str] = Field(
        description="response-time percentiles that unfinished or dropped requests make lower bounds"
    )


def figures_of(samples: Samples, begin_us: int, end_us: int, target_us: int | None) -> dict[str, Any]:
    """The fields of `RequestFigures` of these samples, measured from `begin_us` to `end_us`."""
    duration_s = (end_us - begin_us) / 1e6
    response_us, kind = samples["last_byte_us"].astype(np.int64), samples["kind"]
    ended_us = samples["due_us"] + response_us
    in_window = (kind == OK) & (ended_us >= begin_us) & (ended_us < end_us)
    successes = int(in_window.sum())
    due = samples["phase"] == MEASURE
    counts = np.bincount(kind[due], minlength=len(KINDS))
    timed = due & ((kind == OK) | (kind == CENSORED))
    response = np.sort(response_us[timed])
    # a request may be censored before it was sent: its service time has not begun
    service = np.maximum(response_us[timed] - samples["sent_us"][timed].astype(np.int64), 0)
    points = percentiles(response)
    return {
        "requests": int(due.sum()),
        "failures": int(due.sum() - counts[OK]),
        "censored": int(counts[CENSORED]),
        "dropped": int(counts[DROPPED]),
        "throughput_per_s": successes / duration_s if successes else None,
        "goodput_per_s": None
        if target_us is None
        else int((in_window & (response_us <= target_us)).sum()) / duration_s,
        "bytes_per_s": int(samples["received_bytes"][in_window].sum()) / duration_s if successes else None,
        "latency_samples": len(response),
        "response_time_us": points,
        "service_time_us": percentiles(np.sort(service)),
        "response_mean_us": float(response.mean()) if len(response) else None,
        "service_mean_us": float(service.mean()) if len(response) else None,
        "at_least": lower_bounds(points, response_us[due & (kind == CENSORED)], int(counts[DROPPED])),
    }


def by_request(
    samples: Samples, names: list[str], begin_us: int, end_us: int, target_us: int | None
) -> dict[str, RequestFigures]:
    """By name; empty where all requests have one."""
    if len(set(names)) < 2:
        return {}
    numbers: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        numbers.setdefault(name, []).append(number)
    return {
        name: RequestFigures(
            **figures_of(samples[np.isin(samples["name"], of_name)], begin_us, end_us, target_us)
        )
        for name, of_name in numbers.items()
    }
