"""The upstream's one server process: an event loop, and one protocol object for each connection."""

import asyncio
import json
import socket
import struct
from collections import Counter, deque
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any, cast

import httptools

from loadtests.subjects.twins.upstream.behaviour import (
    PATTERN,
    Behaviour,
    Visit,
    read_behaviour,
    seeded,
    visit,
)

PACE_S = 0.05  # how often a slow body sends a piece
BODILESS = (204, 304)


@dataclass
class UpstreamCounts:
    """What has come in since the start, or since it was last set to nothing."""

    hits: int = 0
    connections: int = 0
    most_connections: int = 0
    answering: int = 0
    visits: Counter[str] = field(default_factory=Counter)
    chance: Random = field(default_factory=Random)

    def reset(self) -> None:
        self.hits, self.most_connections = 0, self.connections
        self.visits.clear()

    def document(self) -> dict[str, int]:
        return {
            "hits": self.hits,
            "connections": self.connections,
            "most_connections": self.most_connections,
            "answering": self.answering,
        }


class Upstream(asyncio.Protocol):
    """One connection: requests in order, each answered as its address asks.

    `GET /hits` tells the counts, `DELETE /hits` sets them to nothing; neither is a hit.
    """

    transport: asyncio.Transport
    parser: Any

    def __init__(self, counts: UpstreamCounts) -> None:
        self.counts = counts
        self.loop = asyncio.get_running_loop()
        self.waiting: deque[tuple[str, str]] = deque()
        self.busy = False
        self.paused = False
        self.counted = False  # among those being answered
        self.target = b""
        self.timer: asyncio.TimerHandle | None = None
        self.left: int | None = 0  # bytes of the body still to send, None without end
        self.sending: Behaviour | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of asyncio's
        self.parser = httptools.HttpRequestParser(self)
        self.counts.connections += 1
        self.counts.most_connections = max(self.counts.most_connections, self.counts.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        self.counts.connections -= 1
        self.counts.answering -= self.counted
        self.sending = None
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self) -> None:
        self.target = b""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_message_complete(self) -> None:
        request = (self.parser.get_method().decode("latin-1"), self.target.decode("latin-1"))
        if self.busy:
            self.waiting.append(request)
        else:
            self.answer(*request)

    def answer(self, method: str, target: str) -> None:
        self.busy = True
        if target == "/hits":
            if method == "DELETE":
                self.counts.reset()
            self.say(200, json.dumps(self.counts.document()).encode())
            return
        self.counts.hits += 1
        self.counts.answering += 1
        self.counted = True
        try:
            behaviour = read_behaviour(target)
        except ValueError as error:
            self.say(400, json.dumps({"detail": str(error)}).encode())
            return
        chance = self.counts.chance
        if behaviour.seed is not None:
            self.counts.visits[target] += 1
            chance = seeded(behaviour, target, self.counts.visits[target])
        fate = visit(behaviour, chance)
        if fate.latency_s:
            self.timer = self.loop.call_later(fate.latency_s, self.begin, method, behaviour, fate)
        else:
            self.begin(method, behaviour, fate)

    def say(self, status: int, body: bytes) -> None:
        self.transport.write(head(status, len(body), "application/json") + body)
        self.done()

    def begin(self, method: str, behaviour: Behaviour, fate: Visit) -> None:
        """Send the head, and the body or as much of it as can be sent now."""
        if fate.reset:
            self.break_off()
            return
        size = 0 if fate.status in BODILESS else behaviour.bytes
        announced = size if behaviour.announced_bytes is None else behaviour.announced_bytes
        start = head(fate.status, announced, "application/octet-stream", behaviour.to)
        if method == "HEAD":
            size = 0
        if behaviour.cut_bytes is not None and (size is None or behaviour.cut_bytes < size):
            size = behaviour.cut_bytes
        if size is not None and size <= len(PATTERN) and not behaviour.bytes_per_s:
            self.transport.write(start + PATTERN[:size])
            self.end(behaviour)
            return
        self.transport.write(start)
        self.left, self.sending = size, behaviour
        self.send_more()

    def send_more(self) -> None:
        """Write until the peer must read first, or until a slow body's next piece is due."""
        behaviour = self.sending
        if behaviour is None:
            return
        pace = behaviour.bytes_per_s
        piece = max(1, round(pace * PACE_S)) if pace else len(PATTERN)
        while self.left is None or self.left > 0:
            if self.transport.is_closing() or (self.paused and not pace):
                return
            size = piece if self.left is None else min(piece, self.left)
            self.transport.write((PATTERN * (size // len(PATTERN) + 1))[:size])
            if self.left is not None:
                self.left -= size
            if pace:
                self.timer = self.loop.call_later(size / pace, self.send_more)
                return
        self.sending = None
        self.end(behaviour)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.sending is not None and not self.sending.bytes_per_s:
            self.send_more()

    def end(self, behaviour: Behaviour) -> None:
        if behaviour.cut_bytes is not None:
            self.break_off()
        elif behaviour.announced_bytes is not None:
            self.transport.close()
        else:
            self.done()

    def done(self) -> None:
        self.busy = False
        self.counts.answering -= self.counted
        self.counted = False
        if not self.parser.should_keep_alive():
            self.transport.close()
        elif self.waiting:
            self.answer(*self.waiting.popleft())

    def break_off(self) -> None:
        """Reset the connection (RST), as a process that was killed does."""
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def head(status: int, length: int | None, media_type: str, location: str | None = None) -> bytes:
    """Status line and headers; without a length the body ends with the connection."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase if status in STATUSES else 'Other'}"]
    if status not in BODILESS:
        lines.append(f"Content-Type: {media_type}")
        lines.append("Connection: close" if length is None else f"Content-Length: {length}")
    if location is not None:
        lines.append(f"Location: {location}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


STATUSES = {status.value for status in HTTPStatus}


async def serve(host: str, port: int) -> None:
    """Serve until cancelled."""
    counts = UpstreamCounts()
    server = await asyncio.get_running_loop().create_server(
        lambda: Upstream(counts), host, port, backlog=4096
    )
    async with server:
        await server.serve_forever()
