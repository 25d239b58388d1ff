"""`/process` on the WSGI face: the loop over the steps, each waited for in the thread that serves."""

import time
from collections.abc import Mapping
from typing import Any

from shared.errors import Unavailable
from shared.jobs import named
from shared.operations import read_work
from shared.pools import BrokenProcessPool, Pools
from shared.processing import Compute, Effect, Pause, plan_process, reply_process
from shared.service import Service
from wsgi_app.databases import Database
from wsgi_app.jobs import begin, end
from wsgi_app.replies import WireResponse, send_reply
from wsgi_app.requests import Environ, content_type, read_body


def process(database: Database | None, service: Service, environ: Environ) -> WireResponse:
    work = read_work(content_type(environ), read_body(environ))
    job = begin(database, work.operation)
    try:
        effects = plan_process(work, service.catalogue)
        results = [perform(effect, service.pools) for effect in effects]
        reply = reply_process(work, results)
    except Exception as error:
        end(database, job, error)
        raise
    end(database, job)
    return send_reply(named(reply, job))


def perform(effect: Effect, pools: Pools) -> Mapping[str, Any]:
    """Wait or compute; the result of the step."""
    if isinstance(effect, Pause):
        time.sleep(effect.duration_s)
        return effect.result
    return compute(effect, pools)


def compute(effect: Compute, pools: Pools) -> Mapping[str, Any]:
    if effect.where == "inline":
        return effect.function()
    try:
        return pools.pool(effect.where).submit(effect.function).result()
    except BrokenProcessPool:
        pools.discard_broken()
        raise Unavailable("The process that did this work was ended; try again.") from None
