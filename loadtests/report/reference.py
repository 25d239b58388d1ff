"""`python -m loadtests.report.reference RUN`: keep what README and docs show of a run, and write it there.

Kept in `loadtests/reference/`, without the machine's paths: of `standard` the verdicts, cases and pictures,
of `behaviours` and `idle` what each server did and what bounded it, of the fault suites (the file that
`make torture` writes) what was tried and what was lost. Each part shown follows from its file alone.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.analysis.metrics import METRICS, columns_of
from loadtests.report.figures import NONE, figure
from loadtests.report.keys import BOUNDS
from loadtests.report.markdown import answer_table, case_table, table
from loadtests.report.page import when

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "loadtests" / "reference"
Document = Mapping[str, Any]
KEPT = (
    "schema_version",
    "state",
    "requests",
    "finished_cells",
    "planned_cells",
    "sentences",
    "answers",
    "cases",
)
KEPT_OF_RUN = ("run", "plan_name", "quick", "created_unix_s", "seed")
CONTROL = "net/ipv4/tcp_congestion_control"
PICTURES = {
    "ratios.svg": "Ratio of each comparison with its interval",
    "throughput.svg": "Throughput over users",
}
CONDUCT = columns_of("conduct")
COLUMNS = {
    "behaviours": ("throughput", "p50", "p99", "peak memory"),
    "idle": ("p50", "p99", "memory per connection"),
}
FAULTS = "faults"


def keep(source: Path) -> str:
    """Copy what is shown of a finished run, or of the fault suites; the name of the file that keeps it."""
    FOLDER.mkdir(exist_ok=True)
    if source.is_file():
        sums: dict[tuple[str, str], list[int]] = {}
        for line in source.read_text(encoding="utf-8").splitlines():
            case, server, tried, survived = json.loads(line)
            before = sums.setdefault((case, server), [0, 0])
            before[0] += tried
            before[1] += survived
        _write(FAULTS, [[*names, *counts] for names, counts in sorted(sums.items())])
        return FAULTS
    summary = json.loads((source / "summary.json").read_text())
    run = summary["runs"][0]
    kept = {key: run[key] for key in KEPT_OF_RUN} | {"congestion_control": run["machine"]["sysctls"][CONTROL]}
    document: dict[str, Any] = {"runs": [kept]}
    plan: str = run["plan_name"]
    if plan in COLUMNS:
        _write(plan, document | {"requests": summary["requests"], "rows": _conduct(summary)})
        return plan
    _write("answer", {key: summary[key] for key in KEPT} | document)
    for name in PICTURES:
        shutil.copyfile(source / "charts" / name, FOLDER / name)
    return "answer"


def _write(part: str, document: Document | list[Any]) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (FOLDER / f"{part}.json").write_text(text, encoding="utf-8")


def _conduct(summary: Document) -> list[dict[str, Any]]:
    """What each server did in each scenario, at its reference level, and the cause that was found."""
    return [
        {
            "scenario": point["scenario"],
            "server": point["server"],
            "figures": {name: point["estimates"][metric.name] for name, metric in CONDUCT.items()},
            "mechanism": summary["explanations"][key]["text"].partition(": ")[2],
        }
        for scenario, level in summary["references"].items()
        for key, point in summary["points"].items()
        if (point["scenario"], point["level"]) == (scenario, level)
    ]


def _told(document: Document, blocks: str = "") -> str:
    run = document["runs"][0]
    return (
        f"From the `{run['plan_name']}` plan{blocks}, on a virtual machine with two cores,\n"
        "one for the server and one for the load generator, with "
        f"{run['congestion_control']} as TCP's congestion control\n"
        f"({when(run['created_unix_s'])}, {document['requests']:,} requests measured).\n"
    )


def answer(document: Document) -> str:
    """The whole answer: verdicts, pictures, cases."""
    blocks = max(answer["blocks"] for answer in document["answers"])
    pictures = "".join(f"![{text}](../loadtests/reference/{name})\n\n" for name, text in PICTURES.items())
    return (
        f"{_told(document, f' with {blocks} blocks')}"
        "Your machine will answer otherwise: that is what `make compare` is for.\n\n"
        f"{answer_table(document)}\n{pictures}"
        "The best of a scenario is in bold; what cannot be told from it has a `~`.\n\n"
        f"{case_table(document)}"
    )


def conduct(document: Document) -> str:
    """What servers did in the scenarios of a plan, with the mechanism that was measured."""
    columns = COLUMNS[document["runs"][0]["plan_name"]]
    rows = []
    for row in document["rows"]:
        told = []
        for name in columns:
            figure_of = row["figures"][name]
            value, bound = (None, "exact") if figure_of is None else (figure_of["value"], figure_of["bound"])
            told.append(BOUNDS[bound] + figure(value, CONDUCT[name].unit))
        rows.append([row["scenario"], row["server"], *told, row["mechanism"]])
    return f"{_told(document)}\n{table(['scenario', 'server', *columns, 'what bounds it'], rows)}"


def faults(rows: list[tuple[str, str, int, int]]) -> str:
    """What was tried and lost: once by family of cases, once by server."""
    by_server = [(server, case, tried, survived) for case, server, tried, survived in rows]
    return (
        table(["case", "servers", "tried", "survived", "lost"], _sums(rows))
        + "\n"
        + table(["server", "cases", "tried", "survived", "lost"], _sums(by_server))
    )


def _sums(rows: Iterable[tuple[str, str, int, int]]) -> list[list[str]]:
    """A row of text for each first name: how many second ones it has, and the sums of its counts."""
    counts: dict[str, list[int]] = {}
    for name, _, tried, survived in rows:
        count = counts.setdefault(name, [0, 0, 0])
        for place, more in enumerate((1, tried, survived)):
            count[place] += more
    return [
        [name, str(others), f"{tried:,}", f"{survived:,}", f"{tried - survived:,}"]
        for name, (others, tried, survived) in counts.items()
    ]


def capacities(document: Document) -> str:
    """What each server served at most in each scenario, a row a server."""
    scenarios = list(dict.fromkeys(case["scenario"] for case in document["cases"]))
    servers = list(dict.fromkeys(case["server"] for case in document["cases"]))
    told = {}
    for case in document["cases"]:
        capacity = case["figures"]["capacity"]
        text = BOUNDS[capacity["bound"]] + figure(capacity["value"], METRICS["throughput"].unit)
        told[case["server"], case["scenario"]] = f"**{text}**" if "capacity" in case["best"] else text
    rows = [[server, *(told.get((server, scenario), NONE) for scenario in scenarios)] for server in servers]
    return table(["server", *scenarios], rows)


@dataclass(frozen=True)
class ReferencePart:
    """A table between two marks of a document, written from a kept file."""

    document: str
    kept: str
    text: Callable[[Any], str]


PARTS = {
    "capacities": ReferencePart("README.md", "answer", capacities),
    "answer": ReferencePart("docs/results.md", "answer", answer),
    "behaviours": ReferencePart("docs/results.md", "behaviours", conduct),
    "idle": ReferencePart("docs/results.md", "idle", conduct),
    FAULTS: ReferencePart("docs/faults.md", FAULTS, faults),
}


def part_text(name: str) -> str:
    """The text of a part, from what is kept."""
    part = PARTS[name]
    return part.text(json.loads((FOLDER / f"{part.kept}.json").read_text(encoding="utf-8")))


def between_marks(document: str, part: str, text: str) -> str:
    """The document with another text of that part."""
    return re.sub(
        rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)",
        lambda marked: marked[1] + text + marked[2],
        document,
        flags=re.DOTALL,
    )


def main() -> None:
    source = Path(sys.argv[-1])
    if len(sys.argv) != 2 or not (source.is_file() or (source / "summary.json").is_file()):
        sys.exit(
            "Name the folder of a run that has a report, or the file of the fault suites: "
            "python -m loadtests.report.reference results/RUN"
        )
    kept = keep(source)
    for name, part in PARTS.items():
        if part.kept == kept:
            path = ROOT / part.document
            path.write_text(between_marks(path.read_text(encoding="utf-8"), name, part_text(name)), "utf-8")


if __name__ == "__main__":
    main()
