"""The server under test: started and stopped."""

import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loadtests.lab import processes
from loadtests.lab.plan import PlanError
from loadtests.lab.plan_server import PlanServer
from loadtests.lab.secrecy import given_environment, shown_environment
from loadtests.lab.servers.asking import trust_of
from loadtests.lab.servers.freshening import freshen
from loadtests.lab.servers.ports import HOST, free_port, is_taken
from loadtests.lab.servers.readback import (
    Unmeasurable,
    check_configuration,
    read_back,
    wait_for_rest,
    whole_number,
)
from loadtests.lab.servers.readiness import OtherProtocol, wait_until_ready
from loadtests.model import counters
from loadtests.model.counters import Slot
from loadtests.model.inherited import inherited
from loadtests.model.records import ServerRun
from loadtests.subjects.subject import Order, Provision, ServerSpec

TAKEN = "(taken over from the shell)"  # recorded in place of a value, which may be a secret
PORTS_TRIED, FOUND_S = 3, 5.0
LOG = "server.log"  # in the server's own directory
Means = Literal["capacity-matched", "as shipped"]


@dataclass(frozen=True)
class Start:
    """A server that is to be started: what it is, what its plan asks for, and what it may use.

    `directory` takes its log, its request counters and whatever else it keeps while it runs.
    """

    label: str
    spec: ServerSpec
    planned: PlanServer
    files: Path
    provision: Provision
    cpus: list[int] | None
    directory: Path
    start_s: float
    means: Means = "capacity-matched"

    def order(self, port: int) -> Order:
        return Order(
            host=HOST,
            port=port,
            processes=_single(self.planned.processes),
            threads=_single(self.planned.threads),
            as_shipped=self.means == "as shipped",
            files=self.files,
            directory=self.directory,
            provision=self.provision,
        )


@dataclass
class RunningServer:
    """A server that is up with the configuration that was asked for."""

    run: ServerRun
    files: Path | None
    full: bool
    process: processes.Guarded | None = None
    counters: Path | None = None
    fresh: bool = True  # no cell was measured on it yet
    trust: ssl.SSLContext | None = None  # what its certificate is held against

    def counted(self) -> list[Slot] | None:
        """Requests each process received so far; None where the application does not count."""
        return counters.slots(self.counters) if self.counters else None


def start(asked: Start) -> RunningServer:
    """Start a server and wait until it is ready; raises Unmeasurable.

    The answer to `/health`, where it has one, must come from a process that was started here, and must agree
    with what the plan asks for.
    """
    if asked.planned.url is not None:
        return _found(asked, asked.planned.url)
    for _ in range(PORTS_TRIED - 1):
        port = free_port()
        try:
            return _started(asked, port)
        except OtherProtocol:
            raise
        except Unmeasurable:
            if not is_taken(HOST, port):
                raise  # between the choice of the port and its use, nobody else took it
    return _started(asked, free_port())


def stop(server: RunningServer, patience_s: float) -> ServerRun:
    """Stop the server, if it is ours; its run with how it ended."""
    if server.process is None:
        return server.run
    signal = processes.stop(server.process, patience_s)
    return server.run.model_copy(update={"stop_signal": signal, "exit_status": server.process.exit_status})


def _started(asked: Start, port: int) -> RunningServer:
    count = asked.directory / "requests.count"
    counters.create(count)
    run, folder = _run(asked, port, count)
    spec, trust = asked.spec, trust_of(asked.planned)
    try:
        if asked.planned.fresh:
            own = _environment(asked, run)
            freshen(
                asked.planned.fresh,
                asked.planned.python or sys.executable,
                own,
                folder,
                asked.directory / LOG,
            )
        process = processes.start(
            run.command,
            environment=_environment(asked, run),
            cpus=run.cpus,
            log=asked.directory / LOG,
            folder=asked.directory if spec.is_ours else folder,  # its project's files would configure it
        )
    except processes.StartError as error:
        raise Unmeasurable(str(error), run) from None
    try:
        health = wait_until_ready(process, run.url, spec, trust, asked.start_s)
        run = run.model_copy(update={"health": health})
        check_configuration(spec, asked.planned.expect, run, process)
        run = read_back(spec, run)
        if (run.processes or 1) > 1:
            wait_for_rest(process, asked.start_s)
    except Unmeasurable as error:
        signal = processes.stop(process, 1.0)
        update = {"stop_signal": signal, "exit_status": process.exit_status}
        raise type(error)(str(error), run.model_copy(update=update)) from None
    except BaseException:
        processes.kill(process)
        raise
    files = asked.files if asked.planned.contract is not False else None
    counted = count if counters.total(count) > 0 else None
    return RunningServer(run, files, spec.full, process, counted, trust=trust)


def _run(asked: Start, port: int, count: Path) -> tuple[ServerRun, Path | None]:
    """The server as it is to run, its command and configuration ready; and where."""
    spec, order = asked.spec, asked.order(port)
    try:
        line = spec.launch(order)
    except ValueError as error:
        raise Unmeasurable(str(error)) from None
    command = line.command
    if line.configuration is not None:
        path = asked.directory / "server.conf"
        path.write_text(line.configuration.replace("{configuration}", str(path)), encoding="utf-8")
        command = [part.replace("{configuration}", str(path)) for part in command]
    count_processes, count_threads = order.processes or spec.processes, order.threads or spec.threads
    run = ServerRun(
        name=asked.label,
        command=command,
        environment={
            **line.environment,
            counters.VARIABLE: str(count),
            **dict.fromkeys(_taken_over(asked), TAKEN),
            **shown_environment(asked.planned.environment),
        },
        url=f"{line.scheme}://{HOST}:{port}",
        health={},
        interface=spec.interface,
        processes=count_processes,
        threads=count_threads,
        slots=spec.slots(count_processes, count_threads),
        slot_kind=spec.slot_kind,
        means=asked.means if spec.has_shipped_form else None,
        cpus=asked.cpus,
        started_unix_s=time.time(),
    )
    return run, line.directory


def _environment(asked: Start, run: ServerRun) -> dict[str, str]:
    """What the server is given, secrets included; raises Unmeasurable for a variable that is not set."""
    try:
        given = given_environment(asked.planned.environment, asked.label)
    except PlanError as error:
        raise Unmeasurable(str(error), run) from None
    return {**run.environment, **_taken_over(asked), **given}


def _taken_over(asked: Start) -> dict[str, str]:
    """What the server is given of the shell's environment, beside what all children are."""
    taken = inherited((*asked.spec.inherits, *asked.planned.inherit))
    return {name: value for name, value in taken.items() if name not in asked.planned.environment}


def _found(asked: Start, address: str) -> RunningServer:
    """A server that runs already; raises Unmeasurable where it does not answer."""
    url, trust = address.rstrip("/"), trust_of(asked.planned)
    health = wait_until_ready(None, url, asked.spec, trust, min(asked.start_s, FOUND_S))
    run = ServerRun(
        name=asked.label,
        command=[],
        environment={},
        url=url,
        health=health,
        interface=asked.spec.interface,
        processes=whole_number(health.get("processes")),
        threads=whole_number(health.get("threads")),
        slots=asked.spec.slots(None, None),
        slot_kind=asked.spec.slot_kind,
        cpus=None,
        started_unix_s=time.time(),
    )
    return RunningServer(run, asked.files if asked.planned.contract else None, full=False, trust=trust)


def _single(value: int | list[int] | None) -> int | None:
    return None if isinstance(value, list) else value
