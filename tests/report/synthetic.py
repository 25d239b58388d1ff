"""Archives with planted numbers, written as files: what the report must then show is known beforehand."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from loadtests.model.records import (
    BackgroundDocument,
    CellRecord,
    CellState,
    Check,
    Comparison,
    GeneratorDocument,
    Level,
    Manifest,
    ServerRun,
    SideProbe,
)
from loadtests.model.samples import CENSORED, KINDS, OK, PHASES, SAMPLE, Samples

WARMUP_S, DRAIN_S = 1.0, 0.5


@dataclass(frozen=True)
class Planted:
    """A server in a scenario: N users get min(N / service, slots / service, capacity) responses a second."""

    server: str
    scenario: str = "process-wait"
    service_s: float = 0.05
    slots: int | None = 32
    capacity_per_s: float = 2_000.0
    spread: float = 0.1  # sigma of the lognormal latencies
    cpu_ms: float = 0.4
    size_bytes: int = 1024
    failures: float = 0.0  # share
    kind: str = "status"  # of the failures
    block_sd: float = 0.01
    slot_kind: str = "thread"
    processes: int = 1
    threads: int = 32
    readers: int = 0  # slow ones in the background

    def throughput_per_s(self, users: float) -> float:
        bounds = [users / self.service_s, self.capacity_per_s]
        if self.slots:
            bounds.append(self.slots / self.service_s)
        return min(bounds)


@dataclass(frozen=True)
class Broken:
    """One cell made `state` for `reason`; `block` 0 means all blocks."""

    server: str
    scenario: str
    state: CellState
    reason: str
    block: int = 1
    users: float | None = None  # all levels where None
    generator: bool = True
    check: str = "planted fault"  # the one that failed


@dataclass(frozen=True)
class Run:
    """What `write` puts on disk."""

    name: str = "20261122-101500-quick"
    planted: Sequence[Planted] = (
        Planted("wsgi-gthread"),
        Planted("asgi-uvicorn", slots=None, threads=1, slot_kind="task"),
    )
    users: Sequence[int] = (8, 32, 128)
    blocks: int = 3
    measure_s: float = 4.0
    primaries: Sequence[Comparison] = ()
    broken: Sequence[Broken] = ()
    seed: int = 7
    quick: bool = True
    aa_floor: dict[str, float] | None = None
    plan: dict[str, Any] = field(default_factory=dict)
    finished: bool = True
    machine_id: str = "machine-a"
    asked: dict[str, str] = field(default_factory=dict)


def primary(
    server: str, baseline: str, scenario: str, users: float, metric: str = "throughput"
) -> Comparison:
    level = Level(kind="users", value=users)
    return Comparison.model_validate(
        {
            "server": server,
            "baseline": baseline,
            "scenario": scenario,
            "level": level,
            "metric": metric,
        }
    )


def write(results: Path, run: Run) -> Path:
    """Write the run below `results` and return its directory."""
    run_dir = results / run.name
    (run_dir / "cells").mkdir(parents=True)
    random = np.random.default_rng(run.seed)
    ids = []
    order = 0
    started = 1_795_342_500.0
    for block in range(1, run.blocks + 1):
        for planted in run.planted:
            for users in run.users:
                record, samples = _cell(run, planted, users, block, order, random, started)
                _write_cell(run_dir / "cells" / record.id, record, samples)
                ids.append(record.id)
                order += 1
                started += WARMUP_S + run.measure_s + 2
    manifest = Manifest(
        run=run.name,
        plan=run.plan,
        plan_name="quick",
        quick=run.quick,
        seed=run.seed,
        cells=ids,
        primaries=list(run.primaries),
        created_unix_s=1_795_342_500.0,
        finished_unix_s=started if run.finished else None,
        command=["twins", "suite", "quick"],
        versions={"python": "3.11.2", "flask": "3.1.3", "fastapi": "0.165.0", "gunicorn": "27.0.1"},
        machine={
            "cpu": "Planted CPU at 2.8 GHz",
            "cores": 2,
            "memory_bytes": 25_000_000_000,
            "kernel": "6.1",
        },
        machine_id=run.machine_id,
        plan_id="plan-a",
        code_id="0f3c2a1",
        aa_floor=run.aa_floor,
        asked=run.asked,
    )
    (run_dir / "manifest.json").write_text(manifest.model_dump_json(indent=1))
    return run_dir


def samples_of(
    throughput_per_s: float,
    response_us: np.ndarray[Any, np.dtype[np.float64]],
    *,
    measure_s: float,
    size_bytes: int = 1024,
    users: int = 1,
) -> Samples:
    """Successful requests ending at an even rate over warm-up and measuring phase."""
    ended = (np.arange(len(response_us)) + 0.5) / throughput_per_s * 1e6
    samples = np.zeros(len(response_us), dtype=SAMPLE)
    response = np.minimum(response_us, ended).astype(np.int64)
    samples["due_us"] = ended.astype(np.int64) - response
    samples["last_byte_us"] = response
    samples["sent_us"] = np.minimum(20, response)
    samples["dequeued_us"] = samples["connected_us"] = samples["sent_us"]
    samples["first_byte_us"] = (response * 0.9).astype(np.int64)
    samples["received_bytes"] = size_bytes
    samples["status"] = 200
    samples["user"] = np.arange(len(response_us)) % users
    samples["kind"] = OK
    begin, end = WARMUP_S * 1e6, (WARMUP_S + measure_s) * 1e6
    due = samples["due_us"]
    samples["phase"] = np.where(due < begin, 0, np.where(due < end, 1, 2))
    return samples


def _cell(
    run: Run,
    planted: Planted,
    users: int,
    block: int,
    order: int,
    random: np.random.Generator,
    started: float,
) -> tuple[CellRecord, Samples]:
    throughput = planted.throughput_per_s(users) * float(np.exp(random.normal(0, planted.block_sd)))
    total_s = WARMUP_S + run.measure_s
    mean_us = users / throughput * 1e6
    response = mean_us * np.exp(
        random.normal(-(planted.spread**2) / 2, planted.spread, int(throughput * total_s))
    )
    samples = samples_of(
        throughput, response, measure_s=run.measure_s, size_bytes=planted.size_bytes, users=users
    )
    failed = random.random(len(samples)) < planted.failures
    samples["kind"][failed] = KINDS.index(planted.kind)
    samples["status"][failed] = 503
    broken = next(
        (
            b
            for b in run.broken
            if (b.server, b.scenario) == (planted.server, planted.scenario)
            and b.block in (0, block)
            and b.users in (None, users)
        ),
        None,
    )
    cpu_s = throughput * run.measure_s * planted.cpu_ms / 1e3
    cell_id = f"b{block:02d}-{planted.server}-{planted.scenario}-u{users}"
    record = CellRecord(
        id=cell_id,
        run=run.name,
        server=planted.server,
        scenario=planted.scenario,
        scenario_kind=planted.scenario,
        parameters={"wait_ms": planted.service_s * 1e3} if "wait" in planted.scenario else {},
        level=Level(kind="users", value=users),
        block=block,
        order=order,
        seed=run.seed + order,
        state="server-limited" if broken is None else broken.state,
        reason=None if broken is None else broken.reason,
        server_run=_server_run(planted, started),
        generator=_generator(run, planted, users, len(samples), started)
        if broken is None or broken.generator
        else None,
        generator_command=["python", "-m", "locust", "--users", str(users)],
        checks=_checks(broken),
        server_probe=_probe(cpu_s, 80_000_000),
        generator_probe=_probe(cpu_s / 3, 60_000_000),
        server_count=len(samples),
        started_unix_s=started,
        ended_unix_s=started + total_s,
    )
    return record, samples


def _server_run(planted: Planted, started: float) -> ServerRun:
    interface = "wsgi" if planted.server.startswith("wsgi") else "asgi"
    return ServerRun(
        name=planted.server,
        command=["python", "-m", f"{interface}_app", "--port", "8000"],
        environment={"TWINS_FILES": "files"},
        url="http://127.0.0.1:8000",
        health={"status": "ok", "interface": interface, "server": "planted", "worker_class": planted.server},
        processes=planted.processes,
        threads=planted.threads,
        slots=planted.slots,
        slot_kind=planted.slot_kind,
        cpus=[0],
        started_unix_s=started,
        stop_signal="SIGTERM",
        exit_status=0,
    )


def _generator(run: Run, planted: Planted, users: int, count: int, started: float) -> GeneratorDocument:
    return GeneratorDocument(
        scenario=planted.scenario,
        parameters={},
        client="wire",
        connections="keepalive",
        arrivals="closed",
        users=users,
        rate_per_s=None,
        seed=run.seed,
        loop="epoll",
        python="3.11.2",
        locust="2.47.0",
        zero_unix_s=started,
        warmup_us=int(WARMUP_S * 1e6),
        measure_us=int((WARMUP_S + run.measure_s) * 1e6),
        end_us=int((WARMUP_S + run.measure_s + DRAIN_S) * 1e6),
        names=[planted.scenario],
        due=count,
        sent=count,
        cpu_user_s=1.0,
        cpu_system_s=0.4,
        cpu_measure_share=0.31,
        run_queue_share=0.01,
        loop_lag_us={"p50": 60.0, "p99": 400.0, "max": 900.0},
        send_lateness_us={"p50": None, "p99": None, "max": None},
        background=_background(planted.readers),
    )


def _background(readers: int) -> list[BackgroundDocument]:
    held = BackgroundDocument(kind="readers", count=readers, ready_s=0.1, fewest=readers)
    return [held] if readers else []


def _checks(broken: Broken | None) -> list[Check]:
    checks = [
        Check(name="generator CPU", status="ok", figure=0.31, limit=0.8, unit="share"),
        Check(name="loop lag p99", status="ok", figure=400.0, limit=10_000.0, unit="us"),
        Check(name="Little's law", status="ok", figure=0.004, limit=0.1, unit="share"),
        Check(name="client count = server count", status="not available", figure=None, limit=0.0, unit=""),
    ]
    if broken is not None:
        advice = "Look into the server's log in the cell's directory."
        checks.append(
            Check(name=broken.check, status="failed", figure=1.0, limit=0.0, unit="", advice=advice)
        )
    return checks


def _probe(cpu_s: float, rss: int) -> SideProbe:
    none = dict.fromkeys(SideProbe.model_fields, None)
    return SideProbe.model_validate(
        none | {"cpu_user_s": cpu_s * 0.8, "cpu_system_s": cpu_s * 0.2, "rss_peak_bytes": rss}
    )


def _write_cell(directory: Path, record: CellRecord, samples: Samples) -> None:
    directory.mkdir()
    samples.tofile(directory / "samples.bin")
    (directory / "cell.json").write_text(record.model_dump_json())
    if record.generator is not None:
        (directory / "generator.json").write_text(record.generator.model_dump_json())
    lines = [
        {"second": second, "phase": PHASES[1 if second else 0], "ok": 1, "failed": 0, "in_flight": 1}
        for second in range(3)
    ]
    (directory / "live.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name in ("probes.jsonl", "server.log", "generator.log"):
        (directory / name).write_text("")


__all__ = ["CENSORED", "Broken", "Planted", "Run", "primary", "replace", "samples_of", "write"]
