"""The handlers as plain functions, each run in the server's pool of threads (`TWINS_HANDLERS=threads`).

What FastAPI does with a `def` handler: the loop hands the request to a thread and sends what comes back.
"""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from anyio import from_thread
from fastapi import Request

from asgi_app.databases import Database
from asgi_app.downloads import NAMES, SMALL_BYTES, Segments, from_memory, read_in_thread
from asgi_app.fetching import NAMES as FETCH_NAMES
from asgi_app.jobs import begin, end
from asgi_app.replies import Body, WireResponse, send_reply
from asgi_app.requests import content_type, deciding_headers, mounted_at, path_after, query_values
from shared.catalogue import Catalogue, Opened
from shared.downloads import DownloadPlan, plan_download
from shared.errors import Unavailable
from shared.fetching import fetching_off, keep, read_fetch, reply_fetch
from shared.jobs import named
from shared.listing import list_page, read_page_query
from shared.operations import read_work
from shared.pools import BrokenProcessPool, Pools
from shared.processing import Effect, Pause, plan_process, reply_process
from shared.reading import Block, read_waiting
from shared.replies import json_reply
from shared.service import Service

if TYPE_CHECKING:
    from asgi_app.upstreams import Clients


def list_files(service: Service, request: Request, body: bytes) -> WireResponse:
    limit, after = read_page_query(query_values(request.scope))
    return send_reply(json_reply(list_page(service.catalogue, limit, after)))


def download(service: Service, request: Request, body: bytes) -> WireResponse:
    scope = request.scope
    name = path_after(scope, "/files/")
    method, headers = scope["method"], deciding_headers(scope, NAMES)
    answer = from_memory(service, name, method, headers)
    if answer is not None:
        return answer
    opened = service.catalogue.open(name)
    try:
        plan = plan_download(opened.entry, method, headers)
        return WireResponse(plan.status, plan.raw_headers, _body(service.catalogue, plan, opened, method))
    except BaseException:
        os.close(opened.descriptor)
        raise


def _body(catalogue: Catalogue, plan: DownloadPlan, opened: Opened, method: str) -> Block | Body:
    if method == "HEAD" or not plan.segments:
        os.close(opened.descriptor)
        return b""
    if plan.length <= SMALL_BYTES:
        parts = [
            part if isinstance(part, bytes) else read_waiting(opened.descriptor, part)
            for part in plan.segments
        ]
        if plan.status == 200 and catalogue.keeps(opened.entry):
            catalogue.keep(opened, parts[0])
        os.close(opened.descriptor)
        return parts[0] if len(parts) == 1 else b"".join(parts)
    return Segments(plan, opened.descriptor, read_in_thread)


def process(database: Database | None, service: Service, request: Request, body: bytes) -> WireResponse:
    """The job is recorded on the loop, by the same code as without threads."""
    work = read_work(content_type(request.scope), body)
    job = from_thread.run(begin, database, work.operation)
    try:
        effects = plan_process(work, service.catalogue)
        results = [perform(effect, service.pools) for effect in effects]
        reply = reply_process(work, results)
    except Exception as error:
        from_thread.run(end, database, job, error)
        raise
    from_thread.run(end, database, job)
    return send_reply(named(reply, job))


def perform(effect: Effect, pools: Pools) -> Mapping[str, Any]:
    """Wait or compute; the result of the step."""
    if isinstance(effect, Pause):
        time.sleep(effect.duration_s)
        return effect.result
    if effect.where == "inline":
        return effect.function()
    try:
        return pools.pool(effect.where).submit(effect.function).result()
    except BrokenProcessPool:
        pools.discard_broken()
        raise Unavailable("The process that did this work was ended; try again.") from None


def fetch(clients: "Clients | None", service: Service, request: Request, body: bytes) -> WireResponse:
    """The addresses are fetched by the loop, whose connections all threads share; this one waits for them."""
    if clients is None:
        raise fetching_off()
    asked = read_fetch(deciding_headers(request.scope, FETCH_NAMES), body, service.settings)
    outcomes = from_thread.run(clients.fetch_all, service, asked)
    return send_reply(reply_fetch(asked, keep(outcomes), mounted_at(request.scope)))
