"""The life of a measurement in one Locust process: begin, phases, drain, end."""

import os
from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import Any

import gevent
import numpy as np

from loadtests.background.control import BackgroundClients
from loadtests.generator.documents import asked, write_document
from loadtests.load.histogram import add_values, empty_histogram, figures
from loadtests.load.live import LiveLines
from loadtests.load.loops import OpenLoop
from loadtests.load.measurement import Measurement, Mix, TurnSource, set_current
from loadtests.load.own_health import Heartbeat, Mark, cpu_share, mark, run_queue_share
from loadtests.load.schedule import arrivals, read_replay
from loadtests.load.warmup import SLICES, Warmup
from loadtests.model.records import Check, GeneratorDocument, WarmupEnd
from loadtests.model.samples import CENSORED, DROPPED, KINDS, MEASURE, Samples
from loadtests.probes import pss_bytes
from loadtests.wire.failures import KIND

TICKS_PER_S = 20
WORTH_A_SPILL = 2_048  # samples: fewer wait for the second's end, for a spill delays what is due meanwhile
SETTLE_S = 0.01
SHORTEST_LOOK_US = 50_000
SENT = np.ones(len(KINDS), dtype=bool)
SENT[[CENSORED, DROPPED, KIND["connect"], KIND["connect-timeout"]]] = False


