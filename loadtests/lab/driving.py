"""The load generator's run against a server: started, watched, ended under a deadline."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtests import probes
from loadtests.lab import generator, journal, processes
from loadtests.lab.bench import Bench
from loadtests.lab.servers.running import RunningServer
from loadtests.probes.watch import Tick, Watch, interval_s
from loadtests.subjects.registry import SUBJECT


@dataclass
class Taken:
    """What running the generator gave."""

    reasons: list[str]
    watch: Watch | None = None
    pss: tuple[int | None, int | None] = (None, None)


def drive(
    bench: Bench,
    target: RunningServer,
    command: list[str],
    directory: Path,
    tick: Tick,
    allowance_s: float,
    secrets: Mapping[str, str] = {},
) -> Taken:
    """Run the generator to its end; `secrets` are variables for it alone."""
    times = bench.plan.time
    planned_s = times.longest_warmup_s + times.measure_s + times.drain_s
    server, log = target.process, directory / "generator.log"
    pss = probes.pss_bytes(server.pid) if bench.plan.probes and server else None
    try:
        child = processes.start(
            command,
            environment={
                **generator.environment(bench.calibration, directory),
                **SUBJECT.generator_environment(bench.provision if server else None),
                **secrets,
            },
            cpus=bench.generator_cpus,
            log=log,
            folder=directory,
        )
    except processes.StartError as error:
        return Taken([str(error)])
    journal.note_process(bench.run, child.pid)
    watch = Watch(
        directory=directory,
        generator_pid=child.pid,
        server_pid=server.pid if server else None,
        port=int(target.run.url.rpartition(":")[2]) if server else None,
        probing=bench.plan.probes,
        tick=tick,
        interval_s=interval_s(times.measure_s),
    )
    try:
        watch.start()
        watched = [child, server] if server else [child]
        ended = processes.wait(watched, planned_s + allowance_s)
    finally:
        try:
            watch.stop()
        finally:
            if not child.ended():
                processes.kill(child)
    if not ended:
        return Taken([f"the cell did not end within {planned_s + allowance_s:g} s"], watch)
    if server and server.ended():
        reason = f"the server died while it was measured, exit status {server.exit_status}: {server.tail()}"
        return Taken([reason], watch)
    if child.exit_status != 0:
        reason = f"the load generator ended with exit status {child.exit_status}: {tail(log)}"
        return Taken([reason], watch)
    end = probes.pss_bytes(server.pid) if bench.plan.probes and server else None
    return Taken([], watch, (pss, end))


def tail(path: Path) -> str:
    return " ".join(processes.last_lines(path, 3))[-2000:] or "it wrote nothing"
