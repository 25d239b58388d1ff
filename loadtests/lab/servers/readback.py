"""A server that was started: waited for until it is at rest, and held to what was asked of it."""

import time
from collections.abc import Mapping
from typing import Any

from loadtests.lab import processes
from loadtests.model.records import ServerRun
from loadtests.probes import SideReading, probe, tree
from loadtests.subjects.subject import ServerSpec

REST_S, MOST_AT_REST = 0.3, 0.2  # seconds; CPU seconds per second


class Unmeasurable(RuntimeError):
    """Why a server cannot be measured, in words that stand in the cell's record."""

    def __init__(self, reason: str, run: ServerRun | None = None) -> None:
        super().__init__(reason)
        self.run = run


def wait_for_rest(process: processes.Guarded, start_s: float) -> None:
    """Until the tree neither runs nor waits to: the first process to answer may be alone for seconds."""
    deadline = time.monotonic() + start_s
    before = probe(process.pid, "server", None)
    while before.cpu_user_s is not None and not processes.wait([process], REST_S):
        now = probe(process.pid, "server", None)
        if (_demand_s(now) - _demand_s(before)) <= MOST_AT_REST * (now.unix_s - before.unix_s):
            return
        if time.monotonic() > deadline:
            raise Unmeasurable(f"the server's processes were still starting after {start_s:g} s")
        before = now


def _demand_s(reading: SideReading) -> float:
    """CPU that was had and that was waited for."""
    return (reading.cpu_user_s or 0) + (reading.cpu_system_s or 0) + (reading.run_queue_s or 0)


def read_back(spec: ServerSpec, run: ServerRun) -> ServerRun:
    """Of a server as shipped, the threads and slots that its project gives it."""
    if run.means != "as shipped":
        return run
    return run.model_copy(update=spec.read_back(run.health, run.processes or 1))


def check_configuration(
    spec: ServerSpec, expect: Mapping[str, Any], run: ServerRun, process: processes.Guarded
) -> None:
    """Hold the live server to what was asked for; raises Unmeasurable."""
    pid = run.health.get("pid")
    family = tree(process.pid)
    if isinstance(pid, int) and family and pid not in family:
        raise Unmeasurable(f"{run.url} is answered by process {pid}, which is not the server started here")
    wrong = [
        f"{key} is {run.health.get(key)!r}, asked for was {value!r}"
        for key, value in expect.items()
        if run.health.get(key) != value
    ]
    if run.processes is not None and run.threads is not None:
        shipped = run.means == "as shipped"
        wrong += spec.differences(
            run.health, processes=run.processes, threads=run.threads, as_shipped=shipped
        )
    if wrong:
        raise Unmeasurable("the server runs with another configuration: " + "; ".join(wrong))


def whole_number(value: object) -> int | None:
    return value if isinstance(value, int) else None
