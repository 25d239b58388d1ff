"""The cells of a run in their order, archived one by one, resumable at any moment."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from loadtests import archive
from loadtests.lab import journal
from loadtests.lab.bench import Bench
from loadtests.lab.cell import measure, unmeasured
from loadtests.lab.companions import companions_of
from loadtests.lab.descriptors import raise_open_files
from loadtests.lab.order import PlannedCell, cell_id, planned_cells
from loadtests.lab.plan import Plan
from loadtests.lab.progress import Progress
from loadtests.lab.revisions import checked_out
from loadtests.lab.runs import Run, complete, pinning
from loadtests.lab.sameness import compared, look
from loadtests.lab.scenarios import scenarios_of
from loadtests.lab.scratch import served_folder
from loadtests.lab.search import Trial, find_capacity
from loadtests.lab.secrecy import hidden_of, shown_run
from loadtests.lab.servers import running
from loadtests.lab.servers.readback import Unmeasurable
from loadtests.lab.servers.running import LOG, RunningServer
from loadtests.lab.serving import serve
from loadtests.model.records import CellRecord, Level, SearchRecord, ServerRun
from loadtests.subjects.subject import Provision

GENERATOR_START_S, SERVER_START_S, SEARCH_CELLS = 1.0, 0.9, 14


def estimate_s(plan: Plan, cells: Sequence[PlannedCell]) -> float:
    """Seconds the cells take: phases, the generator's start, and the servers' starts.

    Counts the least warm-up, after which most cells are steady; `unsteady_s` is what all of them could add.
    """
    each = plan.time.warmup_s + plan.time.measure_s + GENERATOR_START_S
    count = sum(SEARCH_CELLS if cell.level is None else 1 for cell in cells)
    starts = len({_start_of(plan, cell) for cell in cells})
    return each * count + SERVER_START_S * starts


def unsteady_s(plan: Plan, cells: Sequence[PlannedCell]) -> float:
    """Seconds to be added where no cell becomes steady before its warm-up has to end."""
    count = sum(SEARCH_CELLS if cell.level is None else 1 for cell in cells)
    return count * (plan.time.longest_warmup_s - plan.time.warmup_s)


def carry_out(run: Run, files: Path, progress: Progress) -> list[CellRecord]:
    """Measure every cell of the run that is not in its archive yet; all its cells.

    Raises KeyboardInterrupt when interrupted; the run can then be resumed. Raises PlanError where a revision
    cannot be checked out or made ready.
    """
    with terminable(), checked_out(run.plan, run.manifest.revisions) as plan:
        return _carry_out(complete(run, plan) if run.manifest.revisions else run, files, progress)


def _carry_out(run: Run, files: Path, progress: Progress) -> list[CellRecord]:
    journal.end_leftovers(run.directory)
    archive.sweep(run.directory)
    done = {record.id for record in archive.read_cells(run.directory)}
    done |= {record.id for record in archive.read_searches(run.directory)}
    left = [cell for cell in planned_cells(run.plan) if cell.id not in done]
    server_cpus, generator_cpus = pinning(run.plan)
    scenarios = scenarios_of(run.plan)
    raise_open_files()
    progress.begin(len(done), len(left), estimate_s(run.plan, left))
    with (
        _pinned(generator_cpus),
        served_folder(run.plan, files, run.directory) as (served, token),
        companions_of(scenarios, run.directory.resolve(), generator_cpus) as companions,
    ):
        provision = Provision(
            token=token,
            records=any(scenario.records for scenario in scenarios),
            cold=any(scenario.cold for scenario in scenarios),
            companions=companions,
        )
        calibration = run.manifest.calibration
        bench = Bench(
            run=run.directory.resolve(),
            plan=run.plan,
            files=served,
            provision=provision,
            server_cpus=server_cpus,
            generator_cpus=generator_cpus,
            calibration=calibration,
            hidden=tuple(hidden_of(run.plan)),
        )
        if left and archive.read_sameness(run.directory) is None and compared(run.plan):
            archive.write_sameness(run.directory, look(bench, say=progress.note))
        for _, group in groupby(left, key=partial(_start_of, run.plan)):
            _serve_and_measure(bench, list(group), progress)
    journal.end_leftovers(run.directory)
    records = archive.read_cells(run.directory)
    planned = set(run.manifest.cells)
    cells = [*run.manifest.cells, *(record.id for record in records if record.id not in planned)]
    update = {"finished_unix_s": time.time(), "cells": cells}
    archive.write_record(run.directory / archive.MANIFEST, run.manifest.model_copy(update=update))
    return records


def without_valid_repeat(plan: Plan, records: Sequence[CellRecord]) -> list[tuple[str, str]]:
    """The requested (server, scenario) pairs that no valid cell speaks for."""
    valid = {(record.server, record.scenario) for record in records if record.state != "invalid"}
    wanted = dict.fromkeys((cell.server, cell.scenario) for cell in planned_cells(plan))
    return [pair for pair in wanted if pair not in valid]


def _start_of(plan: Plan, cell: PlannedCell) -> tuple[int, str, str]:
    """Which start of a server a cell is measured on."""
    return cell.block, cell.server, cell.id if plan.starts == "cell" else ""


def _serve_and_measure(bench: Bench, cells: list[PlannedCell], progress: Progress) -> None:
    """Cells of one server: a fresh start for them all, another only after a death."""
    server: RunningServer | None = None
    since: list[CellRecord] = []
    directory = Path(tempfile.mkdtemp(dir=bench.run.resolve(), prefix=".server-"))
    patience_s = bench.plan.time.stop_s
    try:
        for number, cell in enumerate(cells):
            if server is None or (server.process is not None and server.process.ended()):
                if server is not None:
                    _stop(bench, server, since, patience_s)
                    server, since = None, []
                try:
                    server = serve(bench, cell.server, directory)
                except Unmeasurable as error:
                    for left in cells[number:]:
                        progress.cell(left)
                        progress.done(_give_up(bench, left, str(error), error.run, directory / LOG))
                    return
            progress.cell(cell)
            if cell.level is None:
                since += _search(bench, cell, server, progress)
            else:
                since.append(measure(bench, cell, cell.level, server, progress.tick))
                progress.done(since[-1])
    except BaseException:
        patience_s = 0.5
        raise
    finally:
        if server is not None:
            _stop(bench, server, since, patience_s)
        shutil.rmtree(directory, ignore_errors=True)


def _stop(bench: Bench, server: RunningServer, records: Sequence[CellRecord], patience_s: float) -> None:
    ended = shown_run(running.stop(server, patience_s), bench.hidden)
    for record in records:
        archive.amend_cell(bench.run, record.model_copy(update={"server_run": ended}))


def _give_up(bench: Bench, cell: PlannedCell, reason: str, run: ServerRun | None, log: Path) -> CellRecord:
    if cell.level is not None:
        return unmeasured(bench, cell, cell.level, reason, run, log)
    level = Level(kind=cell.load.search.kind, value=cell.load.search.start)
    record = unmeasured(bench, replace(cell, id=_trial_id(cell, level, 1)), level, reason, run, log)
    _write_search(
        bench,
        cell,
        SearchRecord(
            **_search_labels(bench, cell), low=None, high=None, confirmations=0, reason=reason, steps=[]
        ),
    )
    return record


def _search(bench: Bench, cell: PlannedCell, server: RunningServer, progress: Progress) -> list[CellRecord]:
    """Search the capacity; trials of an interrupted search are taken from the archive."""
    known = {record.id: record for record in archive.read_cells(bench.run)}
    fresh: list[CellRecord] = []

    def trial(level: Level, number: int) -> Trial:
        name = _trial_id(cell, level, number)
        record = known.get(name)
        if record is None:
            record = measure(bench, replace(cell, id=name), level, server, progress.tick)
            fresh.append(record)
            progress.done(record, of_search=True)
        return Trial(name, record.state, archive.cell_samples(bench.run, name), record.reason)

    bracket = find_capacity(cell.load.search, trial)
    record = SearchRecord(
        **_search_labels(bench, cell),
        low=bracket.low,
        high=bracket.high,
        confirmations=bracket.confirmations,
        reason=bracket.reason,
        steps=bracket.steps,
    )
    _write_search(bench, cell, record)
    progress.found(record)
    return fresh


def _trial_id(cell: PlannedCell, level: Level, number: int) -> str:
    return f"{cell_id(cell.stem, level)}-s{number:02d}"


def _search_labels(bench: Bench, cell: PlannedCell) -> dict[str, Any]:
    return {
        "id": cell.id,
        "run": bench.run.name,
        "server": cell.server,
        "scenario": cell.scenario,
        "block": cell.block,
        "target": cell.load.search.model_dump(mode="json"),
    }


def _write_search(bench: Bench, cell: PlannedCell, record: SearchRecord) -> None:
    (bench.run / "searches").mkdir(exist_ok=True)
    archive.write_record(bench.run / "searches" / f"{cell.id}.json", record)


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP end what is under way as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _pinned(cpus: list[int] | None) -> Iterator[None]:
    """The suite's own little work stays off the server's processors."""
    if cpus is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
