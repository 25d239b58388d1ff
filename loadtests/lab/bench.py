"""What the cells of a run have in common."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.lab.plan import Plan


@dataclass(frozen=True)
class Bench:
    """`files` is what is downloaded; `token` and `upstream` are for the scenarios that need them."""

    run: Path
    plan: Plan
    files: Path
    server_cpus: list[int] | None
    generator_cpus: list[int] | None
    calibration: dict[str, Any] | None
    token: str | None = None
    upstream: str | None = None
