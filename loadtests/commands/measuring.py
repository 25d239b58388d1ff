"""`twins run` and `twins suite`: measure, archive, report."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtests.commands.ending import closing_lines, run_document, suite_document
from loadtests.commands.options import (
    DEFAULT_RESULTS,
    Files,
    Json,
    Results,
    YesLoad,
    files_directory,
    find_run,
    print_json,
)
from loadtests.commands.places import check_places
from loadtests.lab.journal import measuring
from loadtests.lab.order import levels as load_levels
from loadtests.lab.order import planned_cells
from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.planfile import environment_overrides, find_plan, read_plan, resolved
from loadtests.lab.progress import Progress, duration
from loadtests.lab.runs import Run, create, reopen, without_missing
from loadtests.lab.scratch import check_files
from loadtests.lab.servers.specs import planned_means
from loadtests.lab.suite import carry_out, estimate_s, unsteady_s, without_valid_repeat
from loadtests.lab.workloads import check_hosts, check_secrets
from loadtests.model.records import CellRecord

UNMEASURED, INTERRUPTED = 3, 130
AS_SHIPPED = "Servers with their projects' own defaults, instead of matched capacity."
QUICK = ("quick=true", "blocks=3", "time.warmup_s=0.4", "time.measure_s=1.6", "time.drain_s=1")


def run(
    scenario: Annotated[str, typer.Argument(help="Scenario; see `twins list scenarios`.")],
    server: Annotated[str | None, typer.Option(help="Server of the table, started and stopped.")] = None,
    target: Annotated[str | None, typer.Option(help="Address of a server that runs already.")] = None,
    users: Annotated[
        int | None, typer.Option(min=1, help="Closed loop: this many users; 32 where left out.")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Open loop: arrivals per second.")] = None,
    arrivals: Annotated[str, typer.Option(help="Open loop: poisson or constant.")] = "poisson",
    duration_s: Annotated[float, typer.Option("--duration", help="Seconds to measure.")] = 10,
    warmup: Annotated[
        float, typer.Option(help="Seconds before that are discarded, twice as many where not steady.")
    ] = 1,
    path: Annotated[str | None, typer.Option(help="The scenario's path.")] = None,
    param: Annotated[list[str], typer.Option(help="Parameter of the scenario, name=value.")] = [],  # noqa: B006  Typer copies it
    client: Annotated[str, typer.Option(help="wire, or Locust's own fasthttp or http.")] = "wire",
    connections: Annotated[
        str, typer.Option(help="keepalive, close, user or requests per connection.")
    ] = "keepalive",
    processes: Annotated[int | None, typer.Option(min=1, help="Server processes.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each server process.")] = None,
    as_shipped: Annotated[bool, typer.Option("--as-shipped", help=AS_SHIPPED)] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of arrivals and checks.")] = 1,
    files: Files = None,
    results: Results = DEFAULT_RESULTS,
    as_json: Json = False,
) -> None:
    """Measure one cell: one scenario on one server at one level."""
    if (server is None) == (target is None):
        raise PlanError("give one of --server NAME and --target URL.")
    if users is not None and rate is not None:
        raise PlanError("give one of --users N and --rate R.")
    parameters: dict[str, Any] = dict(_pair(text) for text in param)
    if path is not None:
        parameters["path"] = path
    under_test = {"server": server, "url": target, "processes": processes, "threads": threads}
    document: dict[str, Any] = {
        "blocks": 1,
        "matched": "as shipped" if as_shipped else "capacity-matched",
        "seed": seed,
        "quick": True,
        "time": {"warmup_s": warmup, "measure_s": duration_s},
        "load": {"arrivals": arrivals, "client": client, "connections": connections},
        "servers": {
            server or "target": {key: value for key, value in under_test.items() if value is not None}
        },
        "scenarios": {scenario: {"parameters": parameters}},
    }
    document["load"] |= {"rates": [rate]} if rate is not None else {"users": [users or 32]}
    progress = Progress(quiet=as_json)
    check_places(results)
    with measuring(f"twins run {scenario}"):
        plan, folder = resolved(document, "the command line"), files_directory(files)
        check_files(plan, folder)
        new = create(plan, "run", results, sys.argv, calibration())
        record = carried_out(new, folder, progress)[0]
    shown = run_document(new.directory, record)
    if as_json:
        print_json(shown)
    else:
        for line in closing_lines(new.directory, [record]):
            print(line)
    if record.state == "invalid":
        raise typer.Exit(UNMEASURED)


def suite(
    plan: Annotated[
        str | None,
        typer.Argument(help="Plan file, or the name of a shipped plan; `standard` where left out."),
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="The plan `quick`, or the given plan with short cells.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Print matrix, order and time, and measure nothing.")] = False,
    resume: Annotated[str | None, typer.Option(help="Go on with this run.")] = None,
    force: Annotated[bool, typer.Option(help="Resume although plan, code or machine changed.")] = False,
    overrides: Annotated[
        list[str], typer.Option("--set", help="Override the plan, such as load.users=1,8.")
    ] = [],  # noqa: B006  Typer copies it
    as_shipped: Annotated[bool, typer.Option("--as-shipped", help=AS_SHIPPED)] = False,
    yes_load: YesLoad = [],  # noqa: B006  Typer copies it
    files: Files = None,
    results: Results = DEFAULT_RESULTS,
    with_report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write the report at the end.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Measure all cells of a plan in blocks, write its report, judge its gates."""
    progress = Progress(quiet=as_json)
    if resume is not None:
        if plan is not None or overrides or quick or as_shipped:
            raise PlanError(
                "--resume goes on with the run's own plan; it takes no plan, --quick, --set or --as-shipped."
            )
        begun = reopen(find_run(resume, results), force=force)
    else:
        begun = None
        resolved_plan, left_out = _plan(plan, quick, overrides, as_shipped)
        for line in left_out:
            progress.note(line)
        if dry_run:
            for line in matrix_lines(resolved_plan):
                print(line)
            return
    chosen = resolved_plan if begun is None else begun.plan
    check_hosts(chosen, yes_load)
    check_secrets(chosen)
    check_places(results if begun is None else begun.directory)
    name = plan or ("quick" if quick else "standard")
    with measuring(f"twins suite {resume or name}"):
        folder = files_directory(files)
        check_files(begun.plan if begun else resolved_plan, folder)
        if begun is None:
            begun = create(resolved_plan, Path(name).stem, results, sys.argv, calibration())
        records = carried_out(begun, folder, progress)
    written = reported(begun.directory, with_report)
    missing = without_valid_repeat(begun.plan, records)
    gates, code = _gates(begun)
    if as_json:
        print_json(suite_document(begun.directory, records, missing, written, gates))
    else:
        for line in closing_lines(begun.directory, records, missing, written, gates):
            print(line)
    if missing or code:
        raise typer.Exit(UNMEASURED if missing else code)


