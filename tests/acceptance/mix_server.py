"""A server of a few fixed answers, written for speed: the load generator is the limit, not this.

`python -m tests.acceptance.mix_server` prints its port and serves until its input is closed.
"""

import asyncio
import sys
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"Content-Length: "


def answer(status: bytes, body: bytes, *fields: bytes) -> bytes:
    head = [b"HTTP/1.1 " + status, b"Content-Type: application/json", *fields]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


ORDER = answer(b"201 Created", b'{"id": 4711, "item": 7, "total": 12.5, "state": "new"}')
LOGIN = answer(b"200 OK", b'{"token": "t-0123456789"}', b"Set-Cookie: sid=0123456789abcdef; Path=/; HttpOnly")
FIXED = answer(b"200 OK", b'{"id": 1, "name": "item 1", "price": 1.25}')


class Mixed(asyncio.Protocol):
    """One request at a time on a connection; its body is in the same piece or the next."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        end = data.find(HEAD_END)
        whole = end >= 0
        if whole and data.startswith(b"P"):
            lowered = data[:end].lower()
            place = lowered.find(LENGTH.lower())
            length = int(lowered[place + len(LENGTH) :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            whole = len(data) >= end + len(HEAD_END) + length
        self._rest = b"" if whole else data
        if whole:
            self._transport.write(self._reply(data))

    def _reply(self, data: bytes) -> bytes:
        if data.startswith(b"POST /login"):
            return LOGIN
        if data.startswith(b"POST"):
            return ORDER
        if data.startswith(b"GET /items/"):
            number = data[11 : data.index(b" ", 11)]
            return answer(b"200 OK", b'{"id": %b, "name": "item %b", "price": 1.25}' % (number, number))
        return FIXED


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Mixed, "127.0.0.1", 0, backlog=4096)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()


if __name__ == "__main__":
    uvloop.run(serve())
