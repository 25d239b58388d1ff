"""Panels of how a server scales: throughput and p99 over users, processes or threads."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import escape

from loadtests.analysis.laws import Law
from loadtests.analysis.scaling import MOST_MISSED, SLOTS_BEND
from loadtests.report import charts
from loadtests.report.figures import ReadUnit
from loadtests.report.heights import Ends
from loadtests.report.keys import Keyed
from loadtests.report.palette import Looks
from loadtests.report.panels import Levels, Panel, last_of, told

LAW_STEPS = 24
SCALED: dict[str, tuple[str, ReadUnit]] = {
    "throughput": ("requests/s", "per_s"),
    "response_p99": ("p99, ms", "us"),
}


def scaling_panels(keyed: Keyed, looks: Looks, levels: Levels, metric: str) -> list[Panel]:
    """`throughput` or `response_p99` over users, a panel a scenario; then over processes and threads."""
    groups: dict[tuple[str, str, str], list[tuple[int, Mapping[str, Any]]]] = {}
    order = list(levels)
    curves = [pair for pair in enumerate(keyed.document["curves"]) if pair[1]["scenario"] in levels]
    for index, curve in sorted(curves, key=lambda pair: order.index(pair[1]["scenario"])):
        family = "" if curve["over"] == "users" else curve["server"]
        groups.setdefault((curve["scenario"], curve["over"], family), []).append((index, curve))
    panels = []
    frame = _frame(keyed, [curve for members in groups.values() for _, curve in members], metric)
    for (scenario, over, family), members in groups.items():
        where = f"{scenario}{', ' + family if family else ''}"
        panel = _scaling(keyed, looks, where, over, members, metric, frame)
        if panel:
            panels.append(panel)
    return panels


def _scaling(
    keyed: Keyed,
    looks: Looks,
    where: str,
    over: str,
    curves: Sequence[tuple[int, Mapping[str, Any]]],
    metric: str,
    frame: Ends | None,
) -> Panel | None:
    title, unit = SCALED[metric]
    scale = 1e-3 if unit == "us" else 1.0
    rows, fits, bounds, table = [], [], [], []
    shown = {}
    for index, curve in curves:
        first = keyed.value("points", curve["points"][0]["point"], "server")
        shown[curve["server"]] = looks.get(curve["server"]) or looks[first]
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
                        "mark": last_of(table),
                        "n": point["n"],
                        "value": estimate["value"] * scale,
                        "low": estimate["low"] and estimate["low"] * scale,
                        "high": estimate["high"] and estimate["high"] * scale,
                        "hollow": estimate["bound"] != "exact",
                    }
                )
        if metric == "throughput":
            fits += _law_rows(curve)
            bounds += _bound_rows(curve, rows)
    if len({row["n"] for row in rows}) < 2:
        return None
    name = f"{where}: {'throughput' if metric == 'throughput' else 'p99 response time'} over {over}"
    chart = charts.scaling_chart(
        rows, fits, bounds, shown, x_title=over, y_title=title, log_y=metric != "throughput", frame=frame
    )
    return Panel(
        title=where if over == "users" else f"{where}, over {over}",
        chart=chart,
        looks=shown,
        alternative=told(name, rows, title),
        columns=["server", over, title.replace(", ms", ""), "interval"],
        rows=table,
    )


def _frame(keyed: Keyed, curves: Sequence[Mapping[str, Any]], metric: str) -> Ends | None:
    """The one axis of response times of all panels; throughputs of different work have each their own."""
    if metric == "throughput":
        return None
    estimates = [
        keyed.value("points", point["point"], "estimates", metric)
        for curve in curves
        for point in curve["points"]
    ]
    rows = [
        {end: e[end] and e[end] * 1e-3 for end in ("value", "low", "high")}
        for e in estimates
        if e and e["value"] > 0
    ]
    return charts.ends_of(rows, True) if rows else None


def _law_rows(curve: Mapping[str, Any]) -> list[dict[str, Any]]:
    fit = curve["usl"]
    if not fit or fit["residual_share"] > MOST_MISSED or fit["peak_reason"] == SLOTS_BEND:
        return []
    gain, sigma, kappa = (fit[name]["value"] for name in ("gain_per_s", "sigma", "kappa"))
    law = Law(gain, sigma, kappa, residual_share=fit["residual_share"])
    n = [point["n"] for point in curve["points"]]
    steps = [n[0] * (n[-1] / n[0]) ** (step / LAW_STEPS) for step in range(LAW_STEPS + 1)]
    values = [(step, law.throughput_per_s(step)) for step in steps]
    return [{"server": curve["server"], "n": s, "value": v} for s, v in values if v > 0]


def _bound_rows(curve: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the slots allow, where that is near enough to be seen beside what was measured."""
    if curve["over"] != "users":
        most = [(point["n"], point["bound_per_s"]) for point in curve["points"]]
        lines = [{"server": curve["server"], "n": n, "value": value} for n, value in most if value]
        return lines if len(lines) > 1 else []
    highest = max((row["value"] for row in rows if row["server"] == curve["server"]), default=0)
    if not curve["bound_per_s"] or curve["slots"] < 2 or curve["bound_per_s"] > 2 * highest:
        return []
    ends = (curve["points"][0]["n"], curve["points"][-1]["n"])
    return [{"server": curve["server"], "n": n, "value": curve["bound_per_s"]} for n in ends]
