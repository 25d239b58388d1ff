"""A panel: one chart with its text alternative and its table, all from the same keyed figures."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from markupsafe import Markup, escape

from loadtests.analysis.metrics import columns_of
from loadtests.report import charts
from loadtests.report.drawing import inline
from loadtests.report.figures import figure
from loadtests.report.heights import Ends
from loadtests.report.keys import Keyed
from loadtests.report.palette import GROUND, Looks

ReferenceLevel = Mapping[str, Any]
Levels = Mapping[str, ReferenceLevel]  # each drawn scenario's reference level
RESOURCES = columns_of("resources")
DRAWN_FROM = 0.5  # quantile


@dataclass(frozen=True)
class Panel:
    """`columns` and `rows` are the table; its first cell in each row is the row's heading."""

    title: str
    chart: alt.TopLevelMixin
    looks: Looks
    alternative: str
    columns: list[str]
    rows: list[list[Markup]]

    @property
    def svg(self) -> Markup:
        identifier = "".join(letter if letter.isalnum() else "-" for letter in self.alternative.split(":")[0])
        return inline(self.chart, identifier, self.looks)


Maker = Callable[[Keyed, Looks, str, ReferenceLevel, Ends], Panel | None]


def level_text(level: Mapping[str, Any]) -> str:
    if level["kind"] == "rate":
        return f"{level['value']:,g} arrivals/s"
    return f"{level['value']:,g} user{'' if level['value'] == 1 else 's'}"


def ratio_rows(document: Mapping[str, Any], looks: Looks) -> list[dict[str, Any]]:
    """One row an answer that has a ratio; generator-limited ones hollow."""
    rows = []
    for place, answer in enumerate(document["answers"]):
        if answer["ratio"] is None:
            continue
        look = looks.get(answer["server"])
        colour = look.colour if look else "#4f5863"
        question = f"{answer['scenario']}, {level_text(answer['level'])}"
        rows.append(
            {
                "id": answer["id"],
                "mark": f"row {place}",
                "question": question,
                "sides": _asked(answer),
                "label": f"{question}: {_asked(answer)}",
                "least": 1 / (1 + answer["delta"]),
                "most": 1 + answer["delta"],
                "ratio": answer["ratio"],
                "low": answer["low"],
                "high": answer["high"],
                "colour": colour,
                "fill": GROUND if answer["verdict"] in ("at least", "at most") else colour,
                "shape": look.shape if look else "circle",
            }
        )
    return rows


def _asked(answer: Mapping[str, Any]) -> str:
    metric = answer["metric"].replace("_", " ").replace("response p", "p").replace("throughput", "requests/s")
    return f"{answer['server']} ÷ {answer['baseline']}, {metric}"


def drawn(make: Maker, keyed: Keyed, looks: Looks, levels: Levels, frame: Ends) -> list[Panel]:
    """The panels that `make` finds something for, one a scenario at its reference level, in one frame."""
    made = (make(keyed, looks, scenario, level, frame) for scenario, level in levels.items())
    return [panel for panel in made if panel]


def nines_frame(document: Mapping[str, Any], levels: Levels) -> Ends:
    """The one axis of response times of all panels, in ms."""
    rows = [
        {end: max(nine[end], 1) / 1e3 for end in ("value", "low", "high")}
        for scenario, level in levels.items()
        for _, point in _at_reference(document, scenario, level)
        for nine in point["nines"]
        if nine["quantile"] >= DRAWN_FROM
    ]
    return charts.ends_of(rows, True) if rows else (1.0, 10.0)


def _most_nines(document: Mapping[str, Any]) -> float:
    """The last quantile that any point has the samples for, in nines: where all panels end."""
    quantiles = [nine["quantile"] for point in document["points"].values() for nine in point["nines"]]
    return -math.log10(1 - max(quantiles, default=DRAWN_FROM))


def time_frame(document: Mapping[str, Any], levels: Levels) -> Ends:
    """The one axis of seconds of all panels."""
    ends = [
        moment["begin_s"] + moment["length_s"]
        for cell, moments in document["moments"].items()
        for moment in moments
        if moment["phase"] != "drain" and document["cells"][cell]["scenario"] in levels
    ]
    return 0.0, max(ends, default=1.0)


def core_frame(document: Mapping[str, Any], levels: Levels) -> Ends:
    """The one axis of cores of all panels."""
    busy = [
        estimate["value"]
        for scenario, level in levels.items()
        for _, point in _at_reference(document, scenario, level)
        for side in ("busy_cores", "generator_cores")
        if (estimate := point["estimates"][side])
    ]
    return 0.0, max([1.0, *busy])


