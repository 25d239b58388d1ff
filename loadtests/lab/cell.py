"""One cell: verified, warmed up, measured, drained, and whatever happened written down."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.lab import archive, contract, generator, journal, probes, processes
from loadtests.lab.order import PlannedCell
from loadtests.lab.plan import Plan
from loadtests.lab.probes import Probe
from loadtests.lab.records import CellRecord, CellState, Check, GeneratorDocument, Level
from loadtests.lab.target import Target

START_ALLOWANCE_S = 15.0
LOG_BYTES = 256 * 1024
Tick = Callable[[Mapping[str, Any]], None]


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
class _Watch:
    """Readings of one cell under way."""

    server: list[Probe] = field(default_factory=list)
    generator: list[Probe] = field(default_factory=list)
    server_pss: tuple[int | None, int | None] = (None, None)
    cpu_s: float = 0.0


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
        watch = _Watch()
        overflows = probes.accept_queue_overflows()
        reasons = contract.violations(
            target.run.url, kind, scenario.parameters, target.files, full=target.full_contract
        )
        document, count = None, None
        if not reasons:
            before = target.count()
            reasons = _run_generator(bench, target, command, directory, watch, tick)
            after = target.count()
            count = None if before is None or after is None else after - before
            document = archive.read_generator(directory)
        if document is None and not reasons:
            reasons = [f"the load generator ended without a result: {_tail(directory / 'generator.log')}"]
        checks = _checks(bench, document, directory, count)
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
            server_probe=_side(watch.server, document, watch.server_pss),
            generator_probe=_side(watch.generator, document, (None, None)),
            server_count=count,
            accept_queue_overflows=_growth(overflows, probes.accept_queue_overflows()),
            probe_cpu_s=watch.cpu_s if watch.server or watch.generator else None,
            started_unix_s=started,
            ended_unix_s=time.time(),
        )
        archive.finish_cell(bench.run, directory, record)
        return record


def unmeasured(bench: Bench, cell: PlannedCell, level: Level, reason: str, run: Any = None) -> CellRecord:
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


def _run_generator(
    bench: Bench, target: Target, command: list[str], directory: Path, watch: _Watch, tick: Tick
) -> list[str]:
    times = bench.plan.time
    planned_s = times.warmup_s + times.measure_s + times.drain_s
    deadline = time.monotonic() + planned_s + START_ALLOWANCE_S
    probing = bench.plan.probes
    if probing and target.process is not None:
        watch.server_pss = (probes.pss_bytes(target.process.pid), None)
    try:
        child = processes.start(
            command,
            environment=generator.environment(bench.calibration),
            cpus=bench.generator_cpus,
            log=directory / "generator.log",
        )
    except processes.StartError as error:
        return [str(error)]
    journal.note_process(bench.run, child.pid)
    watched = [child] if target.process is None else [child, target.process]
    interval_s = 1.0 if planned_s >= 5 else 0.5
    next_tick = time.monotonic() + interval_s
    try:
        while not processes.wait(watched, min(next_tick, deadline) - time.monotonic()):
            if time.monotonic() >= deadline:
                return [f"the cell did not end within {planned_s + START_ALLOWANCE_S:g} s"]
            if time.monotonic() >= next_tick:
                next_tick += interval_s
                if probing:
                    _probe(watch, target, child, directory)
                tick(_last_line(directory / "live.jsonl"))
        if probing:
            _probe(watch, target, child, directory)
        if target.process is not None and target.process.ended():
            return [
                f"the server died while it was measured, exit status {target.process.exit_status}: "
                f"{target.process.tail()}"
            ]
        if child.ended() and child.exit_status != 0:
            tail = _tail(directory / "generator.log")
            return [f"the load generator ended with exit status {child.exit_status}: {tail}"]
        if probing and target.process is not None:
            watch.server_pss = (watch.server_pss[0], probes.pss_bytes(target.process.pid))
        return []
    finally:
        processes.kill(child)


def _probe(watch: _Watch, target: Target, child: processes.Guarded, directory: Path) -> None:
    before = time.process_time()
    port = int(target.run.url.rpartition(":")[2]) if target.process else None
    readings = [probes.probe(child.pid, "generator", port)]
    if target.process is not None:
        readings.append(probes.probe(target.process.pid, "server", port))
    with (directory / "probes.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(reading.document()) + "\n" for reading in readings)
    for reading in readings:
        if reading.cpu_user_s is not None:
            (watch.server if reading.side == "server" else watch.generator).append(reading)
    watch.cpu_s += time.process_time() - before


def _checks(
    bench: Bench, document: GeneratorDocument | None, directory: Path, count: int | None
) -> list[Check]:
    if document is None:
        return []
    from loadtests.instrument.checks import self_checks

    samples = archive.directory_samples(directory)
    return self_checks(document, samples, server_count=count, ceiling=bench.calibration)


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


def _side(
    readings: list[Probe], document: GeneratorDocument | None, pss: tuple[int | None, int | None]
) -> Any:
    if document is None or not readings:
        return None
    start = document.zero_unix_s + document.warmup_us / 1e6
    return probes.over_phase(readings, start, document.zero_unix_s + document.measure_us / 1e6, pss)


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


def _last_line(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 1024))
            lines = file.read().split(b"\n")
        document = json.loads(lines[-2]) if len(lines) > 1 else {}
        return document if isinstance(document, dict) else {}
    except (OSError, ValueError):
        return {}


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
