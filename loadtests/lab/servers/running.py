"""The server under test: started and stopped."""

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loadtests.lab import processes
from loadtests.lab.plan import PlanServer
from loadtests.lab.servers.ports import HOST, free_port, is_taken
from loadtests.lab.servers.readback import (
    Unmeasurable,
    check_configuration,
    read_back,
    wait_for_health,
    wait_for_rest,
    whole_number,
)
from loadtests.model.inherited import inherited
from loadtests.model.records import ServerRun
from loadtests.subjects.twins.launching import TAKEN_OVER, launch
from loadtests.subjects.twins.servers import SERVERS
from loadtests.subjects.twins.verification import read_health
from shared import counters

TAKEN = "(taken over from the shell)"  # recorded in place of a value, which may be a secret
PORTS_TRIED = 3
Means = Literal["capacity-matched", "as shipped"]


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
    known = SERVERS.get(server.server or "")
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
            run.command,
            environment={**run.environment, **_taken_over(server)},
            cpus=cpus,
            log=directory / "server.log",
            folder=directory if server.server in SERVERS else None,  # its project's files would configure it
        )
    except processes.StartError as error:
        raise Unmeasurable(str(error), run) from None
    try:
        health = wait_for_health(process, run.url, server.health, start_s)
        run = run.model_copy(update={"health": health})
        check_configuration(server, run, process)
        run = read_back(server, run)
        if (run.processes or 1) > 1:
            wait_for_rest(process, start_s)
    except Unmeasurable as error:
        signal = processes.stop(process, 1.0)
        update = {"stop_signal": signal, "exit_status": process.exit_status}
        raise Unmeasurable(str(error), run.model_copy(update=update)) from None
    except BaseException:
        processes.kill(process)
        raise
    counted = count if count is not None and counters.total(count) > 0 else None
    contract = server.contract if server.contract is not None else True
    known = SERVERS.get(server.server or "")
    full = known is not None and known.is_twin
    return Target(run, files if contract else None, full, process, counted)


def stop(target: Target, patience_s: float) -> ServerRun:
    """Stop the server, if it is ours; its run with how it ended."""
    if target.process is None:
        return target.run
    signal = processes.stop(target.process, patience_s)
    return target.run.model_copy(update={"stop_signal": signal, "exit_status": target.process.exit_status})


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
    known = SERVERS.get(server.server or "")
    count = directory / "requests.count"
    counters.create(count)
    environment = {"TWINS_COUNTERS": str(count)}
    taken = _taken_over(server)
    if "TWINS_DATABASE_URL" not in taken:  # each start has its own, empty
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
            line = launch(
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
        if line.configuration is not None:
            text = _filled(line.configuration, values)
            Path(values["configuration"]).write_text(text, encoding="utf-8")
        command = [_filled(part, values) for part in line.command]
        environment = {**line.environment, **environment}
        count_processes, count_threads = processes_asked or known.processes, threads_asked or known.threads
        shape = {
            "processes": count_processes,
            "threads": count_threads,
            "slots": known.slots(count_processes, count_threads),
            "slot_kind": known.slot_kind,
            "means": means if known.is_twin else None,
        }
    run = ServerRun(
        name=label,
        command=command,
        environment={**environment, **dict.fromkeys(taken, TAKEN), **server.environment},
        url=f"http://{HOST}:{port}",
        health={},
        cpus=cpus,
        started_unix_s=time.time(),
        **shape,
    )
    return run, count


def _taken_over(server: PlanServer) -> dict[str, str]:
    """What the server is given of the shell's environment, beside what all children are."""
    known = SERVERS.get(server.server or "")
    service = TAKEN_OVER if known is not None else ()
    taken = inherited((*service, *server.inherit))
    return {name: value for name, value in taken.items() if name not in server.environment}


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _running(label: str, server: PlanServer, files: Path, start_s: float) -> Target:
    url = (server.url or "").rstrip("/")
    health = read_health(url, server.health, timeout_s=min(start_s, 5.0)) or {}
    run = ServerRun(
        name=label,
        command=[],
        environment={},
        url=url,
        health=health,
        processes=whole_number(health.get("processes")),
        threads=whole_number(health.get("threads")),
        slots=None,
        slot_kind="unknown",
        cpus=None,
        started_unix_s=time.time(),
    )
    return Target(run, files if server.contract else None, full_contract=False)


def _single(value: int | list[int] | None) -> int | None:
    return None if isinstance(value, list) else value
