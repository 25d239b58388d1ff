"""A server that gives every request the same bytes; uvloop does the work, so the generator is the limit.

`python -m loadtests.lab.fixed_server BODY_BYTES` prints its port and serves until its input is closed.
"""

import asyncio
import sys
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"


class Fixed(asyncio.Protocol):
    """Counts heads, and answers as many times; request bodies are not expected."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(HEAD_END)):
            self._transport.write(self._answer)


async def serve(body_bytes: int) -> None:
    """Serve on a free port of 127.0.0.1 until standard input ends."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % body_bytes + b"x" * body_bytes
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Fixed(answer), "127.0.0.1", 0, backlog=4096)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
