"""A server of the atlas that runs: started in an empty folder, read through its notes and /proc, ended."""

import contextlib
import itertools
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.lab import processes
from loadtests.lab.servers.ports import free_port
from loadtests.subjects.atlas.probe import LIMIT_S
from loadtests.subjects.atlas.rows import ServerRow
from loadtests.subjects.atlas.talk import Gone, ResponseMessage, Silent, Talk, request

APPLICATION = Path(__file__).parent / "application"
START_S, STOP_S, POLL_S = 20.0, 1.0, 0.02
REST_S, AT_REST_TICKS = 0.4, 3
_numbers = itertools.count(1)


class NotStarted(RuntimeError):
    """Why a server of the atlas does not serve, in a sentence."""


@dataclass
class Running:
    """A running server; `deadline` is when the probe that asks it has to be done."""

    row: ServerRow
    port: int
    folder: Path
    process: processes.Guarded | None = None
    deadline: float = 0.0
    open: list[Talk] = field(default_factory=list)

    @property
    def path(self) -> str:
        """What a request asks for that every application answers."""
        return self.row.path

    @property
    def pid(self) -> int:
        assert self.process is not None  # noqa: S101  for mypy: who asks for it was started here
        return self.process.pid

    def begin(self) -> None:
        self.deadline = time.monotonic() + LIMIT_S

    def finish(self) -> None:
        """Close what a probe left open."""
        for talk in self.open:
            talk.close()
        self.open.clear()

    def talk(self) -> Talk:
        talk = Talk(self.port, self.deadline)
        self.open.append(talk)
        return talk

    def ask(self, data: bytes) -> ResponseMessage:
        """One request on a connection of its own."""
        return self.talk().ask(data)

    def handed(self, data: bytes) -> tuple[ResponseMessage, dict[str, Any]]:
        """What the server handed to the application; {} where the request did not get there."""
        answer = self.ask(data)
        try:
            document = json.loads(answer.body)
        except ValueError:
            document = {}
        return answer, document if isinstance(document, dict) else {}

    def new_note(self) -> str:
        return f"n{next(_numbers)}"

    def notes(self, name: str, event: str = "") -> list[dict[str, Any]]:
        """What the application noted under a name, in order."""
        path = self.folder / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        documents = [json.loads(line) for line in lines]
        return [
            document
            for document in documents
            if document["note"] == name and event in ("", document["event"])
        ]

    def noted(self, name: str, *events: str, limit_s: float = 10.0) -> dict[str, Any] | None:
        """The first note of one of the events, waited for; None where none comes in time."""
        end = min(self.deadline, time.monotonic() + limit_s)
        while True:
            for document in self.notes(name):
                if document["event"] in events:
                    return document
            if time.monotonic() > end:
                return None
            time.sleep(POLL_S)

    def release(self, name: str) -> None:
        """Let all requests go that wait under a name."""
        (self.folder / f"notes-{name}").touch()

    def tree(self) -> list[int]:
        """The started process and all below it that live."""
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    parents[int(path.parent.name)] = int(fields[1])
        members = [self.pid]
        for pid in members:
            members += [child for child, parent in parents.items() if parent == pid]
        return members

    def serving_pid(self) -> int:
        """The process that answers a new client."""
        _, document = self.handed(request("/facts", fields=("Connection: close",)))
        self.finish()  # some servers wait for it
        return int(document.get("pid", 0))

    def rest(self, limit_s: float = 10.0) -> None:
        """Until all processes have done with starting: the first to answer may be alone for seconds."""
        end, before = time.monotonic() + limit_s, self._cpu_ticks()
        while time.monotonic() < end:
            time.sleep(REST_S)
            now = self._cpu_ticks()
            if now - before <= AT_REST_TICKS:
                return
            before = now

    def _cpu_ticks(self) -> int:
        ticks = 0
        for pid in self.tree():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks

    def threads(self, pid: int) -> int:
        return len(os.listdir(f"/proc/{pid}/task"))

    def memory_bytes(self) -> int:
        """Memory of the tree that is not shared with anybody."""
        return sum(private_bytes(pid) for pid in self.tree())

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def ended_within(self, limit_s: float) -> float | None:
        """Seconds until the started process ended; None where it runs on."""
        assert self.process is not None  # noqa: S101
        start = time.monotonic()
        limit_s = min(limit_s, self.deadline - start)
        while not self.process.ended():
            if time.monotonic() - start > limit_s:
                return None
            processes.wait([self.process], max(0.0, limit_s - (time.monotonic() - start)))
        return time.monotonic() - start


def private_bytes(pid: int) -> int:
    """Private memory of a process, from its `smaps_rollup`; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


@contextlib.contextmanager
def running(row: ServerRow, extra: tuple[str, ...] = ()) -> Iterator[Running]:
    """The server while it is needed, from its first answer on; raises NotStarted."""
    with tempfile.TemporaryDirectory(prefix="twins-atlas-") as name:
        folder = Path(name)
        server = Running(row, row.port or free_port(), folder)
        if not row.url:
            server.process = _started(server, row.line(server.port, extra))
        try:
            _wait(server)
            yield server
        finally:
            server.finish()
            if server.process is not None:
                processes.stop(server.process, STOP_S)


def _started(server: Running, line: list[str]) -> processes.Guarded:
    environment = {
        **dict(server.row.environment),
        "ATLAS_NOTES": str(server.folder / "notes"),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(APPLICATION), os.environ.get("PYTHONPATH")))),
    }
    log = server.folder / "server.log"
    try:
        return processes.start(line, environment=environment, cpus=None, log=log, folder=server.folder)
    except processes.StartError as error:
        raise NotStarted(str(error)) from None


def _wait(server: Running) -> None:
    """Until the first answer."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if server.process is not None and server.process.ended():
            raise NotStarted(f"{server.row.name} ended at once: {server.process.tail()}")
        server.begin()
        with contextlib.suppress(Gone, Silent):
            server.ask(request(server.path, fields=("Connection: close",)))
            server.finish()
            return
        server.finish()
        time.sleep(POLL_S)
    wrote = f": {server.process.tail()}" if server.process is not None else ""
    raise NotStarted(f"{server.row.name} gave no answer within {START_S:g} s{wrote}")
