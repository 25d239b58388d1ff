"""Begins a run and opens it again: its directory, its manifest, its identity."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loadtests import archive
from loadtests.lab import doctor, environment
from loadtests.lab.descriptors import check_descriptors
from loadtests.lab.floor import read_floor
from loadtests.lab.order import planned_cells
from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.planfile import resolved
from loadtests.lab.revisions import commits, prepare
from loadtests.lab.runtimes import runtimes
from loadtests.lab.scenarios import asked
from loadtests.lab.secrecy import restored_plan, shown_command, shown_plan
from loadtests.lab.servers.specs import missing_program
from loadtests.lab.sources import own_code
from loadtests.model.inherited import inherited
from loadtests.model.records import Manifest, Runtime
from loadtests.subjects.registry import SUBJECT


@dataclass(frozen=True)
class Run:
    """A run on disk that is about to go on."""

    directory: Path
    manifest: Manifest
    plan: Plan
    forced: bool = False  # resumed whatever has changed


def without_missing(plan: Plan) -> tuple[Plan, list[str]]:
    """The plan without optional servers that are not installed here, and a sentence for each."""
    missing = {
        label: program
        for label, server in plan.servers.items()
        if server.optional and (program := missing_program(label, server)) is not None
    }
    if len(missing) == len(plan.servers):
        raise PlanError(f"none of the plan's servers is installed: {', '.join(missing.values())}.")
    said = [f"{label} is left out: {program} is not installed." for label, program in missing.items()]
    kept = {label: server for label, server in plan.servers.items() if label not in missing}
    compare = [
        comparison for comparison in plan.compare if comparison.server in kept and comparison.baseline in kept
    ]
    scenarios = {
        label: scenario.model_copy(update={"servers": [name for name in scenario.servers if name in kept]})
        for label, scenario in plan.scenarios.items()
        if not scenario.servers or any(name in kept for name in scenario.servers)
    }
    return plan.model_copy(update={"servers": kept, "compare": compare, "scenarios": scenarios}), said


def check(plan: Plan) -> None:
    """Hold a plan to what is here: its interpreters, its revisions, open files; raises PlanError."""
    check_descriptors(plan)
    commits(plan)
    runtimes(_standing(plan))


def create(
    plan: Plan, name: str, results: Path, command: list[str], calibration: dict[str, Any] | None
) -> Run:
    """Make the directory and the manifest of a new run; raises PlanError."""
    check_descriptors(plan)
    revisions, here = commits(plan), _standing(plan)
    own, runs_on = own_code(here, Path.cwd()), runtimes(here)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    results.mkdir(parents=True, exist_ok=True)
    directory = results / f"{stamp}-{name}"
    number = 2
    while directory.exists():
        directory, number = results / f"{stamp}-{name}-{number}", number + 1
    directory.mkdir()
    machine = environment.machine()
    resolved = shown_plan(plan.model_dump(mode="json"))
    identity = environment.machine_id(machine)
    manifest = Manifest(
        run=directory.name,
        plan=resolved,
        plan_name=name,
        quick=plan.quick,
        seed=plan.seed,
        cells=[cell.id for cell in planned_cells(plan) if cell.level is not None],
        primaries=list(plan.compare),
        created_unix_s=time.time(),
        command=shown_command(command),
        versions=environment.versions(),
        machine=machine,
        machine_id=identity,
        plan_id=environment.digest(resolved),
        code_id=environment.code_id(SUBJECT.code),
        environment=inherited(),
        own_code=own,
        runtimes=runs_on,
        revisions=revisions,
        calibration=calibration,
        asked=asked(plan),
        findings=doctor.at_once(machine),
        noise=environment.noise(),
        aa_floor=read_floor(identity),
    )
    archive.write_record(directory / archive.MANIFEST, manifest)
    return Run(directory, manifest, plan)


def reopen(directory: Path, *, force: bool) -> Run:
    """A run to be resumed; PlanError where plan, code or machine changed, unless `force`."""
    manifest = archive.read_manifest(directory)
    plan = resolved(restored_plan(manifest.plan, directory.name), directory.name)
    check_descriptors(plan)
    here = _standing(plan)
    changed = [
        what
        for what, before, now in (
            ("the plan", manifest.plan_id, environment.digest(manifest.plan)),
            ("the code", manifest.code_id, environment.code_id(SUBJECT.code)),
            ("the machine", manifest.machine_id, environment.machine_id(environment.machine())),
            *_origins(manifest, own_code(here, Path.cwd()), runtimes(here)),
        )
        if before != now
    ]
    _refuse(changed, directory, force)
    return Run(directory, manifest, plan, forced=force)


def complete(run: Run, plan: Plan) -> Run:
    """The run with its revisions, which `plan` has in worktrees, made ready, hashed and read back.

    Code is hashed as it was checked out. Raises PlanError, also where it is not what the run began with.
    """
    ours = plan.model_copy(
        update={"servers": {label: s for label, s in plan.servers.items() if label in run.manifest.revisions}}
    )
    code = own_code(ours, Path.cwd())
    prepare(ours, run.directory / "prepare")
    runs_on = runtimes(ours)
    changed = [what for what, before, now in _origins(run.manifest, code, runs_on) if before != now]
    _refuse(changed, run.directory, run.forced)
    manifest = run.manifest.model_copy(
        update={
            "own_code": {**run.manifest.own_code, **code},
            "runtimes": {**run.manifest.runtimes, **runs_on},
        }
    )
    archive.write_record(run.directory / archive.MANIFEST, manifest)
    return replace(run, plan=plan, manifest=manifest)


def _standing(plan: Plan) -> Plan:
    """The plan with the servers alone that are where they are, not those of a revision to be checked out."""
    servers = {label: server for label, server in plan.servers.items() if server.revision is None}
    return plan.model_copy(update={"servers": servers})


def _origins(
    manifest: Manifest, code: Mapping[str, str], runs_on: Mapping[str, Runtime]
) -> list[tuple[str, object, object]]:
    """What servers of one's own were made of, and are; alike where the manifest has nothing of them."""
    return [
        *((f"the code of {label}", manifest.own_code.get(label, now), now) for label, now in code.items()),
        *(
            (f"the Python of {label}", manifest.runtimes.get(label, now), now)
            for label, now in runs_on.items()
        ),
    ]


def _refuse(changed: Sequence[str], directory: Path, force: bool) -> None:
    if changed and not force:
        raise PlanError(
            f"{directory.name} is not resumed: {' and '.join(changed)} changed since it was begun. "
            "Begin a new run, or give --force."
        )


def pinning(plan: Plan) -> tuple[list[int] | None, list[int] | None]:
    """Processors of the server and of the generator; (None, None) where they share."""
    asked = plan.pinning
    if asked.server_cpus or asked.generator_cpus:
        unknown = {*asked.server_cpus, *asked.generator_cpus} - set(environment.cpus())
        if unknown or not hasattr(os, "sched_setaffinity"):
            raise PlanError(
                f"pinning: processors {sorted(unknown)} are not among {environment.cpus()} of this machine."
            )
        return asked.server_cpus or None, asked.generator_cpus or None
    if asked.mode == "none" or not environment.pinning_possible():
        return None, None
    cpus = environment.cpus()
    if asked.mode == "shared":
        return cpus, cpus
    half = len(cpus) // 2
    return cpus[:half], cpus[half:]
