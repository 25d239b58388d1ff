"""The server under test: started, waited for, read back, stopped."""

import errno
import os
import shutil
import socket
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from loadtests.lab import processes, servers
from loadtests.lab.contract import read_health
from loadtests.lab.plan import PlanServer
from loadtests.lab.probes import Probe, probe, tree
from loadtests.lab.records import ServerRun
from shared import counters

POLL_S, PORTS_TRIED = 0.02, 3
REST_S, MOST_AT_REST = 0.3, 0.2  # seconds; CPU seconds per second
HOST = "127.0.0.1"
Means = Literal["capacity-matched", "as shipped"]


class Unmeasurable(RuntimeError):
    """Why a server cannot be measured, in words that stand in the cell's record."""

    def __init__(self, reason: str, run: ServerRun | None = None) -> None:
        super().__init__(reason)
        self.run = run


@dataclass
class Target:
    """A server that is up with the configuration that was asked for."""

    run: ServerRun
    files: Path | None
    full_contract: bool
    process: processes.Guarded | None = None
    counters: Path | None = None
    fresh: bool = True  # no cell was measured on it yet

    def count(self) -> int | None:
        """Requests the application received so far; None where it does not count."""
        return counters.total(self.counters) if self.counters else None


def missing_program(server: PlanServer) -> str | None:
    """The program of an optional server that is not installed here."""
    known = servers.SERVERS.get(server.server or "")
    if known is not None:
        return None if known.available() else known.server
    program = server.command[0] if server.command else ""
    return None if server.url or shutil.which(program) or program == "{python}" else program


def start(
    label: str,
    server: PlanServer,
    *,
    files: Path,
    cpus: list[int] | None,
    directory: Path,
    start_s: float,
    means: Means = "capacity-matched",
) -> Target:
    """Start a server and wait until it is healthy; raises Unmeasurable.

    `directory` takes its log and its request counters. The answer to `/health` must come from a process that
    was started here, and must agree with what the plan asks for.
    """
    if server.url is not None:
        return _running(label, server, files, start_s)
    for _ in range(PORTS_TRIED - 1):
        port = free_port()
        try:
            return _started(label, server, port, files, cpus, directory, start_s, means)
        except Unmeasurable:
            if not is_taken(HOST, port):
                raise  # between the choice of the port and its use, nobody else took it
    return _started(label, server, free_port(), files, cpus, directory, start_s, means)


def _started(
    label: str,
    server: PlanServer,
    port: int,
    files: Path,
    cpus: list[int] | None,
    directory: Path,
    start_s: float,
    means: Means,
) -> Target:
    run, count = _launch(label, server, port, files, directory, cpus, means)
    try:
        process = processes.start(
            run.command, environment=run.environment, cpus=cpus, log=directory / "server.log"
        )
    except processes.StartError as error:
        raise Unmeasurable(str(error), run) from None
    try:
        health = _wait_for_health(process, run.url, server.health, start_s)
        run = _read_back(server, run.model_copy(update={"health": health}))
        _check_configuration(server, run, process)
        if (run.processes or 1) > 1:
            _wait_for_rest(process, start_s)
    except Unmeasurable as error:
        signal = processes.stop(process, 1.0)
        update = {"stop_signal": signal, "exit_status": process.exit_status}
        raise Unmeasurable(str(error), run.model_copy(update=update)) from None
    except BaseException:
        processes.kill(process)
        raise
    counted = count if count is not None and counters.total(count) > 0 else None
    contract = server.contract if server.contract is not None else True
    known = servers.SERVERS.get(server.server or "")
    full = known is not None and known.application in ("wsgi_app", "asgi_app")
    return Target(run, files if contract else None, full, process, counted)


