"""Watches a cell under way: readings of both sides and the generator's live figures.

It shares the generator's processor and must not disturb it: one thread of the lowest priority, which runs
in the gaps the generator leaves, and reads what is costly (every thread's files) only every other time.
Where others leave no gap it asks for the least share there is: that was seen to hold up a generator's loop
for a millisecond, so not before. The first and the last reading are the caller's own, so that there are
always two.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.probes import Side, SideReading, probe

Tick = Callable[[Mapping[str, Any]], None]
SHORTEST_S = 0.2
STARVED_S = 1.0


@dataclass
class Watch:
    """`readings` of each side in order of time; `cpu_s` is what taking them cost."""

    directory: Path
    generator_pid: int
    server_pid: int | None
    port: int | None
    probing: bool
    tick: Tick
    interval_s: float
    readings: dict[Side, list[SideReading]] = field(default_factory=lambda: {"server": [], "generator": []})
    cpu_s: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _failure: Exception | None = None

    def start(self) -> None:
        """Take the first reading and start the thread; raises what goes wrong, such as a full disk."""
        self._read(detailed=True)
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after a last reading; raises what went wrong in it, such as a full disk."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._failure is not None:
            raise self._failure
        self._read(detailed=True)

    def _watch(self) -> None:
        _yield_to_everyone()
        number, due = 0, time.monotonic()
        try:
            while True:
                self.tick(last_line(self.directory / "live.jsonl"))
                number, due = number + 1, due + self.interval_s
                if self._ended.wait(max(0.0, due - time.monotonic())):
                    return
                now = time.monotonic()
                if now - due > STARVED_S:
                    _ask_for_a_share()
                due = max(due, now)
                self._read(detailed=self.interval_s >= 1 or number % 2 == 0)
        except Exception as error:
            self._failure = error

    def _read(self, *, detailed: bool) -> None:
        if not self.probing:
            return
        before = time.thread_time()
        taken = [probe(self.generator_pid, "generator", self.port, detailed=detailed)]
        if self.server_pid is not None:
            taken.append(probe(self.server_pid, "server", self.port, detailed=detailed))
        alive = [reading for reading in taken if reading.cpu_user_s is not None]
        for reading in alive:
            self.readings[reading.side].append(reading)
        with (self.directory / "probes.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(reading.document()) + "\n" for reading in alive)
        self.cpu_s += time.thread_time() - before


def interval_s(measure_s: float) -> float:
    """A reading each second; more often in a short measuring phase, so that it holds four or so."""
    return min(1.0, max(SHORTEST_S, measure_s / 4))


def last_line(path: Path) -> Mapping[str, Any]:
    """The last whole line of a JSON-lines file that is being written; {} before the first."""
    with suppress(OSError, ValueError), path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 1024))
        lines = file.read().split(b"\n")
        document = json.loads(lines[-2]) if len(lines) > 1 else {}
        if isinstance(document, dict):
            return document
    return {}


def _yield_to_everyone() -> None:
    """On Linux scheduling is by thread: the processes that the suite starts do not inherit this."""
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_IDLE, os.sched_param(0))


def _ask_for_a_share() -> None:
    # the kernel lets root leave SCHED_IDLE, and whom RLIMIT_NICE allows it (sched(7)); others stay starved
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_OTHER, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
