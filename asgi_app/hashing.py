"""Waiting for the digest of a file that is asked for the first time: a task waits, and no thread."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from starlette.types import Receive

from asgi_app.replies import disconnected
from shared.catalogue import OPEN_TRIES, changing
from shared.errors import Unavailable
from shared.hashing import Hashing, Undigested

T = TypeVar("T")


async def digested(receive: Receive | None, call: Callable[[], Awaitable[T]]) -> T:
    """What `call` returns, as often called as it must wait for a digest first.

    `receive` is watched for a client that goes away, where no body is to come from it.
    """
    for _ in range(OPEN_TRIES):
        try:
            return await call()
        except Undigested as undigested:
            await wait(undigested.hashing, receive)
    raise changing()


async def wait(hashing: Hashing, receive: Receive | None) -> None:
    """Until it has its digest, or its client is gone; raises what the disk said."""
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # a loop that has ended
            loop.call_soon_threadsafe(finished.set)

    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(finished.wait())]
    if receive is not None:
        waits.append(asyncio.ensure_future(disconnected(receive)))
    try:
        hashing.when_finished(tell)
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hashing.leave()
        for wait in waits:
            wait.cancel()
    if hashing.error is not None:
        raise hashing.error
    if not hashing.finished:
        raise Unavailable("The client went away.")
