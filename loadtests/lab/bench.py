"""What the cells of a run have in common."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.lab.plan import Plan
from loadtests.subjects.subject import Provision


@dataclass(frozen=True)
class Bench:
    """`files` is what is downloaded, `provision` what servers and scenarios are given, `hidden`
    what no file of the run may hold.
    """

    run: Path
    plan: Plan
    files: Path
    provision: Provision
    server_cpus: list[int] | None
    generator_cpus: list[int] | None
    calibration: dict[str, Any] | None
    hidden: tuple[str, ...] = ()