def nines_panel(
    keyed: Keyed, looks: Looks, scenario: str, level: ReferenceLevel, frame: Ends
) -> Panel | None:
    """Percentiles of the response time in nines."""
    rows: list[charts.ChartRow] = []
    table: list[list[Markup]] = []
    for name, point in _at_reference(keyed.document, scenario, level):
        for index, nine in enumerate(point["nines"]):
            path = ("points", name, "nines", index)
            table.append(
                [
                    escape(point["server"]),
                    keyed.number("percent", *path, "quantile"),
                    keyed.number("us", *path, "value"),
                    keyed.interval("us", *path),
                ]
            )
            if nine["quantile"] >= DRAWN_FROM:
                row = {"server": point["server"], "mark": last_of(table)}
                row |= {"nines": -math.log10(1 - nine["quantile"])}
                row |= {end: max(nine[end], 1) / 1e3 for end in ("value", "low", "high")}
                rows.append(row | {"hollow": point["state"] == "generator-limited"})
    chart = charts.nines_chart(rows, looks, frame, _most_nines(keyed.document)) if rows else None
    columns = ["server", "share of requests", "at most", "least to most over blocks"]
    name = f"Response-time percentiles, {_title(scenario, level)}"
    return _panel(name, scenario, level, looks, chart, rows, "ms", columns, table)


def time_panel(keyed: Keyed, looks: Looks, scenario: str, level: ReferenceLevel, frame: Ends) -> Panel | None:
    """Throughput over time of one cell for each server."""
    rows: list[charts.ChartRow] = []
    table: list[list[Markup]] = []
    warmup_s = 0.0
    for cell, moments in keyed.document["moments"].items():
        if keyed.value("cells", cell, "scenario") != scenario:
            continue
        server = keyed.value("cells", cell, "server")
        for index, moment in enumerate(moments):
            path = ("moments", cell, index)
            table.append(
                [
                    escape(server),
                    keyed.number("s", *path, "begin_s"),
                    escape(moment["phase"]),
                    keyed.number("per_s", *path, "ok_per_s"),
                    keyed.number("per_s", *path, "failed_per_s"),
                    keyed.number("us", *path, "p99_us"),
                ]
            )
            if moment["phase"] == "warmup":
                warmup_s = max(warmup_s, moment["begin_s"] + moment["length_s"])
            if moment["phase"] != "drain":
                row = {"server": server, "mark": last_of(table)}
                rows.append(row | {"second": moment["begin_s"], "value": moment["ok_per_s"]})
    chart = charts.time_chart(rows, warmup_s, looks, frame[1]) if rows else None
    columns = ["server", "from", "phase", "successes", "failures", "p99"]
    name = f"Throughput over time, {_title(scenario, level)}"
    return _panel(name, scenario, level, looks, chart, rows, "requests/s", columns, table)


def resource_panel(
    keyed: Keyed, looks: Looks, scenario: str, level: ReferenceLevel, frame: Ends
) -> Panel | None:
    """Cores busy on both sides, CPU per request and memory."""
    rows: list[charts.ChartRow] = []
    table: list[list[Markup]] = []
    for name, point in _at_reference(keyed.document, scenario, level):
        path = ("points", name, "estimates")
        table.append(
            [escape(point["server"]), *(keyed.estimate(m.unit, *path, m.name) for m in RESOURCES.values())]
        )
        colour = looks[point["server"]].colour
        for side, cores in (("server", "busy_cores"), ("generator", "generator_cores")):
            estimate = point["estimates"][cores]
            if estimate:
                row = {"server": point["server"], "mark": last_of(table), "side": side}
                row |= {"value": estimate["value"], "colour": colour}
                rows.append(row | {"fill": colour if side == "server" else GROUND})
    chart = charts.resource_chart(rows, frame[1]) if rows else None
    name = f"Cores busy, {_title(scenario, level)}"
    return _panel(name, scenario, level, looks, chart, rows, "cores", ["server", *RESOURCES], table)


def last_of(table: Sequence[Sequence[Markup]]) -> str:
    """How a point of a chart names the row of the table that was added last."""
    return f"row {len(table) - 1}"


def _panel(
    name: str,
    scenario: str,
    level: ReferenceLevel,
    looks: Looks,
    chart: alt.TopLevelMixin | None,
    rows: Sequence[charts.ChartRow],
    unit: str,
    columns: list[str],
    table: list[list[Markup]],
) -> Panel | None:
    if chart is None:
        return None
    return Panel(_title(scenario, level), chart, looks, told(name, rows, unit), columns, table)


def _title(scenario: str, level: ReferenceLevel) -> str:
    return f"{scenario}, {level_text(level)}"


def _at_reference(
    document: Mapping[str, Any], scenario: str, level: Mapping[str, Any]
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for name, point in document["points"].items():
        if point["scenario"] == scenario and point["level"] == level and point["valid_blocks"]:
            yield name, point


def told(name: str, rows: Sequence[Mapping[str, Any]], unit: str) -> str:
    """A sentence for those who do not see the chart: each server's range; the table has every figure."""
    ranges: dict[str, list[float]] = {}
    for row in rows:
        ranges.setdefault(row["server"], []).append(row["value"])
    parts = [
        f"{server} from {figure(min(values), 'plain')} to {figure(max(values), 'plain')} {unit}"
        for server, values in ranges.items()
    ]
    return f"{name}: {'; '.join(parts)}. The table below holds every figure."
