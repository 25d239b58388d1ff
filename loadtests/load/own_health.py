"""How the generator itself is doing: its CPU time, its time in the run queue, the lag of its loop."""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns

from loadtests.load.histogram import empty_histogram, figures
from loadtests.wire.alarm import Alarm

BEAT_NS = 10_000_000


@dataclass(frozen=True)
class Mark:
    """The process's counters at one moment; `run_queue_ns` is null where the kernel does not tell."""

    at_ns: int
    user_s: float
    system_s: float
    run_queue_ns: int | None


def mark() -> Mark:
    """Read the counters now. The run queue's is that of the main thread, where the loop runs."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    try:
        waited = int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        waited = None
    return Mark(monotonic_ns(), usage.ru_utime, usage.ru_stime, waited)


def cpu_share(start: Mark, end: Mark) -> float | None:
    """CPU seconds per second between two marks."""
    elapsed_s = (end.at_ns - start.at_ns) / 1e9
    if elapsed_s <= 0:
        return None
    return (end.user_s + end.system_s - start.user_s - start.system_s) / elapsed_s


def run_queue_share(start: Mark, end: Mark) -> float | None:
    """Share of the time spent ready to run, and not running."""
    if start.run_queue_ns is None or end.run_queue_ns is None or end.at_ns <= start.at_ns:
        return None
    return (end.run_queue_ns - start.run_queue_ns) / (end.at_ns - start.at_ns)


class Heartbeat:
    """Beats every 10 ms on the loop and keeps how late each beat was.

    A beat that could not happen counts with the lateness it would have had, as the requests of that
    time did: one stop of 500 ms is fifty late beats, not one. Each beat also counts the requests
    in flight, by `in_flight()`, so that Little's law has a side that no timestamp went into.
    """

    def __init__(self, in_flight: Callable[[], int]) -> None:
        self._in_flight = in_flight
        self._seen = self._beats = 0
        self._lag = empty_histogram()
        self._counting = False
        self._planned_ns = monotonic_ns() + BEAT_NS
        self._alarm = Alarm(self._beat)
        self._alarm.set(self._planned_ns)

    def count(self, counting: bool) -> None:
        """Begin or end counting; the heart beats all the time, and what was due before does not count."""
        if counting:
            self._planned_ns = max(self._planned_ns, monotonic_ns())
        self._counting = counting

    def figures(self) -> dict[str, float | None]:
        """p50, p99 and max of the lateness in µs."""
        return figures(self._lag)

    def in_flight_mean(self) -> float | None:
        """The mean of the requests in flight; null before the first beat."""
        return self._seen / self._beats if self._beats else None

    def _beat(self) -> None:
        now = monotonic_ns()
        while self._planned_ns <= now:
            if self._counting:
                self._lag.record_value((now - self._planned_ns) // 1000)
                self._seen += self._in_flight()
                self._beats += 1
            self._planned_ns += BEAT_NS
        self._alarm.set(self._planned_ns)

    def stop(self) -> None:
        self._alarm.close()
