"""A refused upload under granian: read on before it is answered (RFC 9112 section 9.6).

granian closes a connection whose body nobody reads while its client still sends: the answer is lost with it.
"""

import asyncio
import sys
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.progress import LINGER_SILENT_S, Lingering
from shared.refusals import has_more_than_is_sent_at_once


def served_by_granian() -> bool:
    return "granian" in sys.modules


class ReadingOn:
    """Reads what a client still sends before an answer that refuses it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_sent_whatever_is_answered(scope):
            receiving = Receiving(receive)
            await self.app(scope, receiving, Answering(receiving, send))
        else:
            await self.app(scope, receive, send)


def is_sent_whatever_is_answered(scope: MutableMapping[str, Any]) -> bool:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    return has_more_than_is_sent_at_once(
        headers.get(b"content-length"), b"transfer-encoding" in headers, b"expect" in headers
    )


class Receiving:
    """A server's `receive`, and whether it has more of a body."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._more = True

    async def __call__(self) -> Message:
        message = await self._receive()
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def read_on(self) -> None:
        loop = asyncio.get_running_loop()
        lingering = Lingering(loop.time())
        while self._more and not lingering.over(loop.time()):
            try:
                message = await asyncio.wait_for(self(), LINGER_SILENT_S)
            except TimeoutError:
                return
            lingering.heard(len(message.get("body", b"")), loop.time())


class Answering:
    """A server's `send` that reads on first where a request is refused."""

    def __init__(self, receiving: Receiving, send: Send) -> None:
        self._receiving = receiving
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            await self._receiving.read_on()
        await self._send(message)
