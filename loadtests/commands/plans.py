"""`twins plan`: begin, check and describe plan files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from loadtests import archive
from loadtests.lab.order import planned_cells
from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.planfile import find_plan, read_plan
from loadtests.lab.progress import duration
from loadtests.lab.suite import estimate_s

app = typer.Typer(help="Begin, check and describe plan files.", no_args_is_help=True)

TEMPLATE = """\
# One sentence that says what this plan is for.
blocks = 5
seed = 1

[time]
warmup_s = 2
measure_s = 10

[load]
users = [8, 32]          # or rates = [200, 400], or level = "search"

[servers.wsgi-gthread]   # a name of `twins list servers`
threads = 32

[servers.asgi-uvicorn]

# One's own server: {port}, {host} and {files} are filled in.
# [servers.mine]
# command = ["gunicorn", "-b", "127.0.0.1:{port}", "mine:app"]
# health = "/"
# contract = false

[scenarios.download-small]   # a name of `twins list scenarios`

[scenarios.wait]
kind = "process-wait"
parameters = { wait_ms = 20 }

[[compare]]
server = "asgi-uvicorn"
baseline = "wsgi-gthread"
scenario = "wait"
level = { kind = "users", value = 32 }
metric = "throughput"
"""


@app.command()
def init(file: Annotated[Path, typer.Argument(help="File to write.")] = Path("plan.toml")) -> None:
    """Write a plan to start from."""
    if file.exists():
        raise PlanError(f"{file} exists already.")
    archive.write_text(file, TEMPLATE)
    print(f"{file} written; next: twins suite {file} --dry-run")


@app.command()
def validate(plan: Annotated[str, typer.Argument(help="Plan file, or the name of a shipped plan.")]) -> None:
    """Check a plan without running it."""
    from loadtests.commands.gating import refuse_unreadable

    resolved = read_plan(find_plan(plan))
    refuse_unreadable(resolved)
    cells = planned_cells(resolved)
    print(f"{plan} is valid: {len(cells)} cells, about {duration(estimate_s(resolved, cells))}.")


@app.command()
def schema() -> None:
    """Print the JSON Schema of plans."""
    print(json.dumps(Plan.model_json_schema(), indent=1))
