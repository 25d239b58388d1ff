"""The one effect of an ASGI reply: send status, headers and body to the server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from starlette.types import Receive, Scope, Send

from shared.errors import ServiceError, problem
from shared.reading import Block
from shared.replies import RawHeaders, Reply

OLD_VERSIONS = ("1.0", "1")  # as uvicorn and gunicorn, and as granian write it
CLOSE = (b"connection", b"close")


class Body(Protocol):
    """A body that comes in blocks and holds something open until it is closed."""

    def blocks(self) -> AsyncGenerator[Block]: ...

    def close(self) -> None: ...


class WireResponse:
    """A response that goes to the server as it is: a whole body, or blocks as they come.

    FastAPI only hands it through; a Starlette response would build its headers anew for each request.
    """

    def __init__(self, status: int, headers: RawHeaders, body: Block | Body) -> None:
        self.wire_status = status
        self.wire_headers = headers
        self.wire_body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, body = self.wire_headers, self.wire_body
        if scope["http_version"] in OLD_VERSIONS and self.ends_with_its_connection():
            headers = [*headers, CLOSE]  # granian would say that it keeps it
        start = {"type": "http.response.start", "status": self.wire_status, "headers": headers}
        if isinstance(body, bytes | bytearray):
            await send(start)
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
            return
        try:
            await send(start)
            await send_blocks(body, receive, send)
        finally:
            body.close()

    def ends_with_its_connection(self) -> bool:
        """Whether nothing else tells an HTTP/1.0 client where the body ends."""
        return self.wire_status not in (204, 304) and all(
            name != b"content-length" for name, _ in self.wire_headers
        )


async def send_blocks(body: Body, receive: Receive, send: Send) -> None:
    """Send a body block by block until its end, or until the client is gone.

    uvicorn takes blocks for a client that is gone in silence and without ever waiting: unwatched,
    the loop would serve nobody else until the last of them was read.
    """
    sending = asyncio.ensure_future(send_all(body, send))
    gone = asyncio.ensure_future(disconnected(receive))
    try:
        await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not sending.done():
            sending.cancel()
            await asyncio.wait((sending,))
    if not sending.cancelled():
        sending.result()


async def send_all(body: Body, send: Send) -> None:
    async with aclosing(body.blocks()) as blocks:
        async for block in blocks:
            await send({"type": "http.response.body", "body": block, "more_body": True})
            await asyncio.sleep(0)  # a server that never waits would leave the loop to nobody else
    await send({"type": "http.response.body", "body": b""})


async def disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def send_reply(reply: Reply) -> WireResponse:
    return WireResponse(reply.status, reply.raw_headers, reply.body)


def send_problem(error: ServiceError) -> WireResponse:
    return send_reply(problem(error))
