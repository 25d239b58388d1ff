"""A server of planted behaviour: what the instrument must find is known beforehand.

Run as a script it prints its port and serves until its input is closed. The first two requests of a
path are always answered well, so that the instrument can learn the right answer from them.

/constant/MS            answers after MS milliseconds
/exponential/MS         after exponentially distributed delays of that mean; /record/… lists them in µs
/stall/MS/N/STALL_MS    after MS milliseconds, and at the N-th request the whole server stands still once
/slow-start/MS/S/SLOW   after SLOW milliseconds in the first S seconds, from then on after MS
/slower/MS/S            after MS milliseconds, twice as long every S seconds
/every/N/FAULT          each N-th request: 503, truncate, close, wrong, short, silent, garbage or drip
/files/N/FAULT          1 MiB with an ETag, ranges, 304 and PUT; each N-th request: whole, shifted, tag or 503
/chunked /informed /until-close /no-content /closing   framings; /count tells how many requests came
"""

import asyncio
import json
import random
import selectors
import ssl
import sys
import time
from collections.abc import Callable
from typing import cast

HEAD_END = b"\r\n\r\n"
BODY = b"Hello, World!"
LEARNING = 2


def answer(body: bytes = BODY, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


FRAMINGS = {
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    b"5\r\nHello\r\n8;note=1\r\n, World!\r\n0\r\nX-Sum: 1\r\n\r\n",
    "informed": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(),
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
}
FAULTS: dict[str, bytes] = {
    "503": answer(b"Not now.", "503 Service Unavailable"),
    "truncate": answer()[:-6],
    "close": b"",
    "wrong": answer(b"Hello, Welt.!"),
    "short": answer(b"Hello"),
    "garbage": b"BLAH BLAH\r\n\r\n",
    "drip": answer()[:-6],
}
CLOSING_FAULTS = ("truncate", "close")


STORED = bytes(range(251)) * 4178
SHIFTED = STORED[1:] + STORED[:1]
TAG = 'ETag: "planted"\r\n'


def file_answer(method: str, fields: dict[bytes, bytes], fault: str) -> bytes:
    """What a server of one file answers, rightly or with a fault."""
    if fault == "503":
        return FAULTS["503"]
    body = SHIFTED if fault == "shifted" else STORED
    tag = 'ETag: "other"\r\n' if fault == "tag" else TAG
    if method == "PUT":
        return f"HTTP/1.1 204 No Content\r\n{tag}\r\n".encode()
    if fault != "whole" and b"if-none-match" in fields:
        return f"HTTP/1.1 304 Not Modified\r\n{tag}\r\n".encode()
    if fault != "whole" and b"range" in fields:
        first, _, last = fields[b"range"].partition(b"=")[2].partition(b"-")
        part = body[int(first) : int(last) + 1 if last else None]
        return answer(part, "206 Partial Content", tag)
    return answer(body, head=tag)


class State:
    """What all connections share: counts per path, and the delays as they really were."""

    def __init__(self) -> None:
        self.total = 0
        self.counts: dict[str, int] = {}
        self.delays_us: dict[str, list[float]] = {}
        self.begun: dict[str, float] = {}
        self.random = random.Random(20)  # noqa: S311 - repeatable, no secret


class Planted(asyncio.Protocol):
    def __init__(self, state: State) -> None:
        self.state = state
        self.pending = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while HEAD_END in self.pending:
            head, _, rest = self.pending.partition(HEAD_END)
            length, fields = 0, {}
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                fields[name.lower()] = value.strip()
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self.pending = rest[length:]
            self.serve(head.split(b" ")[0].decode(), head.split(b" ")[1].decode(), rest[:length], fields)

    def serve(self, method: str, path: str, body: bytes, fields: dict[bytes, bytes]) -> None:
        state = self.state
        parts = path.strip("/").split("/")
        if parts[0] == "count":
            self.transport.write(answer(json.dumps(state.total).encode()))
            return
        if parts[0] == "record":
            self.transport.write(answer(json.dumps(state.delays_us.get(path[len("/record") :], [])).encode()))
            return
        state.total += 1
        number = state.counts[path] = state.counts.get(path, 0) + 1
        if parts[0] == "constant":
            self.later(path, float(parts[1]), number)
        elif parts[0] == "exponential":
            self.later(path, state.random.expovariate(1 / float(parts[1])), number)
        elif parts[0] == "stall":
            if number == LEARNING + int(parts[2]):
                time.sleep(float(parts[3]) / 1000)
            self.later(path, float(parts[1]), number)
        elif parts[0] in ("slow-start", "slower"):
            self.later(path, self.changing(path, parts, number), number)
        elif parts[0] == "every":
            self.fault(parts[2], number > LEARNING and number % int(parts[1]) == 0)
        elif parts[0] == "files":
            faulty = number > LEARNING and number % int(parts[1]) == 0
            self.transport.write(file_answer(method, fields, parts[2] if faulty else ""))
        elif parts[0] in FRAMINGS:
            self.transport.write(FRAMINGS[parts[0]])
        elif parts[0] == "until-close":
            self.transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY)
            self.transport.close()
        elif parts[0] == "closing":
            self.transport.write(answer(head="Connection: close\r\n"))
            self.transport.close()
        elif parts[0] == "length":
            self.transport.write(answer(str(len(body)).encode()))
        elif parts[0] == "bytes":
            self.transport.write(answer(b"x" * int(parts[1])))
        elif method == "HEAD":
            self.transport.write(answer()[: -len(BODY)])
        else:
            self.transport.write(answer())

    def changing(self, path: str, parts: list[str], number: int) -> float:
        """The delay in ms, by the time since the first request that was not for learning."""
        now = time.monotonic()
        age_s = now - self.state.begun.setdefault(path, now) if number > LEARNING else 0.0
        if parts[0] == "slower":
            return float(parts[1]) * float(2.0 ** (age_s / float(parts[2])))
        return float(parts[3] if age_s < float(parts[2]) else parts[1])

    def fault(self, name: str, now: bool) -> None:
        if not now:
            self.transport.write(answer())
        elif name != "silent":
            self.transport.write(FAULTS[name])
            if name in CLOSING_FAULTS:
                self.transport.close()

    def later(self, path: str, delay_ms: float, number: int) -> None:
        began = time.monotonic_ns()

        def write() -> None:
            if number > LEARNING:
                self.state.delays_us.setdefault(path, []).append((time.monotonic_ns() - began) / 1000)
            self.transport.write(answer())

        asyncio.get_running_loop().call_later(delay_ms / 1000 if number > LEARNING else 0, write)


async def main(host: str, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    state = State()
    factory: Callable[[], Planted] = lambda: Planted(state)  # noqa: E731 - a factory is an expression
    server = await loop.create_server(factory, host, 0, backlog=4096, ssl=context)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()


if __name__ == "__main__":
    tls = None
    if len(sys.argv) > 2:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[2], sys.argv[3])
    # epoll waits in whole milliseconds, and the delays would depend on who else arrives meanwhile
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(main(sys.argv[1], tls))
