"""Background clients in a process of their own: slow, idle or busy ones beside the users that are measured.

`python -m loadtests.background.clients` reads the length of a JSON document in twelve digits and the
document, which says what to do; prints a line once all its clients are at it, and a report when its input
ends. Lines `measure` and `measured` bound the time in which the fewest clients at work are noted. Its
requests are checked as the users' are, and counted apart.
"""

import asyncio
import json
import os
import resource
import socket
import sys
import time
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httptools
import uvloop

from loadtests.model.backgrounds import BACKGROUNDS

PIECES_PER_S = 10
REFRESH_S = 20.0  # an idle connection asks again before the servers' keep-alive of 30 s ends it
PAUSE_S = 0.1
CONNECTING = 256  # at once
PORTS_PER_ADDRESS = 20_000
BLOCK_BYTES = 64 * 1024
LENGTH_DIGITS = 12


class WrongBytes(Exception):
    """An answer that is not as it must be; `str()` says how."""


@dataclass
class ClientCounts:
    """What the clients did. `working` holds the numbers of those that are connected and at it."""

    sent: int = 0
    completed: int = 0
    lost: int = 0
    wrong: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    events: int = 0
    first_wrong: str = ""
    working: set[int] = field(default_factory=set)
    ready: set[int] = field(default_factory=set)
    fewest: int | None = None


class ResponseReader:
    """Reads one response; raises WrongBytes as soon as a byte differs from what is expected."""

    def __init__(self, job: dict[str, Any], counts: ClientCounts) -> None:
        self.complete = False
        self.keep_alive = False
        self._job = job
        self._counts = counts
        self._expected: bytes | None = job["expected"]
        self._received = 0
        self._event, self._pending = 0, b""
        self._parser = httptools.HttpResponseParser(self)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self.keep_alive = self._parser.should_keep_alive()
        if status not in self._job["statuses"]:
            raise WrongBytes(f"status {status}")

    def on_body(self, piece: bytes) -> None:
        if self._expected is not None and not self._expected.startswith(piece, self._received):
            raise WrongBytes(f"other bytes than expected at {self._received}")
        self._received += len(piece)
        self._counts.received_bytes += len(piece)
        if BACKGROUNDS[self._job["kind"]].endless:
            self._take_events(piece)

    def _take_events(self, piece: bytes) -> None:
        *whole, self._pending = (self._pending + piece).split(b"\n\n")
        for event in whole:
            if event.startswith(b"id: "):
                self._event += 1
                self._counts.events += 1
                if not event.startswith(b"id: %d\n" % self._event):
                    raise WrongBytes(f"{event[:20]!r} where event {self._event} was due")

    def on_message_complete(self) -> None:
        if self._expected is not None and self._received != len(self._expected):
            raise WrongBytes(f"{self._received} bytes where {len(self._expected)} were expected")
        self.complete = True

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as problem:
            raise problem.__context__ or problem from None
        except httptools.HttpParserError as problem:
            raise WrongBytes(f"not HTTP: {problem}") from None


