"""What a measured cell amounts to: its checks, its state, the probes of both sides."""

import time
from pathlib import Path

from loadtests import archive, probes
from loadtests.checks.soundness import cell_state, self_checks
from loadtests.lab import environment
from loadtests.lab.bench import Bench
from loadtests.lab.companions import hits_check
from loadtests.lab.driving import Taken
from loadtests.lab.servers.running import RunningServer
from loadtests.model import costs, counters
from loadtests.model.counters import Slot
from loadtests.model.records import CellState, Check, GeneratorDocument, SideProbe
from loadtests.model.samples import OK
from loadtests.probes import Side
from loadtests.subjects.subject import Scenario

SETTLE_S, SETTLED_S = 5.0, 0.2


def settled(server: RunningServer, document: GeneratorDocument | None) -> list[Slot] | None:
    """What the server counted, once it has also taken up what clients that are gone had left in its queue."""
    counted = server.counted()
    if document is None or not any(clients.sent > clients.completed for clients in document.background):
        return counted
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        time.sleep(SETTLED_S)
        before, counted = counted, server.counted()
        if before == counted:
            break
    return counted


def grown(server: RunningServer, before: list[Slot] | None, after: list[Slot] | None) -> list[Slot] | None:
    """What each of the server's processes counted between two readings; None where it does not count."""
    if before is None or after is None:
        return None
    return counters.growth(before, after, probes.tree(server.process.pid) if server.process else ())


def checks_of(
    bench: Bench,
    server: RunningServer,
    document: GeneratorDocument | None,
    directory: Path,
    counted: list[Slot] | None,
    side: SideProbe | None,
    error_share: float,
) -> list[Check]:
    if document is None:
        return []
    share = None
    cpu_s = costs.cpu_s(side)
    if cpu_s is not None:
        seconds = (document.measure_us - document.warmup_us) / 1e6
        # Without pinning one core is what most of these servers can use, and the share is an upper bound.
        cores = min(len(bench.server_cpus or [0]), server.run.processes or 1)
        share = cpu_s / seconds / cores
    return self_checks(
        document,
        archive.directory_samples(directory),
        server_count=None if counted is None else counters.requests(counted),
        counted=counted,
        ceiling=bench.calibration,
        processes=server.run.processes,
        slots=server.run.slots,
        server_cpu_share=share,
        error_share=error_share,
        shared_processors=len(environment.cpus()) if bench.plan.pinning.mode == "shared" else None,
    )


def companion_check(
    scenario: Scenario, document: GeneratorDocument, directory: Path, hits: int | None
) -> Check:
    """Whether each request made the calls to its companion that it should."""
    assert scenario.companion is not None  # noqa: S101 - the caller has looked
    unanswered = int((archive.directory_samples(directory)["kind"] != OK).sum())
    calls = scenario.calls(document.parameters)
    return hits_check(scenario.companion, hits, document.sent, unanswered, calls)


def judge(
    bench: Bench, checks: list[Check], document: GeneratorDocument | None, reasons: list[str]
) -> tuple[CellState, str | None, list[str]]:
    warnings = [f"{check.name}: {check.advice}" for check in checks if check.status == "warning"]
    if bench.server_cpus is None and bench.plan.pinning.mode == "auto":
        warnings.append("pinning: server and generator share processors, their figures disturb each other.")
    if reasons or document is None:
        return "invalid", "; ".join(reasons), warnings
    state, reason = cell_state(checks)
    return state, reason, warnings


def side_of(taken: Taken, side: Side, document: GeneratorDocument | None) -> SideProbe | None:
    if document is None or taken.watch is None or not taken.watch.readings[side]:
        return None
    start = document.zero_unix_s + document.warmup_us / 1e6
    end = document.zero_unix_s + document.measure_us / 1e6
    pss = taken.pss if side == "server" else (document.pss_start_bytes, document.pss_end_bytes)
    return probes.over_phase(taken.watch.readings[side], start, end, pss)
