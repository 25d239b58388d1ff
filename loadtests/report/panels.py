"""A panel: one chart with its text alternative and its table, all from the same keyed figures."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from markupsafe import Markup, escape

from loadtests.report import charts
from loadtests.report.drawing import inline
from loadtests.report.figures import figure
from loadtests.report.keys import Keyed
from loadtests.report.palette import GROUND, Look

Looks = Mapping[str, Look]
Levels = Mapping[str, Mapping[str, Any]]  # each drawn scenario's reference level


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


def level_text(level: Mapping[str, Any]) -> str:
    if level["kind"] == "rate":
        return f"{level['value']:,g} arrivals/s"
    return f"{level['value']:,g} user{'' if level['value'] == 1 else 's'}"


def ratio_rows(document: Mapping[str, Any], looks: Looks) -> list[dict[str, Any]]:
    """One row an answer that has a ratio; generator-limited ones hollow."""
    rows = []
    for answer in document["answers"]:
        if answer["ratio"] is None:
            continue
        look = looks.get(answer["server"])
        colour = look.colour if look else "#4f5863"
        question = f"{answer['scenario']}, {level_text(answer['level'])}"
        rows.append(
            {
                "id": answer["id"],
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


def level_panels(keyed: Keyed, looks: Looks, levels: Levels) -> list[Panel]:
    """Throughput of every server side by side, at each scenario's reference level."""
    found = []
    for scenario, level in levels.items():
        rows, table = [], []
        for name, point in _at_reference(keyed.document, scenario, level):
            path = ("points", name, "estimates")
            table.append(
                [
                    escape(point["server"]),
                    keyed.estimate("per_s", *path, "throughput"),
                    keyed.interval("per_s", *path, "throughput"),
                    keyed.estimate("us", *path, "response_p50"),
                    keyed.estimate("us", *path, "response_p99"),
                ]
            )
            estimate, look = point["estimates"]["throughput"], looks[point["server"]]
            if estimate:
                fill = look.colour if estimate["bound"] == "exact" else GROUND
                row = {name: estimate[name] for name in ("value", "low", "high")}
                drawn = {"colour": look.colour, "fill": fill, "shape": look.shape}
                rows.append({"server": point["server"], **row, **drawn})
        if rows:
            title = f"{scenario}, {level_text(level)}"
            found.append(
                Panel(
                    title=title,
                    chart=charts.level_chart(rows, "requests/s"),
                    looks=looks,
                    alternative=told(f"Throughput side by side, {title}", rows, "server", "requests/s"),
                    columns=["server", "throughput", "interval", "p50", "p99"],
                    rows=table,
                )
            )
    return found


def nines_panels(keyed: Keyed, looks: Looks, levels: Levels) -> list[Panel]:
    """Percentiles of the response time in nines, at each scenario's reference level."""
    found = []
    for scenario, level in levels.items():
        rows, table = [], []
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
                if nine["quantile"] < 0.5:
                    continue
                rows.append(
                    {
                        "server": point["server"],
                        "nines": -math.log10(1 - nine["quantile"]),
                        "value": max(nine["value"], 1) / 1e3,
                        "low": max(nine["low"], 1) / 1e3,
                        "high": max(nine["high"], 1) / 1e3,
                        "hollow": point["state"] == "generator-limited",
                    }
                )
        if rows:
            title = f"{scenario}, {level_text(level)}"
            found.append(
                Panel(
                    title=title,
                    chart=charts.nines_chart(rows, looks),
                    looks=looks,
                    alternative=told(f"Response-time percentiles, {title}", rows, "nines", "ms"),
                    columns=["server", "share of requests", "at most", "least to most over blocks"],
                    rows=table,
                )
            )
    return found


def time_panels(keyed: Keyed, looks: Looks, levels: Levels) -> list[Panel]:
    """Throughput over time of one cell for each server, at each scenario's reference level."""
    found = []
    for scenario, level in levels.items():
        rows, table, warmup_s = [], [], 0
        for cell, moments in keyed.document["moments"].items():
            if keyed.value("cells", cell, "scenario") != scenario:
                continue
            server = keyed.value("cells", cell, "server")
            for index, moment in enumerate(moments):
                path = ("moments", cell, index)
                if moment["phase"] == "warmup":
                    warmup_s = max(warmup_s, moment["begin_s"] + moment["length_s"])
                if moment["phase"] != "drain":
                    rows.append({"server": server, "second": moment["begin_s"], "value": moment["ok_per_s"]})
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
        if rows:
            title = f"{scenario}, {level_text(level)}"
            found.append(
                Panel(
                    title=title,
                    chart=charts.time_chart(rows, warmup_s, looks),
                    looks=looks,
                    alternative=told(f"Throughput over time, {title}", rows, "second", "requests/s"),
                    columns=["server", "from", "phase", "successes", "failures", "p99"],
                    rows=table,
                )
            )
    return found


def resource_panels(keyed: Keyed, looks: Looks, levels: Levels) -> list[Panel]:
    """Cores busy on both sides, CPU per request and memory, at each scenario's reference level."""
    found = []
    for scenario, level in levels.items():
        rows, table = [], []
        for name, point in _at_reference(keyed.document, scenario, level):
            path = ("points", name, "estimates")
            table.append(
                [
                    escape(point["server"]),
                    keyed.estimate("cores", *path, "busy_cores"),
                    keyed.estimate("cores", *path, "generator_cores"),
                    keyed.estimate("ms", *path, "cpu_ms_per_request"),
                    keyed.estimate("bytes", *path, "rss_peak_bytes"),
                ]
            )
            colour = looks[point["server"]].colour
            for side, metric in (("server", "busy_cores"), ("generator", "generator_cores")):
                estimate = point["estimates"][metric]
                if estimate:
                    fill = colour if side == "server" else GROUND
                    row = {"server": point["server"], "side": side, "value": estimate["value"]}
                    rows.append(row | {"colour": colour, "fill": fill})
        if rows:
            title = f"{scenario}, {level_text(level)}"
            found.append(
                Panel(
                    title=title,
                    chart=charts.resource_chart(rows),
                    looks=looks,
                    alternative=told(f"Cores busy, {title}", rows, "side", "cores"),
                    columns=["server", "server CPU", "generator CPU", "CPU per request", "peak memory"],
                    rows=table,
                )
            )
    return found


def _at_reference(
    document: Mapping[str, Any], scenario: str, level: Mapping[str, Any]
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for name, point in document["points"].items():
        if point["scenario"] == scenario and point["level"] == level and point["valid_blocks"]:
            yield name, point


def told(name: str, rows: Sequence[Mapping[str, Any]], x: str, y: str) -> str:
    """A sentence for those who do not see the chart: each server's range; the table has every figure."""
    ranges: dict[str, list[float]] = {}
    for row in rows:
        ranges.setdefault(row["server"], []).append(row["value"])
    parts = [
        f"{server} from {figure(min(values), 'plain')} to {figure(max(values), 'plain')} {y}"
        for server, values in ranges.items()
    ]
    return f"{name}: {'; '.join(parts)}. The table below holds every figure."