def matrix_lines(plan: Plan) -> list[str]:
    """What a run of the plan would do: matrix, order of the first block, time."""
    cells = planned_cells(plan)
    first = [cell for cell in cells if cell.block == 1]
    lines = [plan.description] if plan.description else []
    lines.append(
        f"{len(cells)} cells: {plan.blocks} blocks of {len(first)}, {planned_means(plan)}, seed {plan.seed}."
    )
    for label in plan.scenarios:
        levels = [
            "search" if level is None else f"{level.value:g} {level.kind}"
            for level in load_levels(plan.scenarios[label].load or plan.load)
        ]
        servers = dict.fromkeys(cell.server for cell in first if cell.scenario == label)
        lines.append(f"  {label} at {', '.join(levels)}: {', '.join(sorted(servers))}")
    lines.append("Order of the first block:")
    lines += [f"  {cell.order + 1:3d}  {cell.id}" for cell in first]
    seconds = estimate_s(plan, cells)
    lines.append(f"Total time: {duration(seconds)} ({seconds:.0f} s).")
    if more := unsteady_s(plan, cells):
        lines.append(f"Up to {duration(more)} more where servers are slow to become steady.")
    return lines


def _plan(name: str | None, quick: bool, overrides: list[str], as_shipped: bool) -> tuple[Plan, list[str]]:
    chosen = find_plan(name or ("quick" if quick else "standard"))
    short = QUICK if quick and name is not None else ()
    plan = read_plan(chosen, [*environment_overrides(), *short, *overrides], as_shipped=as_shipped)
    if plan.gates:
        from loadtests.commands.gating import refuse_unreadable

        refuse_unreadable(plan)
    return without_missing(plan)


def carried_out(begun: Run, files: Path, progress: Progress) -> list[CellRecord]:
    """All cells of the run, measured; where it is interrupted, one sentence says how it goes on."""
    try:
        return carry_out(begun, files, progress)
    except KeyboardInterrupt:
        progress.end()
        print(
            f"twins: interrupted; go on with: twins suite --resume {begun.directory}",
            file=sys.stderr,
        )
        raise typer.Exit(INTERRUPTED) from None
    finally:
        progress.end()


def reported(run: Path, with_report: bool) -> list[Path]:
    """The files of the report, the page among them, and tables beside the archive."""
    from loadtests.archive.tables import write_tables
    from loadtests.lab.floor import is_aa, keep_floor
    from loadtests.report import write_report

    if is_aa(run):
        for line in keep_floor(run):
            print(line, file=sys.stderr)
    write_tables(run)
    return write_report([run]) if with_report else []


def _gates(finished: Run) -> tuple[list[str], int]:
    """A line for each gate of the plan, and the exit code."""
    if not finished.plan.gates:
        return [], 0
    from loadtests.commands.gating import gate_lines, judged

    results, code = judged(finished.directory)
    return gate_lines(results), code


def calibration() -> dict[str, Any] | None:
    """What the load generator can do on this machine, where that is known."""
    from loadtests.lab.calibration import load_calibration

    return load_calibration()


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise PlanError(f"--param {text}: it is written name=value, such as wait_ms=20.")
    return name, value
