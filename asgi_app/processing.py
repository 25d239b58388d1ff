"""`/process` on the ASGI face: the loop over the steps, each awaited while the loop serves others."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from asgi_app.databases import Database
from asgi_app.jobs import begin, end
from asgi_app.replies import WireResponse, send_reply
from asgi_app.requests import content_type, read_body
from shared.errors import Unavailable
from shared.jobs import named
from shared.operations import read_work
from shared.pools import BrokenProcessPool, Pools
from shared.processing import Compute, Effect, Pause, plan_process, reply_process
from shared.service import Service


async def process(database: Database | None, service: Service, request: Request) -> WireResponse:
    work = read_work(content_type(request.scope), await read_body(request))
    job = await begin(database, work.operation)
    try:
        effects = plan_process(work, service.catalogue)
        results = [await perform(effect, service.pools) for effect in effects]
        reply = reply_process(work, results)
    except Exception as error:
        await end(database, job, error)
        raise
    await end(database, job)
    return send_reply(named(reply, job))


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
