"""One cell: verified, warmed up, measured, drained, and whatever happened written down."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from loadtests import archive, probes
from loadtests.lab import companions, generator
from loadtests.lab.assessment import (
    checks_of,
    companion_check,
    grown,
    judge,
    settled,
    side_of,
)
from loadtests.lab.bench import Bench
from loadtests.lab.driving import Taken, drive, tail
from loadtests.lab.gil import gil_module, gil_reasons
from loadtests.lab.order import PlannedCell, cell_id
from loadtests.lab.scenarios import scenario_of
from loadtests.lab.secrecy import clean_log, copy_log, shown_cell
from loadtests.lab.servers.asking import violations
from loadtests.lab.servers.running import RunningServer
from loadtests.lab.workloads import requests_file, secrets, workload_of
from loadtests.model import counters
from loadtests.model.backgrounds import READY_S
from loadtests.model.records import CellRecord, Level, ProcessCount, ServerRun
from loadtests.probes.watch import Tick
from loadtests.subjects.subject import Scenario

START_ALLOWANCE_S = 15.0
LOGIN_S = 1.0  # for each user, at the most
LOG_BYTES = 256 * 1024


def measure(bench: Bench, cell: PlannedCell, level: Level, server: RunningServer, tick: Tick) -> CellRecord:
    """Measure one cell of a running server and archive it; what goes wrong makes it invalid, with the why."""
    started = time.time()
    with archive.new_cell(bench.run, cell.id) as directory:
        scenario, parameters = scenario_of(bench.plan, cell.scenario)
        if scenario.companion is not None:
            parameters[scenario.companion.name] = _address(bench, scenario)
        workload = workload_of(bench.plan.scenarios[cell.scenario])
        command = generator.command(
            server.run.url,
            scenario,
            parameters,
            cell=cell,
            level=level,
            time=bench.plan.time,
            directory=directory,
            files=server.files,
            planned=bench.plan.servers[cell.server],
            requests=requests_file(workload, directory),
        )
        taken = Taken([])
        allowance_s = START_ALLOWANCE_S + (READY_S if scenario.background else 0)
        if workload is not None and workload.login:
            allowance_s += LOGIN_S * (level.value if level.kind == "users" else workload.sessions)
        overflows = probes.accept_queue_overflows()
        reasons = violations(
            server.run.url, scenario, parameters, server.files, full=server.full, trust=server.trust
        )
        document, counted, hits = None, None, None
        if not reasons:
            before, hits_before, module = server.counted(), _hits(bench, scenario), gil_module(server)
            given = secrets([workload]) if workload is not None else {}
            taken = drive(bench, server, command, directory, tick, allowance_s, given)
            reasons = taken.reasons + gil_reasons(server, module)
            hits = _growth(hits_before, _hits(bench, scenario))
            document = archive.read_generator(directory)
            counted = grown(server, before, settled(server, document))
        if document is None and not reasons:
            reasons = [f"the load generator ended without a result: {tail(directory / 'generator.log')}"]
        server.run = server.run.model_copy(update={"gil_turned_on_by": gil_module(server)})
        side, fresh, server.fresh = side_of(taken, "server", document), server.fresh, False
        checks = checks_of(bench, server, document, directory, counted, side, _error_share(bench, cell))
        if document is not None and scenario.companion is not None:
            checks.append(companion_check(scenario, document, directory, hits))
        state, reason, warnings = judge(bench, checks, document, reasons)
        if server.process is not None:
            _keep_log(server.process.log, bench.hidden, directory, whole=server.process.ended())
        clean_log(directory / "generator.log", bench.hidden)
        record = CellRecord(
            id=cell.id,
            run=bench.run.name,
            server=cell.server,
            scenario=cell.scenario,
            scenario_kind=scenario.name,
            parameters=parameters,
            planted_wait_ms=_planted_wait_ms(scenario, parameters),
            waits_for=scenario.waits_for,
            level=level,
            block=cell.block,
            order=cell.order,
            search=None if cell.level is not None else cell_id(cell.stem, None),
            seed=cell.seed,
            state=state,
            reason=reason,
            warnings=warnings,
            server_run=server.run,
            generator=document,
            generator_command=command,
            checks=checks,
            server_probe=side,
            generator_probe=side_of(taken, "generator", document),
            server_count=None if counted is None else counters.requests(counted),
            process_counts=[ProcessCount(**vars(slot)) for slot in counted or []],
            server_fresh=fresh,
            accept_queue_overflows=_growth(overflows, probes.accept_queue_overflows()),
            probe_cpu_s=taken.watch.cpu_s if taken.watch and bench.plan.probes else None,
            started_unix_s=started,
            ended_unix_s=time.time(),
        )
        record = shown_cell(record, bench.hidden)
        archive.finish_cell(bench.run, directory, record)
        return record


def unmeasured(
    bench: Bench, cell: PlannedCell, level: Level, reason: str, run: ServerRun | None, log: Path
) -> CellRecord:
    """Archive a cell whose server never got so far; it holds the reason, the whole log and no figure."""
    scenario, parameters = scenario_of(bench.plan, cell.scenario)
    now = time.time()
    record = CellRecord(
        id=cell.id,
        run=bench.run.name,
        server=cell.server,
        scenario=cell.scenario,
        scenario_kind=scenario.name,
        parameters=parameters,
        planted_wait_ms=_planted_wait_ms(scenario, parameters),
        waits_for=scenario.waits_for,
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
    record = shown_cell(record, bench.hidden)
    archive.write_cell(bench.run, record, partial(_keep_log, log, bench.hidden, whole=True))
    return record


def _error_share(bench: Bench, cell: PlannedCell) -> float:
    """The share of requests that may fail; a search has a limit of its own."""
    limit = bench.plan.error_share
    return max(limit, cell.load.search.error_share) if cell.level is None else limit


def _address(bench: Bench, scenario: Scenario) -> str:
    return bench.provision.companions.get(scenario.companion.name, "") if scenario.companion else ""


def _hits(bench: Bench, scenario: Scenario) -> int | None:
    """Requests the run's companion received so far; None where the scenario has none."""
    url = _address(bench, scenario)
    return companions.hits(scenario.companion, url) if scenario.companion and url else None


def _planted_wait_ms(scenario: Scenario, parameters: dict[str, Any]) -> float | None:
    return None if scenario.wait is None else float(parameters[scenario.wait])


def _keep_log(log: Path, hidden: Sequence[str], directory: Path, *, whole: bool) -> None:
    """A server's log beside its cell; `whole` where the server died, else its end."""
    if log.is_file():
        copy_log(log, directory / "server.log", hidden, None if whole else LOG_BYTES)


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
