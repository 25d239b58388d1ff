"""`report.html`: one file that reads offline and without JavaScript."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from loadtests.analysis.cases import COLUMNS, HEADINGS
from loadtests.analysis.metrics import METRICS
from loadtests.analysis.points import natural
from loadtests.report import charts, panels
from loadtests.report.curves import scaling_panels
from loadtests.report.drawing import inline
from loadtests.report.figures import figure
from loadtests.report.keys import Keyed
from loadtests.report.origins import laboratory_versions, origins
from loadtests.report.palette import SURFACES, Look, looks

ENVIRONMENT = Environment(
    loader=PackageLoader("loadtests.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
AT_LEAST = ("send rate",)  # checks whose figure must not fall below their limit
REQUEST_COLUMNS = {
    "throughput": "throughput",
    "p50": "response_p50",
    "p90": "response_p90",
    "p99": "response_p99",
    "errors": "error_share",
}
"""Of the requests of each name: heading to metric."""
MOST_DETAILED = 100  # cells
MOST_DRAWN = 24  # scenarios
SYMBOLS = {
    "circle": "●",
    "square": "■",
    "triangle-up": "▲",
    "diamond": "◆",
    "triangle-down": "▼",
    "cross": "✚",
}
TITLES = {
    "throughput": "How throughput scales",
    "p99": "How the slowest requests fare",
    "nines": "Percentiles in nines",
    "time": "Over time",
    "resources": "Resources",
}
BARRED = ("capacity", "response_p50", "response_p99", "cpu_ms_per_request", "rss_peak_bytes")
TEMPLATES = Path(__file__).parent / "templates"


def page(document: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The whole page of one summary document; `names` are those of the files beside it, by format."""
    keyed = Keyed(document)
    shown = server_looks(document)
    drawn = drawn_scenarios(document)
    sections: list[tuple[str, list[panels.Panel]]] = [
        ("throughput", scaling_panels(keyed, shown, drawn, "throughput")),
        ("p99", scaling_panels(keyed, shown, drawn, "response_p99")),
        ("nines", panels.drawn(panels.nines_panel, keyed, shown, drawn, panels.nines_frame(document, drawn))),
        ("time", panels.drawn(panels.time_panel, keyed, shown, drawn, panels.time_frame(document, drawn))),
        (
            "resources",
            panels.drawn(panels.resource_panel, keyed, shown, drawn, panels.core_frame(document, drawn)),
        ),
    ]
    return ENVIRONMENT.get_template("page.html").render(
        summary=document,
        names=names,
        keyed=keyed,
        looks=shown,
        surfaces=SURFACES,
        symbols=SYMBOLS,
        titles=TITLES,
        machine=machine_words(document),
        asked_servers=_asked_servers(document),
        clients=clients,
        limit_sign=limit_sign,
        case_order=_case_order(document),
        bars=_bars(document),
        case_columns=COLUMNS,
        case_headings=HEADINGS,
        request_columns={heading: METRICS[name] for heading, name in REQUEST_COLUMNS.items()},
        by_request=by_request(document),
        ratio_svgs=_ratio_svgs(document, shown),
        ratio_alternative=ratio_alternative(document),
        sections=sections,
        legends={name: _legend(drawn_panels) for name, drawn_panels in sections},
        detailed=detailed_points(document),
        undrawn=len(document["references"]) - len(drawn),
        level_text=panels.level_text,
        when=when,
        figure=figure,
        origins=origins(document["runs"][0]),
        versions=laboratory_versions(document["runs"][0]),
        # our own two files, with nothing of the run in them
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704
        script=Markup((TEMPLATES / "script.js").read_text(encoding="utf-8")),  # noqa: S704
    )


def machine_words(document: Mapping[str, Any]) -> list[str]:
    """Cores, memory, kernel and congestion control of the run's machine, each in words, where known."""
    machine = document["runs"][0]["machine"]
    cores = machine.get("cpu_count") or machine.get("cores")
    model = next((machine[name] for name in ("cpu_model", "cpu", "model") if machine.get(name)), None)
    control = (machine.get("sysctls") or {}).get("net/ipv4/tcp_congestion_control")
    memory = machine.get("memory_bytes")
    words = (
        cores and f"{cores} {'core' if cores == 1 else 'cores'}" + (f" ({model})" if model else ""),
        memory and f"{figure(memory, 'bytes')} of memory",
        machine.get("kernel") and f"{machine.get('system', 'kernel')} {machine['kernel']}",
        control and f"TCP congestion control {control}",
    )
    return [text for text in words if text]


def clients(level: Mapping[str, Any]) -> str:
    """`32 clients`, as one who did not write the plan would say it."""
    if level["kind"] == "rate":
        return panels.level_text(level)
    return f"{level['value']:,g} client{'' if level['value'] == 1 else 's'}"


def limit_sign(check: Mapping[str, Any]) -> str:
    """On which side of its limit a check wants its figure; what marks saturation wants neither."""
    if check["limit"] is None:
        return ""
    if check["consequence"] == "unsaturated":
        return "saturated from "
    return "≥ " if check["name"] in AT_LEAST else "≤ "


