"""The metrics, each once: columns, units, headings, gates and comparisons are derived from this table."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from loadtests.analysis.cells import CellSummary
from loadtests.analysis.growth import Growth
from loadtests.analysis.percentiles import Percentiles
from loadtests.analysis.ratios import rounding

Unit = Literal["per_s", "bytes_per_s", "us", "ms", "bytes", "share", "cores", "count"]
Table = Literal["cases", "resources", "conduct", "changes"]


@dataclass(frozen=True)
class Metric:
    """`limited`: what a figure becomes where the generator was the limit.

    `within`: the interval that one cell alone gives; such a figure may be 0 or less and has no ratio.
    `tables`: where it is a column (cases, resources, the conduct shown in the docs) or is compared between
    two runs (changes), under `heading`, else under its label. `ranked`: whether the best of its column is
    marked. `compared`: whether a plan may compare it. `alias`: another name that gates take. `grains`: of how
    many indivisible units the figure is made, requests or microseconds, which bounds how well it is known.
    """

    name: str
    label: str
    unit: Unit
    higher_is_better: bool
    limited: Literal["exact", "at least", "at most"]
    pick: Callable[[CellSummary], float | None]
    within: Callable[[CellSummary], tuple[float, float] | None] | None = None
    heading: str = ""
    tables: tuple[Table, ...] = ()
    ranked: bool = True
    compared: bool = False
    alias: str = ""
    grains: Callable[[CellSummary], float | None] | None = None

    @property
    def column(self) -> str:
        """Its name in `summary.csv`, which carries the unit."""
        suffix = {"per_s": "per_s", "bytes_per_s": "per_s", "us": "us"}.get(self.unit)
        return self.name if suffix is None or suffix in self.name else f"{self.name}_{suffix}"

    def rounding(self, cells: Iterable[CellSummary]) -> float:
        """By how much the mean of the figure's logarithms over cells may be off, as it is made of grains."""
        known = [grains for cell in cells if self.grains and (grains := self.grains(cell))]
        return math.fsum(map(rounding, known)) / len(known) if known else 0.0


def _successes(rate: Callable[[CellSummary], float | None]) -> Callable[[CellSummary], float | None]:
    """How many requests a rate has counted."""

    def count(cell: CellSummary) -> float | None:
        per_s = rate(cell)
        return None if per_s is None or cell.duration_s is None else per_s * cell.duration_s

    return count


def _percentile(times: Percentiles | None, name: str) -> float | None:
    return None if times is None else times[name]


def _response(name: str) -> Callable[[CellSummary], float | None]:
    return lambda cell: _percentile(cell.response_time_us, name)


def _service(name: str) -> Callable[[CellSummary], float | None]:
    return lambda cell: _percentile(cell.service_time_us, name)


def _error_share(cell: CellSummary) -> float | None:
    return cell.failures / cell.requests if cell.requests and cell.failures is not None else None


def _failed(cell: CellSummary) -> float | None:
    """Of the requests that were sent: what was dropped never reached the server."""
    return None if cell.failures is None or cell.dropped is None else cell.failures - cell.dropped


def _counted(cell: CellSummary) -> tuple[float, float] | None:
    count = _failed(cell)
    return None if count is None else (count, count)


def _grown(name: str, label: str, unit: Unit, pick: Callable[[CellSummary], Growth | None]) -> Metric:
    def change(cell: CellSummary) -> float | None:
        growth = pick(cell)
        return None if growth is None else growth.change

    def interval(cell: CellSummary) -> tuple[float, float] | None:
        growth = pick(cell)
        return None if growth is None else (growth.low, growth.high)

    return Metric(name, label, unit, False, "exact", change, interval)


