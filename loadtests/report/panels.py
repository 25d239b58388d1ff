"""A panel: one chart with its text alternative and its table, all from the same keyed figures."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from markupsafe import Markup, escape

from loadtests.analysis.laws import Law
from loadtests.report import charts
from loadtests.report.drawing import inline
from loadtests.report.figures import ReadUnit, figure
from loadtests.report.keys import Keyed
from loadtests.report.palette import GROUND, Look

Looks = Mapping[str, Look]
LAW_STEPS = 24
SCALED: tuple[tuple[str, str, ReadUnit], ...] = (
    ("throughput", "requests/s", "per_s"),
    ("response_p99", "p99, ms", "us"),
)


@dataclass(frozen=True)
class Panel:
    """`columns` and `rows` are the table; its first cell in each row is the row's heading."""

    title: str
    svg: Markup
    alternative: str
    columns: list[str]
    rows: list[list[Markup]]


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
        rows.append(
            {
                "label": f"{answer['scenario']}, {level_text(answer['level'])}: {_asked(answer)}",
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


def scaling_panels(keyed: Keyed, looks: Looks) -> list[Panel]:
    """Throughput and p99 over users, one pair of panels a scenario; then over processes and threads."""
    groups: dict[tuple[str, str, str], list[tuple[int, Mapping[str, Any]]]] = {}
    for index, curve in enumerate(keyed.document["curves"]):
        family = "" if curve["over"] == "users" else curve["server"]
        groups.setdefault((curve["scenario"], curve["over"], family), []).append((index, curve))
    found = []
    for (scenario, over, family), curves in groups.items():
        where = f"{scenario}{', ' + family if family else ''}"
        for metric, title, unit in SCALED:
            panel = _scaling(keyed, looks, where, over, curves, metric, title, unit)
            if panel:
                found.append(panel)
    return found


def _scaling(
    keyed: Keyed,
    looks: Looks,
    where: str,
    over: str,
    curves: Sequence[tuple[int, Mapping[str, Any]]],
    metric: str,
    title: str,
    unit: ReadUnit,
) -> Panel | None:
    scale = 1e-3 if unit == "us" else 1.0
    rows, fits, bounds, table = [], [], [], []
    shown = dict(looks)
    for index, curve in curves:
        look = looks.get(curve["server"]) or next(iter(looks.values()))
        shown[curve["server"]] = look
        for place, point in enumerate(curve["points"]):
            path = ("points", point["point"], "estimates", metric)
            estimate = keyed.value(*path)
            table.append(
                [
                    escape(curve["server"]),
                    keyed.number("count", "curves", index, "points", place, "n"),
                    keyed.estimate(unit, *path),
                    keyed.interval(unit, *path),
                ]
            )
            if estimate and estimate["value"] > 0:
                rows.append(
                    {
                        "server": curve["server"],
                        "n": point["n"],
                        "value": estimate["value"] * scale,
                        "low": estimate["low"] and estimate["low"] * scale,
                        "high": estimate["high"] and estimate["high"] * scale,
                        "hollow": estimate["bound"] != "exact",
                    }
                )
        if metric == "throughput":
            fits += _law_rows(curve)
            highest = max((row["value"] for row in rows if row["server"] == curve["server"]), default=0)
            if curve["bound_per_s"] and curve["bound_per_s"] < 2 * highest:
                bounds.append({"server": curve["server"], "value": curve["bound_per_s"]})
    if not rows:
        return None
    name = f"{where}: {'throughput' if metric == 'throughput' else 'p99 response time'} over {over}"
    chart = charts.scaling_chart(
        rows, fits, bounds, shown, x_title=over, y_title=title, log_y=metric != "throughput"
    )
    return Panel(
        title=name,
        svg=_svg(chart, name, shown),
        alternative=_told(name, rows, over, title),
        columns=["server", over, title.replace(", ms", ""), "95 % interval"],
        rows=table,
    )


def _law_rows(curve: Mapping[str, Any]) -> list[dict[str, Any]]:
    fit = curve["usl"]
    if not fit:
        return []
    gain, sigma, kappa = (fit[name]["value"] for name in ("gain_per_s", "sigma", "kappa"))
    law = Law(gain, sigma, kappa, residual_share=fit["residual_share"])
    n = [point["n"] for point in curve["points"]]
    steps = [n[0] * (n[-1] / n[0]) ** (step / LAW_STEPS) for step in range(LAW_STEPS + 1)]
    values = [(step, law.throughput_per_s(step)) for step in steps]
    return [{"server": curve["server"], "n": s, "value": v} for s, v in values if v > 0]


def nines_panels(keyed: Keyed, looks: Looks) -> list[Panel]:
    """Percentiles of the response time in nines, at each scenario's reference level."""
    found = []
    for scenario, level in keyed.document["references"].items():
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
                    svg=_svg(charts.nines_chart(rows, looks), f"nines {scenario}", looks),
                    alternative=_told(f"Response-time percentiles, {title}", rows, "nines", "ms"),
                    columns=["server", "share of requests", "at most", "least to most over blocks"],
                    rows=table,
                )
            )
    return found


def time_panels(keyed: Keyed, looks: Looks) -> list[Panel]:
    """Throughput over time of one cell for each server, at each scenario's reference level."""
    found = []
    for scenario, level in keyed.document["references"].items():
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
                    svg=_svg(charts.time_chart(rows, warmup_s, looks), f"time {scenario}", looks),
                    alternative=_told(f"Throughput over time, {title}", rows, "second", "requests/s"),
                    columns=["server", "from", "phase", "successes", "failures", "p99"],
                    rows=table,
                )
            )
    return found


def resource_panels(keyed: Keyed, looks: Looks) -> list[Panel]:
    """Cores busy on both sides, CPU per request and memory, at each scenario's reference level."""
    found = []
    for scenario, level in keyed.document["references"].items():
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
                    svg=_svg(charts.resource_chart(rows, looks), f"resources {scenario}", looks),
                    alternative=_told(f"Cores busy, {title}", rows, "side", "cores"),
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


def _svg(chart: alt.TopLevelMixin, name: str, looks: Looks) -> Markup:
    identifier = "".join(letter if letter.isalnum() else "-" for letter in name)
    return inline(chart, identifier, looks)


def _told(name: str, rows: Sequence[Mapping[str, Any]], x: str, y: str) -> str:
    """A sentence for those who do not see the chart: each server's range; the table has every figure."""
    ranges: dict[str, list[float]] = {}
    for row in rows:
        ranges.setdefault(row["server"], []).append(row["value"])
    parts = [
        f"{server} from {figure(min(values), 'plain')} to {figure(max(values), 'plain')} {y}"
        for server, values in ranges.items()
    ]
    return f"{name}: {'; '.join(parts)}. The table below holds every figure."