def _asked_servers(document: Mapping[str, Any]) -> set[str]:
    """The servers that a reader meets in the answers; all of them where nothing was asked."""
    asked = {answer[side] for answer in document["answers"] for side in ("server", "baseline")}
    return asked or set(document["sides"])


def _case_order(document: Mapping[str, Any]) -> dict[str, list[int]]:
    """The places of each scenario's cases, the highest capacity first."""
    places: dict[str, list[int]] = {scenario: [] for scenario in document["references"]}
    for place, case in enumerate(document["cases"]):
        places[case["scenario"]].append(place)
    capacity = {
        place: (case["figures"]["capacity"] or {}).get("value", -1.0)
        for place, case in enumerate(document["cases"])
    }
    return {scenario: sorted(found, key=lambda place: -capacity[place]) for scenario, found in places.items()}


def _bars(document: Mapping[str, Any]) -> list[dict[str, int | None]]:
    """Each case's figures as whole percents of the largest in their column and scenario; drawn, not read."""
    most: dict[tuple[str, str], float] = {}
    for case in document["cases"]:
        for column, estimate in case["figures"].items():
            if estimate:
                key = (case["scenario"], column)
                most[key] = max(most.get(key, 0.0), estimate["value"])
    return [
        {
            column: round(100 * estimate["value"] / most[case["scenario"], column])
            if estimate and column in BARRED and most[case["scenario"], column] > 0
            else None
            for column, estimate in case["figures"].items()
        }
        for case in document["cases"]
    ]


def server_looks(document: Mapping[str, Any]) -> dict[str, Look]:
    """The look of every server of the run, by what its cells say of its interface."""
    interfaces: dict[str, str | None] = {}
    for cell in document["cells"].values():
        if interfaces.get(cell["server"]) is None:
            interfaces[cell["server"]] = cell["interface"]
    return looks(sorted(interfaces.items(), key=lambda named: natural(named[0])))


def by_request(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Scenario to the points at its reference level whose requests have several names."""
    found: dict[str, list[str]] = {}
    for name, point in document["points"].items():
        if point["by_request"] and point["level"] == document["references"][point["scenario"]]:
            found.setdefault(point["scenario"], []).append(name)
    return found


def _legend(drawn_panels: Sequence[panels.Panel]) -> dict[str, Look]:
    """The look of every series that a section's panels draw."""
    return {name: look for panel in drawn_panels for name, look in panel.looks.items()}


def drawn_scenarios(document: Mapping[str, Any]) -> dict[str, Any]:
    """Scenario to reference level of those the page draws; in a large run, asked ones come first."""
    references: Mapping[str, Any] = document["references"]
    asked = {answer["scenario"] for answer in document["answers"]}
    chosen = sorted(references, key=lambda scenario: scenario not in asked)[:MOST_DRAWN]
    return {scenario: level for scenario, level in references.items() if scenario in chosen}


def detailed_points(document: Mapping[str, Any]) -> list[str]:
    """Points whose cells the page details: all, or in a large run those that decide or carry a warning."""
    points: Mapping[str, Any] = document["points"]
    if len(document["cells"]) <= MOST_DETAILED:
        return list(points)
    deciding = {
        name
        for name, point in points.items()
        for answer in document["answers"]
        if point["scenario"] == answer["scenario"]
        and point["level"] == answer["level"]
        and point["server"] in (answer["server"], answer["baseline"])
    }
    doubtful = [
        name
        for name, point in points.items()
        if name not in deciding and any(_doubtful(document["cells"][cell]) for cell in point["cells"])
    ]
    chosen: list[str] = []
    cells = 0
    for name in [*(n for n in points if n in deciding), *doubtful]:
        cells += len(points[name]["cells"])
        if cells <= MOST_DETAILED:
            chosen.append(name)
    return chosen


def when(unix_s: float | None) -> str:
    """`2026-11-22 10:15 UTC`."""
    if unix_s is None:
        return "not finished"
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(unix_s))


def _doubtful(cell: Mapping[str, Any]) -> bool:
    unsound = cell["state"] in ("invalid", "generator-limited")
    return (
        unsound or bool(cell["warnings"]) or any(c["status"] in ("warning", "failed") for c in cell["checks"])
    )


def _ratio_svgs(document: Mapping[str, Any], shown: Mapping[str, Look]) -> list[tuple[str, Markup]]:
    """The ratio plot twice, wide and narrow: the style sheet shows the one that fits."""
    rows = panels.ratio_rows(document, shown)
    if not rows or document["state"] == "invalid":
        return []
    return [
        (name, inline(charts.ratio_chart(rows, width, labels_above=above), f"ratios-{name}", shown))
        for name, width, above in (("wide", 440, False), ("narrow", 310, True))
    ]


def ratio_alternative(document: Mapping[str, Any]) -> str:
    answers: Sequence[Mapping[str, Any]] = document["answers"]
    told = [f"{a['scenario']}: {a['verdict']}, {figure(a['ratio'], 'times')}" for a in answers]
    return "Ratio of each primary comparison, above 1 is better. " + "; ".join(told)
