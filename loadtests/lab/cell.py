"""One cell: verified, warmed up, measured, drained, and whatever happened written down."""

import os
import time
from pathlib import Path
from typing import Any

from loadtests import archive
from loadtests.lab import generator, probes
from loadtests.lab.assessment import (
    checks_of,
    costs_of,
    judge,
    memory_check,
    settled,
    side_of,
    upstream_check,
)
from loadtests.lab.bench import Bench
from loadtests.lab.driving import Taken, drive, tail
from loadtests.lab.order import PlannedCell, cell_id
from loadtests.lab.probes.watch import Tick
from loadtests.lab.servers.running import Target
from loadtests.model.records import CellRecord, Level, ServerRun
from loadtests.subjects.subject import READY_S
from loadtests.subjects.twins import companion as upstream
from loadtests.subjects.twins import verification as contract
from loadtests.subjects.twins.scenarios.descriptions import SCENARIOS

START_ALLOWANCE_S = 15.0
LOG_BYTES = 256 * 1024


def measure(bench: Bench, cell: PlannedCell, level: Level, target: Target, tick: Tick) -> CellRecord:
    """Measure one cell of a running server and archive it; what goes wrong makes it invalid, with the why."""
    started = time.time()
    with archive.new_cell(bench.run, cell.id) as directory:
        scenario = bench.plan.scenarios[cell.scenario]
        kind = scenario.kind or cell.scenario
        parameters = dict(scenario.parameters)
        if SCENARIOS[kind].upstream:
            parameters["upstream"] = bench.upstream or ""
        command = generator.command(
            target.run.url,
            kind,
            parameters,
            cell=cell,
            level=level,
            time=bench.plan.time,
            directory=directory,
            files=target.files,
        )
        taken = Taken([])
        allowance_s = START_ALLOWANCE_S + (READY_S if SCENARIOS[kind].background else 0)
        overflows = probes.accept_queue_overflows()
        reasons = contract.violations(
            target.run.url, kind, parameters, target.files, full=target.full_contract
        )
        document, count, hits = None, None, None
        if not reasons:
            before, hits_before = target.count(), hits_of(bench, kind)
            taken = drive(bench, target, command, directory, tick, allowance_s)
            reasons = taken.reasons
            hits = _growth(hits_before, hits_of(bench, kind))
            document = archive.read_generator(directory)
            after = settled(target, document)
            count = None if before is None or after is None else after - before
        if document is None and not reasons:
            reasons = [f"the load generator ended without a result: {tail(directory / 'generator.log')}"]
        side, fresh, target.fresh = side_of(taken, "server", document), target.fresh, False
        checks = checks_of(bench, target, document, directory, count, side)
        if document is not None:
            checks += memory_check(taken, document)
        if document is not None and SCENARIOS[kind].upstream:
            checks.append(upstream_check(document, directory, hits))
        state, reason, warnings = judge(bench, checks, document, reasons)
        _copy_log(target, directory)
        spent: dict[str, Any] = {}
        if state != "invalid" and document is not None:
            spent = costs_of(side, document, directory, fresh)
        record = CellRecord(
            id=cell.id,
            run=bench.run.name,
            server=cell.server,
            scenario=cell.scenario,
            scenario_kind=kind,
            parameters=parameters,
            level=level,
            block=cell.block,
            order=cell.order,
            search=None if cell.level is not None else cell_id(cell.stem, None),
            seed=cell.seed,
            state=state,
            reason=reason,
            warnings=warnings,
            server_run=target.run,
            generator=document,
            generator_command=command,
            checks=checks,
            server_probe=side,
            generator_probe=side_of(taken, "generator", document),
            server_count=count,
            **spent,
            accept_queue_overflows=_growth(overflows, probes.accept_queue_overflows()),
            probe_cpu_s=taken.watch.cpu_s if taken.watch and bench.plan.probes else None,
            started_unix_s=started,
            ended_unix_s=time.time(),
        )
        archive.finish_cell(bench.run, directory, record)
        return record


def unmeasured(
    bench: Bench, cell: PlannedCell, level: Level, reason: str, run: ServerRun | None
) -> CellRecord:
    """Archive a cell whose server never got so far; it holds the reason and no figure."""
    scenario = bench.plan.scenarios[cell.scenario]
    now = time.time()
    record = CellRecord(
        id=cell.id,
        run=bench.run.name,
        server=cell.server,
        scenario=cell.scenario,
        scenario_kind=scenario.kind or cell.scenario,
        parameters=dict(scenario.parameters),
        level=level,
        block=cell.block,
        order=cell.order,
        seed=cell.seed,
        state="invalid",
        reason=reason,
        server_run=run,
        generator=None,
        started_unix_s=now,
        ended_unix_s=now,
    )
    archive.write_cell(bench.run, record)
    return record


def hits_of(bench: Bench, kind: str) -> int | None:
    """Requests the run's upstream received so far; None where the scenario has none."""
    needed = SCENARIOS[kind].upstream and bench.upstream is not None
    return upstream.hits(bench.upstream or "") if needed else None


def _copy_log(target: Target, directory: Path) -> None:
    if target.process is not None and target.process.log.is_file():
        with target.process.log.open("rb") as source:
            source.seek(max(0, os.fstat(source.fileno()).st_size - LOG_BYTES))
            (directory / "server.log").write_bytes(source.read())


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