class Session:
    """Runs a measurement through its phases and writes its document."""

    def __init__(
        self,
        measurement: Measurement,
        live: LiveLines,
        *,
        scenario: str,
        parameters: dict[str, Any],
        names: list[str],
        prepared: Callable[[], int],
        part: tuple[int, int],
        mix: Mix | TurnSource,
        conditions: Sequence[Callable[[], Check]],
        background: Sequence[BackgroundClients],
        user_count: Callable[[], int],
        then: Callable[[], None],
    ) -> None:
        self.measurement = measurement
        self.names = names
        self.document: GeneratorDocument | None = None
        self._live = live
        self._scenario = scenario
        self._parameters = parameters
        self._prepared = prepared
        self._mix = mix
        self._part = part
        self._conditions = conditions
        self._background = background
        self._user_count = user_count
        self._then = then
        self._late = empty_histogram()
        self._marks: list[Mark] = []
        self._heartbeat = Heartbeat(lambda: len(measurement.flying))
        self._open: OpenLoop | None = None
        self._second = 0
        self._ticker: Any = None
        self._phases: Any = None
        self._finished = False
        self._pss_bytes: int | None = None
        self.options = measurement.options
        self._warmup = Warmup(round(self.options.warmup_s * 1e6))
        measurement.recorder.listeners += [self._note_lateness, live.take]

    def start(self) -> None:
        """Begin: from here on requests are due."""
        self._pss_bytes = pss_bytes(os.getpid())
        set_current(self.measurement)
        options, (part, parts) = self.measurement.options, self._part
        if options.open_loop:
            if options.replay is not None:
                blocks = read_replay(options.replay, part, parts)
            else:
                assert options.profile is not None  # noqa: S101 - one of the two is what open_loop means
                blocks = arrivals(options.arrivals, options.profile, options.seed, part, parts)
            self._open = OpenLoop(self.measurement, blocks, self._mix, options.seed)
        self._ticker = gevent.spawn(self._tick)
        self._phases = gevent.spawn(self._go_through_phases)

    def _note_lateness(self, samples: Samples) -> None:
        chosen = samples[(samples["phase"] == MEASURE) & SENT[samples["kind"]]]
        # the time to connect is the server's, not the generator's
        add_values(self._late, chosen["sent_us"] - (chosen["connected_us"] - chosen["dequeued_us"]))

    def _tick(self) -> None:
        recorder, ticks = self.measurement.recorder, 0
        while True:
            ticks += 1
            due_ns = recorder.zero_ns + ticks * 1_000_000_000 // TICKS_PER_S
            gevent.sleep(max(0.0, (due_ns - monotonic_ns()) / 1e9))
            if ticks % TICKS_PER_S == 0:
                recorder.spill()
                self._write_live()
            elif recorder.pending >= WORTH_A_SPILL:
                recorder.spill()

    def _write_live(self) -> None:
        phase = self.measurement.recorder.phase(self._second * 1_000_000)
        self._live.write(self._second, phase, len(self.measurement.flying), self._user_count())
        self._second += 1

    def _warm_up(self, least_us: int, most_us: int) -> None:
        """Let the warm-up end as soon as the run is steady, or when time is up."""
        recorder, warmup = self.measurement.recorder, self._warmup
        look_us, step_us = least_us, max(SHORTEST_LOOK_US, least_us // SLICES)
        recorder.listeners.append(warmup.take)
        while True:
            _until(recorder.zero_ns + look_us * 1000)
            recorder.spill()
            steady = warmup.steady(recorder.now_us())
            if steady or look_us >= most_us:
                break
            look_us = min(most_us, recorder.now_us() + step_us)
        recorder.listeners.remove(warmup.take)
        why: WarmupEnd = "steady" if steady else "out of time" if steady is False else "too few requests"
        # what was due while looking belongs to the warm-up
        self.measurement.end_warmup(why, recorder.now_us())

    def _go_through_phases(self) -> None:
        options, recorder = self.measurement.options, self.measurement.recorder
        if options.warmup_max_s is not None:
            self._warm_up(round(options.warmup_s * 1e6), round(options.warmup_max_s * 1e6))
        _until(recorder.zero_ns + recorder.warmup_us * 1000)
        self._begin_measuring()
        if options.duration_s is None:
            return
        while (remaining_ns := self.measurement.end_ns - monotonic_ns()) > 0:
            self.measurement.exhausted.wait(remaining_ns / 1e9)
        self._end_measuring()
        drained_ns = self.measurement.end_ns + round(options.drain_s * 1e9)
        while monotonic_ns() < drained_ns and (self.measurement.flying or self._backlog()):
            gevent.sleep(SETTLE_S)
        self.finish()
        self._then()

    def _backlog(self) -> bool:
        return self._open is not None and self._open.behind

    def _begin_measuring(self) -> None:
        self._marks = [mark()]
        for clients in self._background:
            clients.measure(True)
        self._heartbeat.count(True)

    def _end_measuring(self) -> None:
        if len(self._marks) == 1:
            self._marks.append(mark())
            for clients in self._background:
                clients.measure(False)
            self._heartbeat.count(False)

    def finish(self) -> None:
        """End what is still in flight, write everything down; the second time nothing is left to do."""
        if self._finished:
            return
        self._finished = True
        measurement, recorder = self.measurement, self.measurement.recorder
        if gevent.getcurrent() is not self._phases:
            gevent.kill(self._phases)
        recorder.end_us = min(recorder.end_us, recorder.now_us())
        if not self._marks:
            self._begin_measuring()
        self._end_measuring()
        measurement.over = True
        if self._open is not None:
            self._open.rest_of_schedule()
            self._open.stop()
        while measurement.flying:
            measurement.censor()
            gevent.sleep(SETTLE_S)
        gevent.kill(self._ticker)
        for clients in self._background:
            clients.end()
        recorder.close()
        if self._live.pending:
            self._write_live()
        self._live.close()
        self._heartbeat.stop()
        measurement.deadlines.stop()
        set_current(None)
        measurement.ended.set()
        self.document = self._document()
        if measurement.options.out is not None:
            write_document(measurement.options.out, self.document)

    def _document(self) -> GeneratorDocument:
        measurement, recorder = self.measurement, self.measurement.recorder
        start, end = self._marks[0], self._marks[-1]
        now = mark()
        users = 0 if measurement.options.open_loop else measurement.users
        prepared = self._prepared()
        return GeneratorDocument(
            **asked(measurement.options, self._scenario, self._parameters, users),
            zero_unix_s=measurement.zero_unix_s,
            warmup_us=min(recorder.warmup_us, recorder.end_us),
            warmup_end=measurement.warmup_end,
            measure_us=recorder.end_us,
            end_us=max(recorder.last_us, recorder.end_us),
            names=self.names,
            due=recorder.due,
            sent=recorder.sent + prepared,
            prepared=prepared,
            cpu_user_s=now.user_s,
            cpu_system_s=now.system_s,
            cpu_measure_share=cpu_share(start, end),
            run_queue_share=run_queue_share(start, end),
            loop_lag_us=self._heartbeat.figures(),
            in_flight_mean=self._heartbeat.in_flight_mean(),
            between_s=measurement.between_ns / 1e9,
            pss_start_bytes=self._pss_bytes,
            pss_end_bytes=pss_bytes(os.getpid()),
            send_lateness_us=figures(self._late),
            background=[clients.document() for clients in self._background],
            conditions=[condition() for condition in self._conditions],
        )


def _until(at_ns: int) -> None:
    while (remaining_ns := at_ns - monotonic_ns()) > 0:
        gevent.sleep(remaining_ns / 1e9)
