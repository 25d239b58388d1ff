"""Several Locust workers measure as one: a common zero, shared schedules, sums that agree to the request.

The master fixes the zero and each Locust worker's part; they travel with Locust's own spawn message.
Reports carry sequence numbers and are acknowledged; what was not is sent again with the last one, and
no Locust worker leaves before that one is acknowledged.
"""

import logging
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns, time_ns
from typing import Any

import gevent
from gevent.event import Event
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from loadtests.generator.clocks import Clocks, clocks_check
from loadtests.generator.documents import combined, make_folder, write_document
from loadtests.generator.exchange import Deltas, Sums
from loadtests.generator.locust_internals import send_statistics
from loadtests.generator.merging import merge_samples
from loadtests.generator.session import Session
from loadtests.load.live import LiveLines
from loadtests.load.options import Options
from loadtests.model.records import GeneratorDocument

logger = logging.getLogger(__name__)

HEAD_START_S = 2.0  # for the Locust workers to learn the right answers before the common zero
FINAL_WAIT_S = 15.0
RESEND_S = 1.0
REPORT, FINAL, ACKNOWLEDGED, FINISH, FAILED = (
    "twins_report",
    "twins_final",
    "twins_acknowledged",
    "twins_finish",
    "twins_failed",
)


def part_of(options: Namespace, runner: WorkerRunner) -> tuple[int, int, int | None]:
    """This Locust worker's part, the number of parts and the common zero, as the master said."""
    workers: list[str] = getattr(options, "twins_workers", [])
    if runner.client_id not in workers:
        return 0, 1, None
    return workers.index(runner.client_id), len(workers), options.twins_zero_unix_ns


class WorkerLink:
    """A Locust worker's side: reports while it measures, and a last one that must be acknowledged."""

    def __init__(self, runner: WorkerRunner) -> None:
        self._runner = runner
        self._deltas = Deltas()
        self._acknowledged = Event()
        runner.register_message(ACKNOWLEDGED, self._on_acknowledged)
        runner.environment.events.report_to_master.add_listener(self._on_report)

    def begin(self, session: Session) -> None:
        self._deltas = Deltas()
        self._acknowledged = Event()
        session.measurement.recorder.listeners.append(self._deltas.take)

    def _on_report(self, client_id: str, data: dict[str, Any]) -> None:
        data["twins"] = self._deltas.report()

    def _on_acknowledged(self, environment: Any, msg: Any) -> None:
        self._deltas.acknowledge(msg.data["sequence"])
        if msg.data["final"]:
            self._acknowledged.set()

    def end(self, document: GeneratorDocument) -> None:
        """Send Locust's statistics and ours, again and again until the master has them or is gone."""
        send_statistics(self._runner)
        for _ in range(round(FINAL_WAIT_S / RESEND_S)):
            final = {"reports": self._deltas.unacknowledged(), "document": document.model_dump(mode="json")}
            self._runner.send_message(FINAL, final)
            if self._acknowledged.wait(RESEND_S):
                return
        logger.error("The master did not acknowledge this Locust worker's last report.")


