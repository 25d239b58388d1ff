"""Options that several commands share, and what they stand for."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtests import archive
from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.planfile import nearest
from loadtests.subjects.registry import SUBJECT

Files = Annotated[
    Path | None,
    typer.Option(envvar="TWINS_FILES", help="Folder to serve; a corpus is made where it is left out."),
]
Results = Annotated[Path, typer.Option(envvar="TWINS_RESULTS", help="Folder of the archives.")]
YesLoad = Annotated[
    list[str], typer.Option("--yes-load", help="Host, not this machine, that the plan may press.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
]
DEFAULT_RESULTS = Path("results")


def files_directory(given: Path | None) -> Path:
    """The folder served; the default corpus is made on first use. Raises PlanError."""
    if given is None:
        return SUBJECT.files()
    if not given.is_dir():
        raise PlanError(f"--files {given} is not a folder.")
    return given.resolve()


def folder_for(plan: Plan, given: Path | None, otherwise: Path) -> Path:
    """The folder served; no corpus is made where none of the plan's servers serves files of ours."""
    servers = plan.servers.values()
    serving = any(one.server or any("{files}" in word for word in one.command or ()) for one in servers)
    return files_directory(given) if given is not None or serving else otherwise


def find_run(name: str, results: Path = DEFAULT_RESULTS) -> Path:
    """A run given by its directory, by its name in the results folder, or as `last`; raises ArchiveError."""
    if name == "last":
        runs = archive.find_runs(results)
        if not runs:
            raise archive.ArchiveError(f"there is no run in {results}.")
        archive.read_manifest(runs[-1])
        return runs[-1]
    for candidate in (Path(name), results / name):
        if candidate.is_dir():
            archive.read_manifest(candidate)
            return candidate
    known = [path.name for path in archive.find_runs(results)]
    hint = nearest(name, known) if known else f"{results} holds none."
    raise archive.ArchiveError(f"there is no run '{name}'; {hint}")


def print_json(document: Any) -> None:
    print(json.dumps(document, indent=1, default=str))
