"""One measurement, from its zero to its last sample: what the users of the closed and the open loop share."""

import random
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from time import monotonic_ns, time_ns
from typing import Any, Protocol

from gevent import getcurrent
from gevent.event import Event
from gevent.hub import get_hub

from loadtests.load.options import Options
from loadtests.load.recorder import Recorder
from loadtests.model.records import WarmupEnd
from loadtests.model.samples import CENSORED, DROPPED, KINDS, OK
from loadtests.wire.client import Client, Exchange
from loadtests.wire.connection import Deadlines
from loadtests.wire.failures import KIND, WireFailure
from loadtests.wire.message import Request

CONNECT = KIND["connect"]


class Turn(Protocol):
    """What a user does next where its requests hold values of its own: a first one, and what follows it."""

    @property
    def choice(self) -> "Choice": ...

    def prepare(self, choice: "Choice") -> None:
        """Write the request that comes next."""

    def request(self) -> Request:
        """The one that was prepared."""

    def progress(self) -> Exchange:
        """What its answer is to be read into."""

    def read(self, progress: Exchange, kind: int) -> int:
        """Take from an answer what later requests need; the kind of the outcome, body for a lack."""


@dataclass(frozen=True)
class Choice:
    """A prepared request, the number of its name in the samples, and what follows a right answer at once."""

    request: Request
    name: int
    then: "Choice | None" = None


class Mix:
    """Requests drawn by weight; one request needs no draw."""

    def __init__(self, choices: Sequence[Choice], weights: Sequence[int]) -> None:
        self._choices = choices
        self._sums = list(accumulate(weights))

    def draw(self, source: random.Random) -> Choice:
        if len(self._choices) == 1:
            return self._choices[0]
        return self._choices[bisect(self._sums, source.random() * self._sums[-1])]


class TurnTaker(Protocol):
    """One user with values of its own."""

    def turn(self, source: random.Random) -> Turn | None:
        """What it does next, its first request prepared; None where there is nothing left to ask."""


class TurnSource(Protocol):
    """Users with values of their own, in place of a mix that is the same for all."""

    def claim(self) -> TurnTaker:
        """A user of the closed loop, that nobody else is."""

    def next(self) -> TurnTaker:
        """The user that the next arrival of the open loop is of."""


