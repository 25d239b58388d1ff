"""The figures of one cell, from its raw samples.

Latencies belong to requests *due* while measuring; throughput counts successful responses that *ended*
while measuring, so that a backlog served during the drain is not taken for speed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from loadtests.analysis import naming, steady
from loadtests.analysis.growth import Growth, growths
from loadtests.analysis.percentiles import Percentiles, nines
from loadtests.analysis.requests import RequestFigures, by_request, figures_of
from loadtests.checks.balance import busiest_share
from loadtests.checks.failures import RequestFailures, request_failures
from loadtests.model import costs
from loadtests.model.interpreters import interpreter_words
from loadtests.model.records import (
    BackgroundDocument,
    CellRecord,
    CellState,
    Check,
    Level,
    ProcessCount,
    Record,
)
from loadtests.model.samples import CENSORED, KINDS, MEASURE, OK, Samples


class CellSummary(Record):
    """One cell's figures. Those of an `invalid` cell are null, whatever its samples say."""

    id: str
    run: str
    server: str
    scenario: str
    scenario_kind: str
    parameters: dict[str, Any]
    planted_wait_ms: float | None = Field(
        default=None, description="what the scenario plants into each answer"
    )
    waits_for: str | None = Field(default=None, description="what the server waits for beside its own work")
    level: Level
    block: int
    search: str | None
    state: CellState
    reason: str | None
    warnings: list[str]
    checks: list[Check]
    duration_s: float | None = Field(description="length of the measuring phase")
    requests: int | None = Field(description="due while measuring, dropped and censored ones included")
    failures: int | None = Field(description="of those, all that did not succeed")
    censored: int | None
    dropped: int | None
    kinds: dict[str, int] | None = Field(description="requests due while measuring, by outcome")
    failed: list[RequestFailures] = Field(
        default=[], description="by name, of a cell of any state: the names of which a request failed"
    )
    by_request: dict[str, RequestFigures] = Field(
        default={}, description="by name, of a valid cell with requests of several"
    )
    throughput_per_s: float | None = Field(description="a lower bound in a generator-limited cell")
    goodput_per_s: float | None = Field(description="successes within the latency target; null without one")
    bytes_per_s: float | None
    latency_samples: int | None = Field(description="successes and censored requests due while measuring")
    response_time_us: Percentiles | None
    service_time_us: Percentiles | None
    response_mean_us: float | None
    service_mean_us: float | None
    at_least: list[str] = Field(
        description="response-time percentiles that unfinished or dropped requests make lower bounds"
    )
    nines: list[tuple[float, int]] = Field(description="quantile and response time in µs")
    steady: bool | None
    steady_cut_share: float | None
    drift_share: float | None
    drifting: bool | None
    busy_cores: float | None = Field(description="server's CPU seconds per second while measuring")
    generator_busy_cores: float | None
    cpu_ms_per_request: float | None
    requests_per_s_per_core: float | None = Field(description="throughput over the cores kept busy")
    memory_per_connection_bytes: float | None = Field(
        description="growth of a fresh server's memory over its connections; null where it cannot be told"
    )
    rss_peak_bytes: int | None
    rss_growth_bytes: Growth | None = Field(description="of the server's whole process tree while measuring")
    descriptor_growth: Growth | None = Field(description="established connections left out")
    thread_growth: Growth | None
    generator_rss_peak_bytes: int | None
    interface: str | None = Field(description="wsgi or asgi, as the server itself says")
    serves: str | None = Field(default=None, description="server and kind of its workers, by its own word")
    told: str | None = Field(default=None, description="what it is in a few words")
    processes: int | None
    threads: int | None
    interpreter: str | None = Field(
        default=None,
        description="that served, and whether the GIL ran; null where the server does not say it",
    )
    parser: str | None = Field(default=None, description="of requests, as the server itself says")
    slots: int | None
    slot_kind: str | None
    cores: int | None = Field(description="cores the server may use at once: pinned ones, or its processes")
    means: str | None = Field(
        description="capacity-matched or as shipped; null where the server does not say"
    )
    server_command: list[str] | None
    server_environment: dict[str, str] | None = Field(description="what was added to the lab's own")
    generator_command: list[str]
    server_count: int | None
    process_counts: list[ProcessCount] = Field(
        default=[], description="of these, what each server process counted"
    )
    busiest_share: float | None = Field(
        default=None,
        description="the part of the process that took most of the requests; null where there is one",
    )
    background: list[BackgroundDocument] = Field(
        default=[], description="clients beside the users that are measured"
    )
    directory: str = Field(default="", description="of its raw files, relative to the report")

    def of_request(self, name: str) -> "CellSummary | None":
        """The cell as if it had no requests but those of one name; what is of no single one is null."""
        if name not in self.by_request:
            return None
        nulls = dict.fromkeys(("busy_cores", "cpu_ms_per_request", "requests_per_s_per_core"))
        return self.model_copy(update={**nulls, **dict(self.by_request[name])})

    @property
    def slots_known(self) -> bool:
        """Whether it is known how many requests the server serves at once, be it without a bound."""
        return self.slots is not None or self.slot_kind in UNBOUNDED


UNBOUNDED = ("task", "greenlet", "connection")  # where no number is said, there is none
COPIED = tuple(name for name in CellRecord.model_fields if name in CellSummary.model_fields)


