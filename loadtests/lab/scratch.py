"""The served folder of a run: the one given, or a copy of what is needed where a scenario writes."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.scenarios import scenario_of


def check_files(plan: Plan, files: Path) -> None:
    """Hold the folder to what the plan's scenarios read from it; raises PlanError.

    Only where a server's answers are held against the folder: what else a server serves is its own matter.
    """
    servers = plan.servers.values()
    if not any(s.contract if s.contract is not None or s.url else True for s in servers):
        return
    for label in plan.scenarios:
        scenario, parameters = scenario_of(plan, label)
        for path in scenario.stored(parameters):
            if not ((files / path).is_file() and os.access(files / path, os.R_OK)):
                raise PlanError(
                    f"the scenario {label} reads {path}, which is no readable file in {files}: put one "
                    "there, give the scenario another path, or leave out --files, and a corpus is made."
                )


@contextmanager
def served_folder(plan: Plan, files: Path, directory: Path) -> Iterator[tuple[Path, str | None]]:
    """The folder to serve, and the token for writes; None, and the folder given, where nothing writes.

    A server under test never writes into the user's files: it is given copies of those that the plan's
    scenarios read, below `directory`, for as long as the run lasts.
    """
    chosen = [scenario_of(plan, label) for label in plan.scenarios]
    if not any(scenario.writes for scenario, _ in chosen):
        yield files, None
        return
    folder = Path(tempfile.mkdtemp(dir=directory.resolve(), prefix=".catalogue-"))
    try:
        for path in {path for scenario, values in chosen for path in scenario.stored(values)}:
            if (files / path).is_file():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(files / path, folder / path)
        yield folder, secrets.token_urlsafe(16)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
