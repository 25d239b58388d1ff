"""The closed loop, where a user waits for its answer, and the open loop, where arrivals wait for nobody."""

import random
from collections.abc import Callable, Iterator
from time import monotonic_ns
from typing import Any

import gevent
from gevent import getcurrent
from gevent.hub import get_hub

from loadtests.load.measurement import CONNECT, Choice, Measurement, Mix, Turn, TurnSource, TurnTaker
from loadtests.model.samples import OK
from loadtests.wire.alarm import Alarm

REFUSED_PAUSE_S = 0.01
BURST = 64


def closed_loop(
    measurement: Measurement, user: Any, mix: Mix | TurnSource, think_s: float, stopping: Callable[[], bool]
) -> None:
    """One user's requests, one after the other, until the measuring phase ends or the user is stopped.

    A request is due when the answer before it has ended, plus the think time: whatever delays its
    sending after that is part of its response time.
    """
    number = measurement.new_user()
    source = random.Random(measurement.options.seed * 1_000_003 + number)  # noqa: S311 - repeatable, no secret
    client = measurement.new_client(user)
    try:
        visitor = None if isinstance(mix, Mix) else mix.claim()
        due_ns, pause_s = max(monotonic_ns(), measurement.zero_ns), 0.0
        _sleep_until(due_ns)
        while due_ns < measurement.end_ns and not measurement.over and not stopping():
            drawn = _draw(mix, visitor, source)
            if drawn is None:
                measurement.exhaust()
                break
            choice, turn = drawn
            if turn is not None and not pause_s:  # writing the request is nobody's time but the user's own
                due_ns = measurement.between(due_ns)
            kind, last_ns = measurement.perform(client, choice, due_ns, number, source, turn)
            # a refused connection costs no time, and a user that never waits would stop all others
            pause_s = think_s if kind != CONNECT else max(think_s, REFUSED_PAUSE_S)
            due_ns = last_ns + round(pause_s * 1e9)
            if pause_s:
                _sleep_until(due_ns)
    finally:
        client.close()


def _draw(
    mix: Mix | TurnSource, visitor: TurnTaker | None, source: random.Random
) -> tuple[Choice, Turn | None] | None:
    """What is asked next; None where there is nothing left to ask."""
    if isinstance(mix, Mix):
        return mix.draw(source), None
    turn = (visitor or mix.next()).turn(source)
    return None if turn is None else (turn.choice, turn)


def _sleep_until(at_ns: int) -> None:
    remaining_s = (at_ns - monotonic_ns()) / 1e9
    if remaining_s > 0:
        gevent.sleep(remaining_s)


class OpenLoop:
    """Sends each arrival when it is due, from a pool of parked greenlets, one per request in flight.

    The alarm rings in the hub, which switches straight into a parked greenlet: between the alarm and
    the request's first byte stands no queue but the loop's own.
    """

    def __init__(
        self, measurement: Measurement, blocks: Iterator[list[int]], mix: Mix | TurnSource, seed: int
    ) -> None:
        self._measurement = measurement
        self._blocks = blocks
        self._mix = mix
        self._source = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self._digests = random.Random(seed + 1)  # noqa: S311 - apart, for it is drawn from in the order of sending
        self._parked: list[Any] = []
        self._size = 0
        self._block: list[int] = []
        self._next = 0
        self._alarm = Alarm(self._ring)
        self._due_ns = self._take()
        if self._due_ns is not None:
            self._alarm.set(self._due_ns)

    def _take(self) -> int | None:
        """The time of the next arrival; None after the last one of the measuring phase."""
        while self._next == len(self._block):
            block = next(self._blocks, None)
            if block is None:
                return None
            self._block, self._next = block, 0
        due_ns = self._measurement.zero_ns + self._block[self._next]
        self._next += 1
        return due_ns if due_ns < self._measurement.end_ns else None

    def _ring(self) -> None:
        if self._measurement.over:
            return
        for _ in range(BURST):
            due_ns = self._due_ns
            if due_ns is None or due_ns >= self._measurement.end_ns:
                return
            if due_ns > monotonic_ns():
                break
            self._due_ns = self._take()
            self._arrive(due_ns)
        if self._due_ns is not None:
            # after a whole burst this is in the past: the loop looks at its sockets, then rings again
            self._alarm.set(self._due_ns)

    def _arrive(self, due_ns: int) -> None:
        drawn = _draw(self._mix, None, self._source)
        if drawn is None:
            self._due_ns = None
            self._measurement.exhaust()
        elif self._parked:
            self._parked.pop().switch((*drawn, due_ns))
        elif self._size < self._measurement.options.in_flight:
            self._size += 1
            greenlet = gevent.Greenlet(self._serve, *drawn, due_ns)
            greenlet.start()
        else:
            self._measurement.drop(drawn[0], due_ns)

    def _serve(self, choice: Choice, turn: Turn | None, due_ns: int) -> None:
        measurement = self._measurement
        hub, switch = get_hub(), getcurrent()
        client = measurement.new_client()
        try:
            while True:
                kind, _ = measurement.perform(client, choice, due_ns, 0, self._digests, turn)
                if kind != OK and measurement.over:
                    return
                self._parked.append(switch)
                choice, turn, due_ns = hub.switch()
        finally:
            client.close()

    @property
    def behind(self) -> bool:
        """Whether arrivals are due that have not been sent yet."""
        return self._due_ns is not None and self._due_ns < min(monotonic_ns(), self._measurement.end_ns)

    def rest_of_schedule(self) -> int:
        """Count and record as dropped what was due and never taken up; the number of them."""
        count, now = 0, monotonic_ns()
        while self._due_ns is not None and self._due_ns < min(now, self._measurement.end_ns):
            drawn = _draw(self._mix, None, self._source)
            if drawn is None:
                break
            self._measurement.drop(drawn[0], self._due_ns)
            self._due_ns = self._take()
            count += 1
        return count

    def stop(self) -> None:
        """Silence the alarm and end the parked greenlets, which closes their connections."""
        self._alarm.close()
        gevent.killall(self._parked)
