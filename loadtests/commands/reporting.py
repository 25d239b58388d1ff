"""`twins report`, `compare`, `check` and `export`: what an archive says."""

import sys
import webbrowser
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from loadtests import archive
from loadtests.commands.options import DEFAULT_RESULTS, Results, find_run
from loadtests.lab.plan import PlanError

SETTLED = {"faster", "equivalent", "same run"}
Runs = Annotated[list[str], typer.Argument(help="Run: its directory, its name, or `last`.")]


class TableFormat(StrEnum):
    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


def report(
    runs: Runs,
    formats: Annotated[str, typer.Option("--format", help="Of html, md, json, csv.")] = "html,md,json,csv",
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    results: Results = DEFAULT_RESULTS,
) -> None:
    """Write the report of a run, or of several pooled; the archive is all it reads."""
    from loadtests.archive.tables import REQUESTS_FILE, TIMESERIES_FILE, write_tables
    from loadtests.report import told, write_report

    directories = [find_run(run, results) for run in runs]
    for directory in directories:
        if not ((directory / REQUESTS_FILE).is_file() and (directory / TIMESERIES_FILE).is_file()):
            write_tables(directory)
    written = write_report(directories, _formats(formats))
    for line in told(directories[0]):
        print(line)
    for path in written:
        print(path)
    pages = [path for path in written if path.suffix == ".html"]
    if show and pages:
        webbrowser.open(pages[0].resolve().as_uri())


class Failing(StrEnum):
    slower = "slower"


def compare(
    base: Annotated[str, typer.Argument(help="The run that others are held against.")],
    new: Runs,
    results: Results = DEFAULT_RESULTS,
    force: Annotated[bool, typer.Option(help="Compare other machines and quick runs too.")] = False,
    fail_on: Annotated[
        Failing | None,
        typer.Option(help="Exit 1 where a primary comparison of the plan says so."),
    ] = None,
    strict: Annotated[bool, typer.Option(help="Exit 4 where a primary comparison is not settled.")] = False,
) -> None:
    """Compare runs with a baseline, and say what changed."""
    from loadtests.report import compare as compare_runs

    verdicts: set[str] = set()
    for run in new:
        compared = compare_runs(find_run(base, results), find_run(run, results), force=force)
        primaries = [change for change in compared.changes if change.primary]
        for change in primaries or compared.changes:
            print(change.sentence)
        for path in compared.written:
            print(path)
        if fail_on is not None and not primaries:
            raise PlanError(
                f"--fail-on {fail_on.value} needs to know what decides, and the plan of {run} has no "
                "[[compare]]: of many figures some differ by chance."
            )
        verdicts |= {change.verdict for change in primaries}
    if fail_on is not None and fail_on.value in verdicts:
        raise typer.Exit(1)
    if strict and verdicts - SETTLED:
        raise typer.Exit(4)


def check(
    run: Annotated[str, typer.Argument(help="Run: its directory, its name, or `last`.")],
    gates: Annotated[
        Path | None, typer.Option(help="File with a gate a line; else the plan's gates.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the outcome as JUnit XML.")] = None,
    strict: Annotated[bool, typer.Option(help="Exit 4 where a gate is inconclusive.")] = False,
    results: Results = DEFAULT_RESULTS,
) -> None:
    """Hold a run against gates such as `p99_us < 50000 @ asgi-uvicorn/download-small/64`."""
    from loadtests.analysis import gates as judging
    from loadtests.commands.gating import gate_lines
    from loadtests.report import junit as junit_report

    asked = None if gates is None else _gate_lines(gates)
    try:
        outcome = judging.check(find_run(run, results), asked)
    except judging.GateError as error:
        raise PlanError(str(error)) from None
    if not outcome:
        raise PlanError(
            f"{gates or run} holds no gate, so that nothing can fail: give a file with a gate a line "
            "by --gates, such as `failed_requests <= 0 @ SERVER/SCENARIO`."
        )
    for line in gate_lines(outcome):
        print(line)
    if junit is not None:
        archive.write_text(junit, junit_report.document(outcome))
    if code := judging.exit_code(outcome, strict=strict):
        raise typer.Exit(code)


def export(
    run: Annotated[str, typer.Argument(help="Run: its directory, its name, or `last`.")],
    table: Annotated[TableFormat, typer.Option("--format", help="File format.")] = TableFormat.csv,
    to: Annotated[Path | None, typer.Option(help="Folder to write to; the run's own where left out.")] = None,
    results: Results = DEFAULT_RESULTS,
) -> None:
    """Write every request and both sides' time series in another format."""
    from loadtests.archive.tables import export_tables

    directory = find_run(run, results)
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
    for path in export_tables(directory, table.value, to or directory):
        print(path)


def _formats(text: str) -> list[str]:
    known = ("html", "md", "json", "csv", "svg", "png")
    formats = [part.strip() for part in text.split(",") if part.strip()]
    for name in formats:
        if name not in known:
            raise archive.ArchiveError(f"--format {name} is unknown; valid are {', '.join(known)}.")
    if not formats:
        print("--format names nothing.", file=sys.stderr)
    return formats


def _gate_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise archive.ArchiveError(f"--gates {path} cannot be read: {error}.") from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
