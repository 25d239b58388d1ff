"""Threads for what touches a disk, each waited for to its end: no file is closed under its writer."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
POOL = ThreadPoolExecutor(40, thread_name_prefix="disk")
"""Not the server's own pool: handlers that wait for a fetch may hold all of its threads."""


async def to_its_end(
    function: Callable[..., T], *arguments: object, discard: Callable[[T], object] | None = None
) -> T:
    """In a thread, waited for even by a task that is cancelled, however often.

    `discard` takes what the function returned where nobody is left to have it.
    """
    work = asyncio.get_running_loop().run_in_executor(POOL, function, *arguments)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((work,))
        if discard is not None and work.exception() is None:
            discard(work.result())
        raise
