"""`twins plan`: begin, check and describe plan files."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from loadtests import archive
from loadtests.commands import listing
from loadtests.lab.order import planned_cells
from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import find_plan, read_plan
from loadtests.lab.progress import duration
from loadtests.lab.runs import check
from loadtests.lab.suite import estimate_s
from loadtests.lab.template import contenders, own_plan, table_plan

WHICH = ("first", "second")
app = typer.Typer(help="Begin, check and describe plan files.", no_args_is_help=True)


@app.command()
def init(file: Annotated[Path, typer.Argument(help="File to write.")] = Path("plan.toml")) -> None:
    """Write a plan to start from."""
    _write(file, table_plan())


def begin(
    commands: Annotated[
        list[str],
        typer.Argument(metavar="[COMMAND COMMAND]", help="Two servers, {port} where the port goes."),
    ] = [],  # noqa: B006  Typer copies it
    path: Annotated[str | None, typer.Option(help="What both are asked for; / where left out.")] = None,
    file: Annotated[Path, typer.Option(help="File to write.")] = Path("plan.toml"),
) -> None:
    """Write a plan of your own two servers; what is not given is asked for."""
    if len(commands) not in (0, 2):
        raise PlanError(f"give two commands, each in quotes, and not {len(commands)}.")
    if not commands:
        if not sys.stdin.isatty():
            raise PlanError('give two commands: twins init "COMMAND" "COMMAND" --path /.')
        commands = [typer.prompt(f"Command of the {which} server, with {{port}}") for which in WHICH]
        path = path or typer.prompt("Path that both are asked for", default="/")
    _write(file, own_plan(contenders(commands), path or "/"))


def _write(file: Path, text: str) -> None:
    if file.exists():
        raise PlanError(f"{file} exists already.")
    archive.write_text(file, text)
    print(f"{file} written; next: twins suite {file} --dry-run")


@app.command()
def validate(plan: Annotated[str, typer.Argument(help="Plan file, or the name of a shipped plan.")]) -> None:
    """Check a plan without running it."""
    from loadtests.commands.gating import refuse_unreadable

    resolved = read_plan(find_plan(plan))
    refuse_unreadable(resolved)
    check(resolved)
    cells = planned_cells(resolved)
    print(f"{plan} is valid: {len(cells)} cells, about {duration(estimate_s(resolved, cells))}.")


@app.command()
def schema() -> None:
    """Print the JSON Schema of plans, as `twins schema plan` does."""
    listing.schema(listing.Described.plan)