class MasterSession:
    """The master's side of one measurement: it sends nothing to the server, it sums."""

    def __init__(
        self, runner: MasterRunner, options: Options, clocks: Clocks, then: Callable[[], None]
    ) -> None:
        if options.warmup_max_s is not None:
            raise ValueError(
                "--twins-warmup-max is for one Locust process: several have no common moment to be steady at."
            )
        self.options = options
        self.document: GeneratorDocument | None = None
        self.sums = Sums()
        self._runner = runner
        self._then = then
        self._workers = sorted(client.id for client in runner.clients.all if client.state != STATE_MISSING)
        self._finals: dict[str, GeneratorDocument] = {}
        make_folder(options.out)
        self._checks = [clocks_check(clocks.measure(self._workers))] if self._workers else []
        self._zero_ns = monotonic_ns() + round(HEAD_START_S * 1e9)
        self._zero_unix_ns = time_ns() + round(HEAD_START_S * 1e9)
        self._live = LiveLines(options.out)
        self._next_second = 0
        self._watcher: Any = None
        self._finished = False

    def start(self, namespace: Namespace) -> None:
        """Tell the Locust workers the zero and their parts, by the options that Locust sends them."""
        namespace.twins_zero_unix_ns = self._zero_unix_ns
        namespace.twins_workers = self._workers
        self._watcher = gevent.spawn(self._watch)

    def on_report(self, client_id: str, data: dict[str, Any]) -> None:
        """A Locust worker's report, part of those that Locust sends every few seconds."""
        if client_id in self._workers and "twins" in data:
            self._acknowledge(client_id, self.sums.add(client_id, data["twins"]), final=False)
            self._write_live(self._seconds_gone() - 5)

    def on_final(self, client_id: str, data: dict[str, Any]) -> None:
        """A Locust worker's last report: all it has not seen acknowledged, and its document."""
        last = 0
        for report in data["reports"]:
            last = self.sums.add(client_id, report)
        self._finals[client_id] = GeneratorDocument.model_validate(data["document"])
        self._acknowledge(client_id, last, final=True)

    def _acknowledge(self, client_id: str, sequence: int, final: bool) -> None:
        self._runner.send_message(ACKNOWLEDGED, {"sequence": sequence, "final": final}, client_id)

    def _seconds_gone(self) -> int:
        return int((monotonic_ns() - self._zero_ns) / 1e9)

    def _write_live(self, until: int) -> None:
        warmup_s, duration_s = self.options.warmup_s, self.options.duration_s or float("inf")
        while self._next_second < until:
            second = self._next_second
            phase = (
                "warmup" if second < warmup_s else "measure" if second < warmup_s + duration_s else "drain"
            )
            line = {"second": second, "phase": phase, "in_flight": 0, "users": self._runner.user_count}
            self._live.write_line({**line, **self.sums.line(second)})
            self._next_second += 1

    def _missing(self) -> list[str]:
        """The Locust workers whose last report is still to come."""
        return [worker for worker in self._workers if worker not in self._finals]

    def _lost(self) -> list[str]:
        clients = self._runner.clients
        return [w for w in self._missing() if w not in clients or clients[w].state == STATE_MISSING]

    def _watch(self) -> None:
        if self.options.duration_s is None:
            return
        end_s = self.options.warmup_s + self.options.duration_s + self.options.drain_s
        while self._seconds_gone() < end_s + 1 and set(self._missing()) != set(self._lost()):
            gevent.sleep(0.1)
        self.finish()
        self._then()

    def finish(self) -> None:
        """Collect what is missing, sum, and write it down; the second time nothing is left to do."""
        if self._finished:
            return
        self._finished = True
        if gevent.getcurrent() is not self._watcher:
            gevent.kill(self._watcher)
        for worker in self._missing():
            if worker in self._runner.clients:
                self._runner.send_message(FINISH, None, worker)
        deadline_ns = monotonic_ns() + round((FINAL_WAIT_S + self.options.drain_s) * 1e9)
        while set(self._missing()) != set(self._lost()) and monotonic_ns() < deadline_ns:
            gevent.sleep(0.05)
        self._write_live(max(self.sums.seconds, default=-1) + 1)
        self._live.close()
        lost = self._missing()
        for worker in lost:
            logger.error("The Locust worker %s was lost: what it had measured is missing.", worker)
        if not self._finals:
            return
        document = combined(list(self._finals.values()), len(self._workers), len(lost))
        self.document = document.model_copy(update={"conditions": [*document.conditions, *self._checks]})
        if self.options.out is not None:
            self._write(self.options.out)

    def _write(self, out: Path) -> None:
        assert self.document is not None  # noqa: S101 - made by the caller
        parts = [out / worker_folder(part) / "samples.bin" for part in range(len(self._workers))]
        count = merge_samples([path for path in parts if path.is_file()], out / "samples.bin")
        if count < self.sums.samples:
            logger.error(
                "%d of %d samples are on other machines: copy their worker folders into %s.",
                self.sums.samples - count,
                self.sums.samples,
                out,
            )
        write_document(out, self.document)


def worker_folder(part: int) -> str:
    """Where a Locust worker puts its own samples, inside the common folder."""
    return f"worker-{part}"
