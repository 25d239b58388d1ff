"""`twins doctor` and `twins calibrate`: is this machine fit to measure on?"""

import subprocess

import typer
from rich.console import Console
from rich.text import Text

from loadtests.commands.options import DEFAULT_RESULTS, Json, Results, print_json
from loadtests.commands.places import check_places
from loadtests.lab.doctor import examine
from loadtests.lab.journal import measuring
from loadtests.model.children import own_command

STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "not available": "dim"}


def doctor(as_json: Json = False, results: Results = DEFAULT_RESULTS) -> None:
    """Examine the machine in about five seconds; each finding says what to do."""
    findings = examine(results)
    if as_json:
        print_json([finding.model_dump(mode="json") for finding in findings])
    else:
        console = Console(highlight=False, soft_wrap=True)
        for finding in findings:
            line = Text(f"{finding.status:<14}", style=STYLES[finding.status])
            line.append(f"{finding.name}: {finding.text}", style="default")
            console.print(line)
            if finding.advice:
                console.print(f"{'':<14}-> {finding.advice}", markup=False)
    if any(finding.status == "failed" for finding in findings):
        raise typer.Exit(3)


def calibrate(as_json: Json = False) -> None:
    """Find the load generator's ceiling, latency floor and best event loop on this machine."""
    command = own_command("loadtests.lab.calibration", *(["--json"] if as_json else []))
    check_places()
    with measuring("twins calibrate"):
        code = subprocess.run(command, check=False).returncode  # noqa: S603  our own module
    if code:
        raise typer.Exit(code if code in (2, 3) else 3)