class Measurement:
    """The running measurement of this process. Requests go through `perform`, and nothing else does.

    `mixes` and `parameters` are by scenario; `fire` tells of each request, as Locust's event of one does.
    """

    def __init__(
        self,
        options: Options,
        recorder: Recorder,
        mixes: "dict[str, Mix | TurnSource]",
        parameters: dict[str, dict[str, Any]],
        part: tuple[int, int],
        new_client: Callable[[Deadlines, Any], Client],
        fire: Callable[..., None],
    ) -> None:
        self.options = options
        self.recorder = recorder
        self.mixes = mixes
        self.parameters = parameters
        self.zero_ns = recorder.zero_ns
        self._part = part
        self.zero_unix_s = (time_ns() - monotonic_ns() + recorder.zero_ns) / 1e9
        self.end_ns = recorder.zero_ns + recorder.end_us * 1000
        self.warmup_end: WarmupEnd = "planned"
        self.over = False
        self.ended = Event()
        self.exhausted = Event()
        self.flying: dict[Any, int] = {}
        self.deadlines = Deadlines()
        self._new_client = new_client
        self._event = fire
        self.users = 0  # closed-loop users that began
        self.between_ns = 0  # while measuring, in which users were busy between two requests

    def end_warmup(self, why: WarmupEnd, at_us: int) -> None:
        """The warm-up is over: what is due from `at_us` on is measured."""
        self.warmup_end = why
        self.recorder.end_warmup(at_us)
        if self.exhausted.is_set():
            self.recorder.end_us = at_us
        self.end_ns = self.zero_ns + self.recorder.end_us * 1000

    def new_client(self, user: Any = None) -> Client:
        """A client for the current greenlet."""
        return self._new_client(self.deadlines, user)

    def new_user(self) -> int:
        """The number of the next closed-loop user, from 1, unique among all Locust workers."""
        self.users += 1
        return 1 + self._part[0] + (self.users - 1) * self._part[1]

    def perform(
        self,
        client: Client,
        choice: Choice,
        due_ns: int,
        user: int,
        source: random.Random,
        turn: Turn | None = None,
    ) -> tuple[int, int]:
        """Do one request; record its outcome and fire Locust's event, whatever ends it.

        Returns its kind and when it ended. Only what ends the greenlet is raised.
        """
        request = choice.request if turn is None else turn.request()
        digested = request.expectation.digest is not None and not source.randrange(self.options.digest_one_in)
        progress = Exchange() if turn is None else turn.progress()
        kind = CENSORED
        greenlet = getcurrent()
        dequeued_ns = self.flying[greenlet] = monotonic_ns()
        try:
            kind = client.exchange(request, digested, progress)
            if turn is not None:
                kind = turn.read(progress, kind)
        except WireFailure as failure:
            kind = failure.kind
        finally:
            del self.flying[greenlet]
            last_ns = progress.last_ns if kind == OK else monotonic_ns()
            self.recorder.record(
                due_ns,
                dequeued_ns,
                progress.connected_ns or dequeued_ns,
                progress.sent_ns,
                progress.first_ns or last_ns,
                last_ns,
                progress.received,
                progress.status,
                choice.name,
                user,
                kind,
            )
            if client.fires:
                self._fire(request, due_ns, last_ns, progress.received, progress.status, kind)
        if request.afterwards is not None:
            client.acknowledge()
            request.afterwards()
            last_ns = self.between(last_ns)
        if choice.then is not None and kind == OK and not self.over:
            if turn is not None:
                turn.prepare(choice.then)
                last_ns = self.between(last_ns)
            return self.perform(client, choice.then, last_ns, user, source, turn)
        return kind, last_ns

    def between(self, ended_ns: int) -> int:
        """Now; the time since an answer ended was the user's own, in which it waited for nobody."""
        now_ns = monotonic_ns()
        if self.zero_ns + self.recorder.warmup_us * 1000 <= ended_ns < self.end_ns:
            self.between_ns += now_ns - ended_ns
        return now_ns

    def exhaust(self) -> None:
        """There is nothing left to ask: the measuring phase ends here."""
        if not self.exhausted.is_set():
            self.recorder.end_us = min(self.recorder.end_us, self.recorder.now_us())
            self.end_ns = self.zero_ns + self.recorder.end_us * 1000
            self.exhausted.set()

    def drop(self, choice: Choice, due_ns: int) -> None:
        """Record an arrival that was never sent."""
        now = monotonic_ns()
        self.recorder.record(due_ns, now, now, 0, now, now, 0, 0, choice.name, 0, DROPPED)
        if self.options.client == "wire":
            self._fire(choice.request, due_ns, now, 0, 0, DROPPED)

    def _fire(
        self, request: Request, due_ns: int, last_ns: int, received: int, status: int, kind: int
    ) -> None:
        self._event(
            request_type=request.method,
            name=request.name,
            response_time=(last_ns - due_ns) / 1e6,
            response_length=received,
            exception=None if kind == OK else WireFailure(KINDS[kind], status),
            context={},
            response=None,
            start_time=self.zero_unix_s + (due_ns - self.zero_ns) / 1e9,
            url=request.path,
            recorded=True,
        )

    def censor(self) -> None:
        """End all requests in flight where they are; they are recorded with their age, as lower bounds."""

        def throw() -> None:
            for greenlet in list(self.flying):
                greenlet.throw(WireFailure("censored"))

        if self.flying:
            get_hub().loop.run_callback(throw)


_current: list[Measurement] = []


def current() -> Measurement | None:
    """The measurement of this process, while there is one."""
    return _current[0] if _current else None


def set_current(measurement: Measurement | None) -> None:
    _current[:] = [] if measurement is None else [measurement]
