"""`/process` on the ASGI face: the loop over the steps, each awaited while the loop serves others."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from asgi_app.replies import WireResponse, send_reply
from asgi_app.requests import content_type, read_body
from shared.errors import Unavailable
from shared.operations import read_work
from shared.pools import BrokenProcessPool, Pools
from shared.processing import Compute, Effect, Pause, plan_process, reply_process
from shared.service import Service


async def process(service: Service, request: Request) -> WireResponse:
    work = read_work(content_type(request.scope), await read_body(request))
    effects = plan_process(work, service.catalogue)
    results = [await perform(effect, service.pools) for effect in effects]
    return send_reply(reply_process(work, results))


async def perform(effect: Effect, pools: Pools) -> Mapping[str, Any]:
    """Wait or compute; the result of the step."""
    if isinstance(effect, Pause):
        await asyncio.sleep(effect.duration_s)
        return effect.result
    return await compute(effect, pools)


async def compute(effect: Compute, pools: Pools) -> Mapping[str, Any]:
    if effect.where == "inline":
        return effect.function()
    try:
        return await asyncio.wrap_future(pools.pool(effect.where).submit(effect.function))
    except BrokenProcessPool:
        pools.discard_broken()
        raise Unavailable("The process that did this work was ended; try again.") from None
