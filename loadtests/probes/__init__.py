"""Resources of a whole process tree, read from `/proc`; what cannot be read is None, never zero.

The main thread's files speak for that thread alone, so that switches and run-queue delay are summed over
`/proc/<pid>/task/*`. Sources: proc(5), Documentation/scheduler/sched-stats.rst in the kernel's tree.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar

from loadtests.model.records import SideProbe
from loadtests.probes.sockets import sockets_by_state

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LEAST_COVERED = 0.5  # of the measuring phase, by the readings within it
Side = Literal["server", "generator"]
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class SideReading:
    """One reading of one side: counters since the start of its processes, and what they hold now."""

    unix_s: float
    side: Side
    cpu_user_s: float | None
    cpu_system_s: float | None
    rss_bytes: int | None
    threads: int | None
    descriptors: int | None
    voluntary_switches: int | None
    involuntary_switches: int | None
    run_queue_s: float | None
    sockets: dict[str, int] | None
    read_bytes: int | None

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Sum:
    cpu_user: float = 0
    cpu_system: float = 0
    rss: int = 0
    threads: int = 0
    descriptors: int = 0
    voluntary: int = 0
    involuntary: int = 0
    run_queue: float = 0
    read_bytes: int = 0
    readable_io: bool = True


def tree(root: int) -> list[int]:
    """A process and all its descendants that live now; [] where there is no `/proc` or no such process."""
    pids, living = [root], []
    while pids:
        pid = pids.pop()
        with suppress(OSError):
            for task in os.listdir(PROC / str(pid) / "task"):
                with suppress(OSError):
                    children = (PROC / str(pid) / "task" / task / "children").read_text()
                    pids += [int(child) for child in children.split()]
            living.append(pid)
    return living


def probe(root: int, side: Side, port: int | None, *, detailed: bool = True) -> SideReading:
    """Read the tree below `root`; `port` is the server's, for the sockets of either side.

    Unless `detailed`, what has to be asked of every thread and every socket is left out.
    """
    total, pids = _Sum(), tree(root)
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            _add(total, PROC / str(pid), detailed)
    read = bool(pids)
    deep = read and detailed
    return SideReading(
        unix_s=time.time(),
        side=side,
        cpu_user_s=total.cpu_user if read else None,
        cpu_system_s=total.cpu_system if read else None,
        rss_bytes=total.rss if read else None,
        threads=total.threads if read else None,
        descriptors=total.descriptors if deep else None,
        voluntary_switches=total.voluntary if deep else None,
        involuntary_switches=total.involuntary if deep else None,
        run_queue_s=total.run_queue if deep else None,
        sockets=sockets_by_state(port, of_server=side == "server") if port and detailed else None,
        read_bytes=total.read_bytes if read and total.readable_io else None,
    )


def pss_bytes(root: int) -> int | None:
    """Proportional set size of the tree. Costly, as the kernel walks every page: not while measuring."""
    sizes = []
    for pid in tree(root):
        with suppress(OSError, StopIteration):
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
            sizes.append(int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024)
    return sum(sizes) if sizes else None


def accept_queue_overflows() -> int | None:
    """`ListenOverflows` of this network namespace since boot."""
    with suppress(OSError, ValueError):
        lines = [line.split() for line in (PROC / "net/netstat").read_text().splitlines()]
        names, values = (line for line in lines if line[0] == "TcpExt:")
        return int(values[names.index("ListenOverflows")])
    return None


def over_phase(
    probes: Sequence[SideReading], start_unix_s: float, end_unix_s: float, pss: tuple[int | None, int | None]
) -> SideProbe:
    """One side over the measuring phase: counters at the rate they grew within it, peaks from within it."""
    inside = [p for p in probes if start_unix_s <= p.unix_s <= end_unix_s] or list(probes)

    def grown(value: Callable[[SideReading], float | None]) -> float | None:
        known = [(p.unix_s, v) for p in probes if (v := value(p)) is not None]
        if len(known) < 2:
            return None
        return max(0.0, _growth(known, start_unix_s, end_unix_s))

    def counted(value: Callable[[SideReading], float | None]) -> int | None:
        growth = grown(value)
        return None if growth is None else round(growth)

    return SideProbe(
        cpu_user_s=grown(lambda p: p.cpu_user_s),
        cpu_system_s=grown(lambda p: p.cpu_system_s),
        rss_start_bytes=probes[0].rss_bytes if probes and probes[0].unix_s <= start_unix_s else None,
        rss_peak_bytes=_peak(p.rss_bytes for p in inside),
        pss_start_bytes=pss[0],
        pss_end_bytes=pss[1],
        threads_peak=_peak(p.threads for p in inside),
        descriptors_peak=_peak(p.descriptors for p in inside),
        voluntary_switches=counted(lambda p: p.voluntary_switches),
        involuntary_switches=counted(lambda p: p.involuntary_switches),
        run_queue_s=grown(lambda p: p.run_queue_s),
        sockets_peak=_peak(None if p.sockets is None else sum(p.sockets.values()) for p in inside),
        read_bytes=counted(lambda p: p.read_bytes),
    )


def _add(total: _Sum, process: Path, detailed: bool) -> None:
    fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
    total.cpu_user += int(fields[11]) / TICKS_PER_S
    total.cpu_system += int(fields[12]) / TICKS_PER_S
    total.threads += int(fields[17])
    total.rss += int(fields[21]) * PAGE_BYTES
    try:
        counters = (process / "io").read_bytes().split()
        total.read_bytes += int(counters[counters.index(b"read_bytes:") + 1])
    except (OSError, ValueError):
        total.readable_io = False
    if detailed:
        _add_details(total, process)


def _add_details(total: _Sum, process: Path) -> None:
    for task in os.listdir(process / "task"):
        with suppress(OSError):
            status = (process / "task" / task / "status").read_bytes()
            _, _, switches = status.partition(b"voluntary_ctxt_switches:")
            voluntary, _, involuntary = switches.partition(b"nonvoluntary_ctxt_switches:")
            total.voluntary += int(voluntary)
            total.involuntary += int(involuntary)
            total.run_queue += int((process / "task" / task / "schedstat").read_bytes().split()[1]) / 1e9
    with suppress(OSError):
        total.descriptors += len(os.listdir(process / "fd"))


def _growth(known: Sequence[tuple[float, float]], start: float, end: float) -> float:
    # A reading after the phase holds idle time: a line drawn to it took a core at 100 % for one at 90 %.
    within = [(moment, value) for moment, value in known if start <= moment <= end]
    covered = within[-1][0] - within[0][0] if within else 0.0
    if covered > 0 and covered >= LEAST_COVERED * (end - start):
        return (within[-1][1] - within[0][1]) * (end - start) / covered
    return _interpolate(known, end) - _interpolate(known, start)


def _interpolate(known: Sequence[tuple[float, float]], moment: float) -> float:
    if moment <= known[0][0]:
        return known[0][1]
    for (before, low), (after, high) in pairwise(known):
        if moment <= after:
            return low + (high - low) * (moment - before) / (after - before)
    return known[-1][1]


def _peak(values: Iterable[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None