def stop(target: Target, patience_s: float) -> ServerRun:
    """Stop the server, if it is ours; its run with how it ended."""
    if target.process is None:
        return target.run
    signal = processes.stop(target.process, patience_s)
    return target.run.model_copy(update={"stop_signal": signal, "exit_status": target.process.exit_status})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_taken(host: str, port: int) -> bool:
    """Whether somebody listens on the port already; False for an address that is not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
        return False


def _launch(
    label: str,
    server: PlanServer,
    port: int,
    files: Path,
    directory: Path,
    cpus: list[int] | None,
    means: Means,
) -> tuple[ServerRun, Path | None]:
    processes_asked, threads_asked = _single(server.processes), _single(server.threads)
    known = servers.SERVERS.get(server.server or "")
    count = directory / "requests.count"
    counters.create(count)
    environment = {"TWINS_COUNTERS": str(count)}
    if "TWINS_DATABASE_URL" not in os.environ:  # each start has its own, empty
        environment["TWINS_DATABASE_URL"] = f"sqlite:{directory.resolve() / f'jobs-{port}.sqlite'}"
    if known is None:
        values = {"port": str(port), "host": HOST, "files": str(files), "python": sys.executable}
        command = [_filled(part, values) for part in server.command or []]
        shape: dict[str, Any] = {
            "processes": processes_asked,
            "threads": threads_asked,
            "slots": None,
            "slot_kind": "unknown",
        }
    else:
        try:
            launch = servers.launch(
                known,
                host=HOST,
                port=port,
                processes=processes_asked,
                threads=threads_asked,
                files=files,
                as_shipped=means == "as shipped",
            )
        except ValueError as error:
            raise Unmeasurable(str(error)) from None
        values = {"configuration": str(directory / "server.conf")}
        if launch.configuration is not None:
            text = _filled(launch.configuration, values)
            Path(values["configuration"]).write_text(text, encoding="utf-8")
        command = [_filled(part, values) for part in launch.command]
        environment = {**launch.environment, **environment}
        count_processes, count_threads = processes_asked or known.processes, threads_asked or known.threads
        shape = {
            "processes": count_processes,
            "threads": count_threads,
            "slots": known.slots(count_processes, count_threads),
            "slot_kind": known.slot_kind,
            "means": means if known.application in ("wsgi_app", "asgi_app") else None,
        }
    run = ServerRun(
        name=label,
        command=command,
        environment={**environment, **server.environment},
        url=f"http://{HOST}:{port}",
        health={},
        cpus=cpus,
        started_unix_s=time.time(),
        **shape,
    )
    return run, count


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _wait_for_health(process: processes.Guarded, url: str, path: str, start_s: float) -> dict[str, Any]:
    deadline = time.monotonic() + start_s
    while time.monotonic() < deadline:
        if processes.wait([process], POLL_S) and process.ended():
            raise Unmeasurable(
                f"the server died at start with exit status {process.exit_status}: {process.tail()}"
            )
        health = read_health(url, path, timeout_s=min(2.0, start_s))
        if health is not None:
            return health
    raise Unmeasurable(f"the server did not become healthy within {start_s:g} s: {process.tail()}")


def _wait_for_rest(process: processes.Guarded, start_s: float) -> None:
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


def _demand_s(reading: Probe) -> float:
    """CPU that was had and that was waited for."""
    return (reading.cpu_user_s or 0) + (reading.cpu_system_s or 0) + (reading.run_queue_s or 0)


def _read_back(server: PlanServer, run: ServerRun) -> ServerRun:
    """Of a server as shipped, the threads and slots that its project gives it."""
    known = servers.SERVERS.get(server.server or "")
    if known is None or run.means != "as shipped":
        return run
    threads, connections = _count(run.health.get("threads")), _count(run.health.get("connections"))
    shape = replace(known, connections=connections)
    update = {"threads": threads, "slots": shape.slots(run.processes or 1, threads or 1)}
    return run.model_copy(update=update)


def _check_configuration(server: PlanServer, run: ServerRun, process: processes.Guarded) -> None:
    pid = run.health.get("pid")
    family = tree(process.pid)
    if isinstance(pid, int) and family and pid not in family:
        raise Unmeasurable(f"{run.url} is answered by process {pid}, which is not the server started here")
    wrong = [
        f"{key} is {run.health.get(key)!r}, asked for was {value!r}"
        for key, value in server.expect.items()
        if run.health.get(key) != value
    ]
    known = servers.SERVERS.get(server.server or "")
    if known is not None and run.processes is not None and run.threads is not None:
        wrong += servers.differences(
            known,
            run.health,
            processes=run.processes,
            threads=run.threads,
            as_shipped=run.means == "as shipped",
        )
    if wrong:
        raise Unmeasurable("the server runs with another configuration: " + "; ".join(wrong))


def _running(label: str, server: PlanServer, files: Path, start_s: float) -> Target:
    url = (server.url or "").rstrip("/")
    health = read_health(url, server.health, timeout_s=min(start_s, 5.0)) or {}
    run = ServerRun(
        name=label,
        command=[],
        environment={},
        url=url,
        health=health,
        processes=_count(health.get("processes")),
        threads=_count(health.get("threads")),
        slots=None,
        slot_kind="unknown",
        cpus=None,
        started_unix_s=time.time(),
    )
    return Target(run, files if server.contract else None, full_contract=False)


def _single(value: int | list[int] | None) -> int | None:
    return None if isinstance(value, list) else value


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None
