"""`report.md`, for pull requests: the verdicts first, pictures beside it, under 64 KB."""

from collections.abc import Mapping
from typing import Any

from loadtests.analysis.cases import COLUMNS, HEADINGS
from loadtests.analysis.metrics import METRICS
from loadtests.report.figures import NONE, ReadUnit, figure
from loadtests.report.keys import BOUNDS
from loadtests.report.origins import origins
from loadtests.report.page import REQUEST_COLUMNS, when
from loadtests.report.panels import level_text

MOST_BYTES = 64_000
MARKS = {"valid": "VALID", "warnings": "WARNINGS", "invalid": "INVALID"}


def markdown(document: Mapping[str, Any], pictures: Mapping[str, str] | None = None) -> str:
    """The report; `pictures`: relative address by text alternative. What does not fit is left out."""
    parts = [
        _head(document),
        _sameness(document),
        _answers(document),
        *[f"![{_cell(text)}]({address})\n" for text, address in (pictures or {}).items()],
        _gates(document),
        _cases(document),
        _origins(document),
        _requests(document),
        _warnings(document),
    ]
    end = "\nEvery figure, interval and method: `report.html` and `summary.json` beside this file.\n"
    text = ""
    for part in parts:
        if part and len((text + part + end).encode()) < MOST_BYTES:
            text += part + "\n"
    return text + end


def _head(document: Mapping[str, Any]) -> str:
    run = document["runs"][0]
    quick = " A quick run, too short to be compared with others." if run["quick"] else ""
    cells = f"{document['finished_cells']} of {document['planned_cells']} cells"
    return (
        f"# {_cell(document['headline'])}\n\n"
        f"**{MARKS[document['state']]}**: {_cell(document['trust'])}\n"
        f"Run {run['run']} of the plan {run['plan_name']}, {when(run['created_unix_s'])}, {cells}, "
        f"{document['requests']:,} requests measured.{quick}\n\n"
        + "".join(f"- {text}\n" for text in who_and_what(document))
    )


def _sameness(document: Mapping[str, Any]) -> str:
    return "".join(
        f"- {_cell(looked['sentence'] if looked['alike'] else '**' + looked['sentence'] + '**')}\n"
        for looked in document.get("sameness", [])
    )


def who_and_what(document: Mapping[str, Any]) -> list[str]:
    """Who is who among those compared, and what was asked of them."""
    asked = {answer[side] for answer in document["answers"] for side in ("server", "baseline")}
    scenarios = {answer["scenario"] for answer in document["answers"]}
    who = [
        f"{_cell(server)}: {_cell(side['told'])}"
        for server, side in document["sides"].items()
        if server in asked and side["told"]
    ]
    what = [
        f"{_cell(name)}: {_cell(words)}" for name, words in document["asked"].items() if name in scenarios
    ]
    return who + what


def _answers(document: Mapping[str, Any]) -> str:
    if document["state"] == "invalid":
        return "**No answer:**\n\n" + "".join(f"- {_cell(reason)}\n" for reason in document["reasons"])
    told = "".join(f"- {_cell(sentence['text'])}\n" for sentence in document["sentences"])
    return told + ("\n" + answer_table(document) if document["answers"] else "")


def answer_table(document: Mapping[str, Any]) -> str:
    """The verdicts as a Markdown table, a row an answer; also what the docs show of a reference run."""
    rows = [
        [
            f"{answer['server']} ÷ {answer['baseline']}",
            f"{answer['scenario']}, {level_text(answer['level'])}",
            answer["metric"],
            f"**{answer['verdict']}**",
            {"at least": "≥ ", "at most": "≤ "}.get(answer["verdict"], "") + figure(answer["ratio"], "times"),
            f"{figure(answer['low'], 'times')} to {figure(answer['high'], 'times')}",
            str(answer["blocks"]),
        ]
        for answer in document["answers"]
    ]
    return table(["servers", "scenario", "metric", "verdict", "times better", "interval", "blocks"], rows)


def _gates(document: Mapping[str, Any]) -> str:
    if not document["gates"]:
        return ""
    rows = [
        [f"**{g['status']}**", g["gate"], g["place"], figure(g["value"], g["unit"]), g["reason"]]
        for g in document["gates"]
    ]
    return "## Gates\n\n" + table(["result", "gate", "where", "measured", "why"], rows)


def _cases(document: Mapping[str, Any]) -> str:
    note = "The best in bold; ~ cannot be told from it.\n\n"
    return "## Pick your case\n\n" + note + case_table(document) if document["cases"] else ""


def _requests(document: Mapping[str, Any]) -> str:
    """The requests of each name, at every scenario's reference level."""
    rows = [
        [point["scenario"], point["server"], name]
        + [_estimate(figures[metric], METRICS[metric].unit) for metric in REQUEST_COLUMNS.values()]
        for point in document["points"].values()
        if point["level"] == document["references"][point["scenario"]]
        for name, figures in point["by_request"].items()
    ]
    columns = ["scenario", "server", "request", *REQUEST_COLUMNS]
    return "## By request\n\n" + table(columns, rows) if rows else ""


def _estimate(estimate: Mapping[str, Any] | None, unit: ReadUnit) -> str:
    return NONE if estimate is None else BOUNDS[estimate["bound"]] + figure(estimate["value"], unit)


def case_table(document: Mapping[str, Any]) -> str:
    """Every server in every scenario as a Markdown table; the docs show it of a reference run."""
    rows = []
    for case in document["cases"]:
        row = [case["scenario"], case["server"]]
        for column, metric in COLUMNS.items():
            estimate = case["figures"][column]
            text = _estimate(estimate, metric.unit)
            row.append(
                f"**{text}**" if column in case["best"] else f"~ {text}" if column in case["ties"] else text
            )
        rows.append(row)
    return table(["scenario", "server", *HEADINGS], rows)


def _origins(document: Mapping[str, Any]) -> str:
    found = origins(document["runs"][0])
    if not found:
        return ""
    rows = [
        [names, ", ".join(f"{name} {value}" for name, value in facts.items())]
        for names, facts in found.items()
    ]
    return "## What the servers ran on\n\n" + table(["server", "Python and packages"], rows)


def _warnings(document: Mapping[str, Any]) -> str:
    warnings = document["warnings"]
    if not warnings:
        return ""
    more = f"- and {len(warnings) - 20} more in `summary.json`\n" if len(warnings) > 20 else ""
    return "## Warnings\n\n" + "".join(f"- {_cell(warning)}\n" for warning in warnings[:20]) + more


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; whatever is in the cells stays there."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    """Text that stays in its cell and starts no markup of its own."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<").replace("\n", " ")