class JobClients:
    """All clients of one job."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.counts = ClientCounts()
        self._loop = asyncio.get_running_loop()
        self._connecting = asyncio.Semaphore(CONNECTING)
        self._kind = BACKGROUNDS[job["kind"]]

    async def client(self, number: int) -> None:
        """Connect and behave, again and again, until cancelled."""
        counts = self.counts
        while True:
            sock: socket.socket | None = None
            try:
                async with self._connecting:
                    sock = await self._connect(number)
                    if self._kind.idle:
                        await self._request(sock, number)
                counts.working.add(number)
                await (self._idle if self._kind.idle else self._ask)(sock, number)
            except (OSError, WrongBytes, asyncio.IncompleteReadError) as problem:
                counts.working.discard(number)
                if isinstance(problem, WrongBytes):
                    counts.wrong += 1
                    counts.first_wrong = counts.first_wrong or str(problem)
                else:
                    counts.lost += 1
                await asyncio.sleep(PAUSE_S)
            finally:
                if sock is not None:
                    sock.close()

    async def _connect(self, number: int) -> socket.socket:
        job = self.job
        sock = socket.socket(job["family"], socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if job["read_bytes_per_s"]:
                # a slow reader is one whose window closes: the kernel must not read ahead for it
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, max(4096, job["read_bytes_per_s"] // 4))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if job["count"] > PORTS_PER_ADDRESS and job["address"][0].startswith("127."):
                sock.bind((f"127.0.0.{2 + number // PORTS_PER_ADDRESS}", 0))
            await self._loop.sock_connect(sock, tuple(job["address"]))
        except BaseException:
            sock.close()
            raise
        return sock

    async def _ask(self, sock: socket.socket, number: int) -> None:
        while await self._request(sock, number):
            pass

    async def _idle(self, sock: socket.socket, number: int) -> None:
        while True:
            try:
                await asyncio.wait_for(self._loop.sock_recv(sock, 1), REFRESH_S)
            except TimeoutError:
                await self._request(sock, number)
            else:
                raise ConnectionResetError

    async def _request(self, sock: socket.socket, number: int) -> bool:
        """One request and its answer; whether the connection can be used again."""
        job, counts = self.job, self.counts
        counts.sent += 1
        await self._loop.sock_sendall(sock, job["head"])
        if not self._kind.idle:
            counts.ready.add(number)
        await self._send_body(sock)
        answer = ResponseReader(job, counts)
        rate = job["read_bytes_per_s"]
        limit = max(1, rate // PIECES_PER_S) if rate else BLOCK_BYTES
        due = time.monotonic()
        while not answer.complete:
            data = await self._loop.sock_recv(sock, limit)
            if not data:
                raise ConnectionResetError
            answer.feed(data)
            if rate and not answer.complete:
                due = max(due + len(data) / rate, time.monotonic() - 1)
                await asyncio.sleep(due - time.monotonic())
        counts.completed += 1
        counts.ready.add(number)
        return answer.keep_alive

    async def _send_body(self, sock: socket.socket) -> None:
        body, rate = self.job["body"], self.job["send_bytes_per_s"]
        piece = max(1, rate // PIECES_PER_S) if rate else max(1, len(body))
        for start in range(0, len(body), piece):
            part = body[start : start + piece]
            await self._loop.sock_sendall(sock, part)
            self.counts.sent_bytes += len(part)
            if rate:
                await asyncio.sleep(len(part) / rate)


async def run(job: dict[str, Any]) -> None:
    """Keep the clients at it until standard input ends; see the module."""
    clients = JobClients(job)
    counts, count = clients.counts, job["count"]
    tasks = [asyncio.ensure_future(clients.client(number)) for number in range(count)]
    lines: asyncio.Queue[str] = asyncio.Queue()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    began = time.monotonic()
    while len(counts.ready) < count and time.monotonic() - began < job["ready_s"]:  # noqa: ASYNC110 - of 10,000
        await asyncio.sleep(0.02)
    print(json.dumps({"ready": len(counts.ready), "after_s": time.monotonic() - began}), flush=True)

    async def take_lines() -> None:
        while line := await reader.readline():
            await lines.put(line.decode().strip())
        await lines.put("")

    taking = asyncio.ensure_future(take_lines())
    measuring = False
    while True:
        with suppress(TimeoutError):
            line = await asyncio.wait_for(lines.get(), 0.05)
            if not line:
                break
            measuring = line == "measure"
        if measuring:
            now = len(counts.working)
            counts.fewest = now if counts.fewest is None else min(now, counts.fewest)
    for task in (taking, *tasks):
        task.cancel()
    await asyncio.gather(taking, *tasks, return_exceptions=True)
    report = {name: value for name, value in vars(counts).items() if name not in ("working", "ready")}
    print(json.dumps(report), flush=True)


def _job(descriptor: int) -> dict[str, Any]:
    """The job, and not a byte further: what follows is read by the loop."""
    length = int(os.read(descriptor, LENGTH_DIGITS))
    pieces = []
    while length:
        pieces.append(os.read(descriptor, length))
        length -= len(pieces[-1])
    job: dict[str, Any] = json.loads(b"".join(pieces))
    return job


def main() -> None:
    job = _job(sys.stdin.fileno())
    for name in ("head", "body", "expected"):
        job[name] = None if job[name] is None else b64decode(job[name])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(run(job))


if __name__ == "__main__":
    main()
