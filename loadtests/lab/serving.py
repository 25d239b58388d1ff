"""Starts a server of a plan for a run."""

from pathlib import Path

from loadtests.lab import journal
from loadtests.lab.bench import Bench
from loadtests.lab.plan import PlanError
from loadtests.lab.servers import running
from loadtests.lab.servers.readiness import OtherProtocol
from loadtests.lab.servers.running import RunningServer
from loadtests.lab.servers.specs import spec_of


def serve(bench: Bench, label: str, directory: Path) -> RunningServer:
    """The server, ready; `directory` takes what it keeps while it runs.

    Raises Unmeasurable, and PlanError for a server that no load generator of ours can ask, however often.
    """
    planned = bench.plan.servers[label]
    asked = running.Start(
        label=label,
        spec=spec_of(label, planned),
        planned=planned,
        files=bench.files,
        provision=bench.provision,
        cpus=bench.server_cpus,
        directory=directory,
        start_s=bench.plan.time.start_s,
        means=bench.plan.matched,
    )
    try:
        server = running.start(asked)
    except OtherProtocol as error:
        raise PlanError(f"servers.{label}: {error}.") from None
    if server.process is not None:
        journal.note_process(bench.run, server.process.pid)
    return server
