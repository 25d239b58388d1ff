"""`twins plan`: begin, check and describe plan files."""

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
from loadtests.subjects.registry import SUBJECT

app = typer.Typer(help="Begin, check and describe plan files.", no_args_is_help=True)


@app.command()
def init(file: Annotated[Path, typer.Argument(help="File to write.")] = Path("plan.toml")) -> None:
    """Write a plan to start from."""
    if file.exists():
        raise PlanError(f"{file} exists already.")
    archive.write_text(file, SUBJECT.plan_template)
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
