"""How far the wall clocks of the Locust workers are from the master's: their common zero is a wall time.

The master asks each Locust worker for its time, several times over; by the answer that came fastest the
worker's clock is ahead by `said - (sent + received) / 2`, known to half of that answer's way (RFC 5905, 8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, monotonic_ns, time_ns
from typing import Any

import gevent
from locust.runners import MasterRunner, WorkerRunner

from loadtests.model.records import Check

ASK, SAY = "twins_clock", "twins_clock_said"
MOST_S = 0.05
"""Beyond it a measurement is refused: its phases and rates would be wrong by as much."""
ROUNDS, PATIENCE_S, PAUSE_S = 9, 10.0, 0.002


class Apart(ValueError):
    """A Locust worker whose clock cannot be measured with; `str()` is the sentence for the user."""


@dataclass(frozen=True)
class Offset:
    """A clock that is `ahead_s` of the master's (behind where it is negative), give or take `give_s`."""

    worker: str
    ahead_s: float
    give_s: float

    @property
    def least_s(self) -> float:
        """How far apart they are at the least."""
        return max(0.0, abs(self.ahead_s) - self.give_s)


def say(runner: WorkerRunner) -> None:
    """Have a Locust worker tell its time whenever it is asked."""
    runner.register_message(
        ASK, lambda environment, msg: runner.send_message(SAY, {**msg.data, "said_ns": time_ns()})
    )


class Clocks:
    """The master's side; made once, as Locust keeps what is registered."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._best: dict[str, tuple[int, int]] = {}
        self._rounds: dict[str, int] = {}
        runner.register_message(SAY, self._on_said)

    def _on_said(self, environment: Any, msg: Any) -> None:
        way_ns = monotonic_ns() - msg.data["asked_ns"]
        ahead_ns = msg.data["said_ns"] - (msg.data["sent_ns"] + way_ns // 2)
        worker = msg.node_id
        self._rounds[worker] = self._rounds.get(worker, 0) + 1
        self._best[worker] = min((way_ns, ahead_ns), self._best.get(worker, (way_ns, ahead_ns)))

    def measure(self, workers: Sequence[str]) -> list[Offset]:
        """Each Locust worker's offset; raises Apart where one does not answer."""
        self._best, self._rounds = {}, {}
        end = monotonic() + PATIENCE_S
        for number in range(1, ROUNDS + 1):
            for worker in workers:
                self._runner.send_message(ASK, {"sent_ns": time_ns(), "asked_ns": monotonic_ns()}, worker)
            while late := [worker for worker in workers if self._rounds.get(worker, 0) < number]:
                if monotonic() > end:
                    raise Apart(
                        f"the Locust worker {late[0]} does not tell its time: is it of another version?"
                    )
                gevent.sleep(PAUSE_S)
        return [Offset(name, self._best[name][1] / 1e9, self._best[name][0] / 2e9) for name in workers]


def clocks_check(offsets: Sequence[Offset]) -> Check:
    """The farthest clock; raises Apart where it is too far to measure with."""
    farthest = max(offsets, key=lambda offset: offset.least_s)
    if farthest.least_s > MOST_S:
        way = "ahead of" if farthest.ahead_s > 0 else "behind"
        raise Apart(
            f"the clock of the Locust worker {farthest.worker} is {abs(farthest.ahead_s):.3g} s {way} the "
            f"master's, and rates and percentiles would be wrong: the most is {MOST_S:g} s. "
            "Set the clocks alike, as NTP does."
        )
    return Check(name="clocks", status="ok", figure=farthest.least_s, limit=MOST_S, unit="s")
