"""`twins same`: do the servers of a plan answer alike?"""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from loadtests.commands.options import Files, Json, YesLoad, folder_for, print_json
from loadtests.lab.bench import Bench
from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import environment_overrides, find_plan, read_plan
from loadtests.lab.revisions import checked_out, commits, prepare
from loadtests.lab.runs import without_missing
from loadtests.lab.sameness import SAMPLE_ROWS, compared, look
from loadtests.lab.secrecy import hidden_of
from loadtests.lab.suite import terminable
from loadtests.lab.workloads import check_hosts
from loadtests.model.sameness import Sameness, sentence, told
from loadtests.subjects.subject import Provision

MOST_TOLD = 20


def same(
    plan: Annotated[str, typer.Argument(help="Plan file.")],
    every: Annotated[
        bool, typer.Option("--all", help=f"Ask with all rows of the feeds, not {SAMPLE_ROWS} of each.")
    ] = False,
    overrides: Annotated[list[str], typer.Option("--set", help="Override the plan.")] = [],  # noqa: B006  Typer copies it
    yes_load: YesLoad = [],  # noqa: B006  Typer copies it
    files: Files = None,
    as_json: Json = False,
) -> None:
    """Ask every request of every server twice, compare the answers, and measure nothing."""
    chosen, _ = without_missing(read_plan(find_plan(plan), [*environment_overrides(), *overrides]))
    if not compared(chosen):
        raise PlanError(
            f"{plan} has nothing to compare: it takes two servers, one of them given by command or url, and "
            "a scenario with requests, or of the kind get."
        )
    check_hosts(chosen, yes_load)
    with (
        terminable(),
        tempfile.TemporaryDirectory(prefix="twins-same-") as folder,
        checked_out(chosen, commits(chosen)) as placed,
    ):
        prepare(placed, Path(folder) / "prepare")
        served = folder_for(chosen, files, Path(folder))
        bench = Bench(Path(folder), placed, served, Provision(), None, None, None, tuple(hidden_of(chosen)))
        results = look(bench, rows=None if every else SAMPLE_ROWS)
    if as_json:
        print_json([result.model_dump(mode="json") for result in results])
    else:
        for result in results:
            for line in lines(result):
                print(line)
    if not all(result.alike for result in results):
        raise typer.Exit(1)


def lines(result: Sameness) -> list[str]:
    """The sentence, and below it every difference, what could be ignored, and what is to be known."""
    found = [sentence(result)]
    for mismatch in result.mismatches[:MOST_TOLD]:
        found.append(f"  {'note' if mismatch.note else 'differs'}: {told(mismatch)}")
    if len(result.mismatches) > MOST_TOLD:
        found.append(f"  and {len(result.mismatches) - MOST_TOLD} more places")
    for request, places in result.proposals.items():
        if places:
            named = ", ".join(f'"{place}"' for place in places)
            found.append(f"  {request} differs from itself; where that is right, give it: ignore = [{named}]")
    return [*found, *(f"  {note}" for note in result.notes)]