def summarise_cell(
    record: CellRecord,
    samples: Samples,
    target_us: int | None = None,
    readings: Sequence[Mapping[str, Any]] = (),
) -> CellSummary:
    """Figures of a finished cell; `samples` has shape (n,) and dtype SAMPLE; `target_us` is for goodput.

    `readings` are the lines of `probes.jsonl`; without them nothing is known to have grown.
    """
    run = record.server_run
    serves, told = naming.told(run)
    parser = run.health.get("parser") if run else None
    interface = (run.health.get("interface") or run.interface) if run else None
    facts: dict[str, Any] = {
        **{name: getattr(record, name) for name in COPIED},
        "interface": interface if isinstance(interface, str) else None,
        "serves": serves,
        "told": told,
        "processes": run.processes if run else None,
        "threads": run.threads if run else None,
        "interpreter": interpreter_words(run.health, run.gil_turned_on_by) if run else None,
        "parser": parser if isinstance(parser, str) else None,
        "slots": run.slots if run else None,
        "slot_kind": run.slot_kind if run else None,
        "cores": _cores(record),
        "busiest_share": busiest_share(
            [process.requests for process in record.process_counts], run.processes if run else None
        ),
        "means": run.means if run else None,
        "background": record.generator.background if record.generator else [],
        "failed": _failed(record, samples),
        "server_command": run.command if run else None,
        "server_environment": run.environment if run else None,
    }
    figures: dict[str, Any] = {
        name: None for name in CellSummary.model_fields if name not in facts and name != "directory"
    }
    figures |= {"at_least": [], "nines": [], "by_request": {}}
    if record.state != "invalid" and record.generator is not None:
        figures |= _figures(record, samples, target_us) | growths(record.generator, readings)
    return CellSummary(**facts, **figures)


def _failed(record: CellRecord, samples: Samples) -> list[RequestFailures]:
    names = record.generator.names if record.generator else []
    return request_failures(samples[samples["phase"] == MEASURE], names)


def _figures(record: CellRecord, samples: Samples, target_us: int | None) -> dict[str, Any]:
    generator = record.generator
    assert generator is not None  # noqa: S101 - narrows the type; the caller has looked
    begin_us, end_us = generator.warmup_us, min(generator.measure_us, generator.end_us)
    duration_s = (end_us - begin_us) / 1e6
    if duration_s <= 0:
        return {}
    due_us, response_us = samples["due_us"], samples["last_byte_us"].astype(np.int64)
    kind = samples["kind"]
    ended_us = due_us + response_us
    in_window = (kind == OK) & (ended_us >= begin_us) & (ended_us < end_us)
    successes = int(in_window.sum())

    due = samples["phase"] == MEASURE
    counts = np.bincount(kind[due], minlength=len(KINDS))
    response = np.sort(response_us[due & ((kind == OK) | (kind == CENSORED))])
    return {
        **figures_of(samples, begin_us, end_us, target_us),
        "duration_s": duration_s,
        "kinds": {name: int(count) for name, count in zip(KINDS, counts, strict=True) if count},
        "by_request": by_request(samples, generator.names, begin_us, end_us, target_us),
        "nines": nines(response),
        **_steadiness(ended_us[in_window], begin_us, end_us),
        **_resources(record, duration_s, successes),
        "generator_busy_cores": generator.cpu_measure_share,
        "generator_rss_peak_bytes": record.generator_probe.rss_peak_bytes if record.generator_probe else None,
    }


def _steadiness(ended_us: npt.NDArray[np.int64], begin_us: int, end_us: int) -> dict[str, Any]:
    # ten responses a window at the least, or its count is mostly Poisson noise
    windows = min(steady.WINDOWS, len(ended_us) // 10)
    counts, _ = np.histogram(ended_us, bins=max(windows, 1), range=(begin_us, end_us))
    steadiness = steady.steadiness(counts.tolist())
    if steadiness is None:
        return {}
    return {
        "steady": steadiness.steady,
        "steady_cut_share": steadiness.cut_share,
        "drift_share": steadiness.drift_share,
        "drifting": steadiness.drifting,
    }


def _resources(record: CellRecord, duration_s: float, successes: int) -> dict[str, Any]:
    probe = record.server_probe
    if probe is None:
        return {}
    cpu_s = costs.cpu_s(probe)
    return {
        "rss_peak_bytes": probe.rss_peak_bytes,
        "busy_cores": None if cpu_s is None else cpu_s / duration_s,
        "cpu_ms_per_request": costs.cpu_ms_per_request(probe, successes),
        "requests_per_s_per_core": costs.requests_per_s_per_core(probe, successes),
        "memory_per_connection_bytes": costs.memory_per_connection_bytes(
            probe, fresh=bool(record.server_fresh)
        ),
    }


def _cores(record: CellRecord) -> int | None:
    run = record.server_run
    if run is None or (run.cpus is None and run.processes is None):
        return None
    if run.cpus is None:
        return run.processes
    at_once = run.processes
    if at_once is not None and run.health.get("gil") is False:
        at_once *= run.threads or 1  # each computes beside the others
    return min(len(run.cpus), at_once or len(run.cpus))
