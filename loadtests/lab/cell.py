"""One cell: verified, warmed up, measured, drained, and whatever happened written down."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.lab import archive, contract, generator, journal, probes, processes
from loadtests.lab.order import PlannedCell
from loadtests.lab.plan import Plan
from loadtests.lab.probes import Side
from loadtests.lab.records import CellRecord, CellState, Check, GeneratorDocument, Level, ServerRun, SideProbe
from loadtests.lab.target import Target
from loadtests.lab.watch import Tick, Watch, interval_s

START_ALLOWANCE_S = 15.0
LOG_BYTES = 256 * 1024


@dataclass(frozen=True)
class Bench:
    """What the cells of a run have in common."""

    run: Path
    plan: Plan
    files: Path
    server_cpus: list[int] | None
    generator_cpus: list[int] | None
    calibration: dict[str, Any] | None


@dataclass
class _Taken:
    """What running the generator gave."""

    reasons: list[str]
    watch: Watch | None = None
    pss: tuple[int | None, int | None] = (None, None)


def measure(bench: Bench, cell: PlannedCell, level: Level, target: Target, tick: Tick) -> CellRecord:
    """Measure one cell of a running server and archive it; what goes wrong makes it invalid, with the why."""
    started = time.time()
    with archive.new_cell(bench.run, cell.id) as directory:
        scenario = bench.plan.scenarios[cell.scenario]
        kind = scenario.kind or cell.scenario
        command = generator.command(
            target.run.url,
            kind,
            scenario.parameters,
            cell=cell,
            level=level,
            time=bench.plan.time,
            directory=directory,
            files=target.files,
        )
        taken = _Taken([])
        overflows = probes.accept_queue_overflows()
        reasons = contract.violations(
            target.run.url, kind, scenario.parameters, target.files, full=target.full_contract
        )
        document, count = None, None
        if not reasons:
            before = target.count()
            taken = _run_generator(bench, target, command, directory, tick)
            reasons = taken.reasons
            after = target.count()
            count = None if before is None or after is None else after - before
            document = archive.read_generator(directory)
        if document is None and not reasons:
            reasons = [f"the load generator ended without a result: {_tail(directory / 'generator.log')}"]
        side = _side(taken, "server", document)
        checks = _checks(bench, target, document, directory, count, side)
        state, reason, warnings = _judge(bench, checks, document, reasons)
        _copy_log(target, directory)
        record = CellRecord(
            id=cell.id,
            run=bench.run.name,
            server=cell.server,
            scenario=cell.scenario,
            scenario_kind=kind,
            parameters=dict(scenario.parameters),
            level=level,
            block=cell.block,
            order=cell.order,
            search=None if cell.level is not None else _search_id(cell),
            seed=cell.seed,
            state=state,
            reason=reason,
            warnings=warnings,
            server_run=target.run,
            generator=document,
            generator_command=command,
            checks=checks,
            server_probe=side,
            generator_probe=_side(taken, "generator", document),
            server_count=count,
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


def _run_generator(bench: Bench, target: Target, command: list[str], directory: Path, tick: Tick) -> _Taken:
    times = bench.plan.time
    planned_s = times.warmup_s + times.measure_s + times.drain_s
    server, log = target.process, directory / "generator.log"
    pss = probes.pss_bytes(server.pid) if bench.plan.probes and server else None
    try:
        child = processes.start(
            command,
            environment=generator.environment(bench.calibration),
            cpus=bench.generator_cpus,
            log=log,
        )
    except processes.StartError as error:
        return _Taken([str(error)])
    journal.note_process(bench.run, child.pid)
    watch = Watch(
        directory=directory,
        generator_pid=child.pid,
        server_pid=server.pid if server else None,
        port=int(target.run.url.rpartition(":")[2]) if server else None,
        probing=bench.plan.probes,
        tick=tick,
        interval_s=interval_s(planned_s),
    )
    watch.start()
    try:
        watched = [child, server] if server else [child]
        ended = processes.wait(watched, planned_s + START_ALLOWANCE_S)
    finally:
        watch.stop()
        if not child.ended():
            processes.kill(child)
    if not ended:
        return _Taken([f"the cell did not end within {planned_s + START_ALLOWANCE_S:g} s"], watch)
    if server and server.ended():
        reason = f"the server died while it was measured, exit status {server.exit_status}: {server.tail()}"
        return _Taken([reason], watch)
    if child.exit_status != 0:
        reason = f"the load generator ended with exit status {child.exit_status}: {_tail(log)}"
        return _Taken([reason], watch)
    end = probes.pss_bytes(server.pid) if bench.plan.probes and server else None
    return _Taken([], watch, (pss, end))


def _checks(
    bench: Bench,
    target: Target,
    document: GeneratorDocument | None,
    directory: Path,
    count: int | None,
    side: SideProbe | None,
) -> list[Check]:
    if document is None:
        return []
    from loadtests.instrument.checks import self_checks

    share = None
    if side is not None and side.cpu_user_s is not None and side.cpu_system_s is not None:
        seconds = (document.measure_us - document.warmup_us) / 1e6
        # Without pinning one core is what most of these servers can use, and the share is an upper bound.
        cores = min(len(bench.server_cpus or [0]), target.run.processes or 1)
        share = (side.cpu_user_s + side.cpu_system_s) / seconds / cores
    return self_checks(
        document,
        archive.directory_samples(directory),
        server_count=count,
        ceiling=bench.calibration,
        slots=target.run.slots,
        server_cpu_share=share,
    )


def _judge(
    bench: Bench, checks: list[Check], document: GeneratorDocument | None, reasons: list[str]
) -> tuple[CellState, str | None, list[str]]:
    warnings = [f"{check.name}: {check.advice}" for check in checks if check.status == "warning"]
    if bench.server_cpus is None and bench.plan.pinning.mode == "auto":
        warnings.append("pinning: server and generator share processors, their figures disturb each other.")
    if reasons or document is None:
        return "invalid", "; ".join(reasons), warnings
    from loadtests.instrument.checks import cell_state

    state, reason = cell_state(checks)
    return state, reason, warnings


def _side(taken: _Taken, side: Side, document: GeneratorDocument | None) -> SideProbe | None:
    if document is None or taken.watch is None or not taken.watch.readings[side]:
        return None
    start = document.zero_unix_s + document.warmup_us / 1e6
    end = document.zero_unix_s + document.measure_us / 1e6
    pss = taken.pss if side == "server" else (None, None)
    return probes.over_phase(taken.watch.readings[side], start, end, pss)


def _search_id(cell: PlannedCell) -> str:
    return f"b{cell.block:02d}-{cell.server}-{cell.scenario}-search"


def _copy_log(target: Target, directory: Path) -> None:
    if target.process is not None and target.process.log.is_file():
        with target.process.log.open("rb") as source:
            source.seek(max(0, os.fstat(source.fileno()).st_size - LOG_BYTES))
            (directory / "server.log").write_bytes(source.read())


def _tail(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.is_file() else []
    return " ".join(lines[-3:]) or "it wrote nothing"


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
