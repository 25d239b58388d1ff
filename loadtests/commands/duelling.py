"""`twins duel`: two commands, one question, one answer within four minutes."""

import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtests.commands.measuring import UNMEASURED, calibration, carried_out, reported
from loadtests.commands.options import DEFAULT_RESULTS, Files, Json, Results, folder_for, print_json
from loadtests.commands.places import check_places
from loadtests.lab.journal import measuring
from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.plan_paths import place
from loadtests.lab.planfile import environment_overrides, overridden, read_document
from loadtests.lab.progress import Progress
from loadtests.lab.runs import create
from loadtests.lab.template import USERS, contenders, own_plan

UNEQUAL = 1
TIMES = {"warmup_s": 2, "warmup_max_s": 4, "measure_s": 20, "drain_s": 2}
BLOCKS = 3
SOURCE = "the command line"


def duel(
    first: Annotated[str, typer.Argument(metavar="COMMAND", help="A server, {port} where its port goes.")],
    second: Annotated[str, typer.Argument(metavar="COMMAND", help="The other.")],
    path: Annotated[str | None, typer.Option(help="What both are asked for; / where left out.")] = None,
    requests: Annotated[
        Path | None,
        typer.Option(help="TOML file with [[requests]], and feed, login and ignore where wanted."),
    ] = None,
    users: Annotated[int, typer.Option(min=1, help="Users, each waiting for its answer.")] = USERS,
    ignore: Annotated[
        list[str], typer.Option(help="What may differ between the answers, such as $.id or header:etag.")
    ] = [],  # noqa: B006  Typer copies it
    files: Files = None,
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
) -> None:
    """Which of two servers is faster? Three blocks, four minutes at most, one page.

    Exits with 0 where there is a verdict, with 1 where the servers do not answer alike, with 3 where there is
    nothing to tell.
    """
    if path is not None and requests is not None:
        raise PlanError("give one of --path and --requests.")
    plan = duel_plan(first, second, path or "/", requests, users, ignore)
    progress = Progress(quiet=as_json)
    check_places(results)
    with measuring("twins duel"):
        begun = create(plan, "duel", results, sys.argv, calibration())
        carried_out(begun, folder_for(plan, files, begun.directory), progress)
    written = reported(begun.directory, with_report=True)
    summary = summarised(begun.directory)
    if as_json:
        print_json(summary)
    else:
        for line in lines(summary, written):
            print(line)
    if code := exit_code(summary):
        raise typer.Exit(code)


def duel_plan(
    first: str, second: str, path: str, requests: Path | None, users: int, ignore: list[str]
) -> Plan:
    """The plan that `twins init` would write of the same, shorter and at one level. Raises PlanError."""
    sides = contenders([first, second])
    document: dict[str, Any] = tomllib.loads(own_plan(sides, path))
    scenario = document["scenarios"]["own"]
    if requests is not None:
        scenario = read_document(requests)
        place({"scenarios": {"own": scenario}}, requests.parent)
        for server in document["servers"].values():
            del server["ready"]
    scenario["ignore"] = [*scenario.get("ignore", []), *ignore]
    document["scenarios"]["own"] = scenario
    document |= {"blocks": BLOCKS, "time": dict(TIMES), "load": {"users": [users]}}
    document["compare"][0]["level"]["value"] = users
    return overridden(document, environment_overrides(), SOURCE)


def summarised(run: Path) -> dict[str, Any]:
    """The answer, both servers' figures, and whether they answered alike."""
    from loadtests.analysis.summary import build

    summary = build([run])
    (answer,) = summary.answers
    rows = []
    for server in (answer.baseline, answer.server):
        (point,) = (point for point in summary.points.values() if point.server == server)
        cells = [summary.cells[name] for name in point.cells]
        rows.append(
            {
                "server": server,
                **{
                    name: estimate.value if (estimate := point.estimates[name]) else None
                    for name in ("throughput", "response_p50", "response_p99")
                },
                "requests": sum(cell.requests or 0 for cell in cells),
                "failed": sum(entry.failed for cell in cells for entry in cell.failed),
                "sound": f"{point.valid_blocks} of {len(cells)}",
            }
        )
    return {
        "run": run.name,
        "state": summary.state,
        "reasons": summary.reasons,
        "alike": all(looked.alike for looked in summary.sameness),
        "sameness": [looked.sentence for looked in summary.sameness],
        "answer": answer.model_dump(mode="json"),
        "servers": rows,
    }


def lines(summary: dict[str, Any], written: list[Path]) -> list[str]:
    """One sentence, one table, one page."""
    from loadtests.report.figures import figure

    heads = ("server", "requests/s", "p50", "p99", "requests", "failed", "sound blocks")
    rows = [
        (
            row["server"],
            figure(row["throughput"], "per_s"),
            figure(row["response_p50"], "us"),
            figure(row["response_p99"], "us"),
            f"{row['requests']:,}",
            f"{row['failed']:,}",
            row["sound"],
        )
        for row in summary["servers"]
    ]
    widths = [max(len(line[place]) for line in (heads, *rows)) for place in range(len(heads))]
    table = [
        "  ".join(text.ljust(width) if not place else text.rjust(width) for place, (text, width) in parts)
        for line in (heads, *rows)
        for parts in [list(enumerate(zip(line, widths, strict=True)))]
    ]
    pages = [f"report: {page}" for page in written if page.suffix == ".html"]
    return [summary["answer"]["sentence"], "", *table, "", *pages]


def exit_code(summary: dict[str, Any]) -> int:
    if summary["answer"]["ratio"] is None:
        return UNMEASURED
    return 0 if summary["alike"] else UNEQUAL
