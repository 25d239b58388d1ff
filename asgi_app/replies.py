"""The one effect of an ASGI reply: send status, headers and body to the server."""

from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send

from shared.errors import ServiceError, problem
from shared.reading import Block
from shared.replies import RawHeaders, Reply


class WireResponse:
    """A response that goes to the server as it is: a whole body, or blocks as they come.

    FastAPI only hands it through; a Starlette response would build its headers anew for each request.
    """

    def __init__(self, status: int, headers: RawHeaders, body: Block | AsyncIterator[Block]) -> None:
        self.wire_status = status
        self.wire_headers = headers
        self.wire_body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.wire_status, "headers": self.wire_headers})
        body = self.wire_body
        if isinstance(body, bytes | bytearray):
            await send({"type": "http.response.body", "body": body})
            return
        async for block in body:
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def send_reply(reply: Reply) -> WireResponse:
    return WireResponse(reply.status, reply.raw_headers, reply.body)


def send_problem(error: ServiceError) -> WireResponse:
    return send_reply(problem(error))