def is_lower_bound(metric: Metric, cell: CellSummary) -> bool:
    """Whether a response time is at least as long as its figure: requests were dropped or left unfinished."""
    return metric.name.removeprefix("response_") in cell.at_least if "response_" in metric.name else False


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "throughput",
            "throughput",
            "per_s",
            True,
            "at least",
            lambda c: c.throughput_per_s,
            tables=("conduct", "changes"),
            compared=True,
            alias="throughput_per_s",
            grains=_successes(lambda c: c.throughput_per_s),
        ),
        Metric(
            "goodput",
            "goodput",
            "per_s",
            True,
            "at least",
            lambda c: c.goodput_per_s,
            alias="goodput_per_s",
            grains=_successes(lambda c: c.goodput_per_s),
        ),
        Metric(
            "bytes",
            "bytes per second",
            "bytes_per_s",
            True,
            "at least",
            lambda c: c.bytes_per_s,
            alias="bytes_per_s",
        ),
        Metric(
            "response_p50",
            "median response time",
            "us",
            False,
            "at most",
            _response("p50"),
            heading="p50",
            tables=("cases", "conduct", "changes"),
            compared=True,
            alias="p50_us",
            grains=_response("p50"),
        ),
        Metric(
            "response_p90",
            "p90 response time",
            "us",
            False,
            "at most",
            _response("p90"),
            alias="p90_us",
            grains=_response("p90"),
        ),
        Metric(
            "response_p99",
            "p99 response time",
            "us",
            False,
            "at most",
            _response("p99"),
            heading="p99",
            tables=("cases", "conduct", "changes"),
            compared=True,
            alias="p99_us",
            grains=_response("p99"),
        ),
        Metric(
            "service_p50",
            "median service time",
            "us",
            False,
            "at most",
            _service("p50"),
            compared=True,
            alias="service_p50_us",
            grains=_service("p50"),
        ),
        Metric(
            "service_p99",
            "p99 service time",
            "us",
            False,
            "at most",
            _service("p99"),
            compared=True,
            alias="service_p99_us",
            grains=_service("p99"),
        ),
        Metric("service_mean", "mean service time", "us", False, "at most", lambda c: c.service_mean_us),
        Metric(
            "error_share",
            "errors",
            "share",
            False,
            "exact",
            _error_share,
            tables=("cases",),
            ranked=False,
            alias="errors",
        ),
        Metric(
            "cpu_ms_per_request",
            "CPU per request",
            "ms",
            False,
            "exact",
            lambda c: c.cpu_ms_per_request,
            tables=("cases", "resources", "changes"),
            compared=True,
        ),
        Metric(
            "busy_cores",
            "CPU of the server",
            "cores",
            False,
            "exact",
            lambda c: c.busy_cores,
            heading="server CPU",
            tables=("resources",),
        ),
        Metric(
            "generator_cores",
            "CPU of the generator",
            "cores",
            False,
            "exact",
            lambda c: c.generator_busy_cores,
            heading="generator CPU",
            tables=("resources",),
        ),
        Metric(
            "requests_per_s_per_core",
            "requests per second and core",
            "per_s",
            True,
            "exact",
            lambda c: c.requests_per_s_per_core,
            heading="throughput per busy core",
            tables=("resources",),
        ),
        Metric(
            "memory_per_connection_bytes",
            "memory per connection",
            "bytes",
            False,
            "exact",
            lambda c: c.memory_per_connection_bytes,
            tables=("resources", "conduct"),
        ),
        Metric(
            "rss_peak_bytes",
            "peak memory",
            "bytes",
            False,
            "exact",
            lambda c: c.rss_peak_bytes,
            tables=("cases", "resources", "conduct"),
        ),
        Metric(
            "busiest_share",
            "requests of the busiest process",
            "share",
            False,
            "exact",
            lambda c: c.busiest_share,
            heading="busiest process",
            tables=("resources",),
            ranked=False,
        ),
        Metric("failed_requests", "failed requests", "count", False, "exact", _failed, _counted),
        _grown("rss_growth_bytes", "growth of memory", "bytes", lambda c: c.rss_growth_bytes),
        _grown("descriptor_growth", "growth of open descriptors", "count", lambda c: c.descriptor_growth),
        _grown("thread_growth", "growth of threads", "count", lambda c: c.thread_growth),
    )
}
OF_REQUESTS = tuple(
    name
    for name in METRICS
    if name in ("throughput", "goodput", "bytes", "error_share", "failed_requests")
    or name.startswith(("response_", "service_"))
)
"""What is told of the requests of each name, too."""
COMPARED = tuple(metric.name for metric in METRICS.values() if metric.compared)


def columns_of(table: Table, metrics: Iterable[Metric] = METRICS.values()) -> dict[str, Metric]:
    """The metrics of one table by their headings, in the order of all metrics."""
    return {metric.heading or metric.label: metric for metric in metrics if table in metric.tables}


def named(name: str) -> Metric | None:
    """The metric of a name or of the other name that gates take; None where there is none."""
    return METRICS.get(name) or next((m for m in METRICS.values() if m.alias and m.alias == name), None)
