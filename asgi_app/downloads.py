"""`/files` on the ASGI face: a page of the catalogue, and downloads that hop to no thread where cached."""

import os
from collections.abc import AsyncIterator

from anyio.to_thread import run_sync
from fastapi import Request

from asgi_app.replies import WireResponse, send_reply
from asgi_app.requests import deciding_headers, path_after, query_values
from shared.catalogue import Opened
from shared.downloads import DECIDING, Plan, plan_download
from shared.listing import list_page, read_page_query
from shared.ranges import ByteRange
from shared.reading import Block, read_cached, read_waiting
from shared.replies import json_reply
from shared.service import Service

SMALL_BYTES = 1024 * 1024  # below, one read and one send
BLOCK_BYTES = 1024 * 1024
NAMES = {name.encode(): name for name in DECIDING}


async def list_files(service: Service, request: Request) -> WireResponse:
    limit, after = read_page_query(query_values(request.scope))
    return send_reply(json_reply(await run_sync(list_page, service.catalogue, limit, after)))


async def download(service: Service, request: Request) -> WireResponse:
    scope = request.scope
    name = path_after(scope, "/files/")
    opened = service.catalogue.open_known(name)
    if opened is None:
        opened = await run_sync(service.catalogue.open, name)
    try:
        method = scope["method"]
        plan = plan_download(opened.entry, method, deciding_headers(scope, NAMES))
        return WireResponse(plan.status, plan.raw_headers, await _body(plan, opened, method))
    except BaseException:
        os.close(opened.descriptor)
        raise


async def _body(plan: Plan, opened: Opened, method: str) -> Block | AsyncIterator[Block]:
    """The body as the server sends it fastest; closes the file at its end."""
    part = plan.only_range
    if method == "HEAD" or not plan.segments:
        os.close(opened.descriptor)
        return b""
    if part is not None and part.length <= SMALL_BYTES:
        data = await _read(opened.descriptor, part)
        os.close(opened.descriptor)
        return data
    return _segments(plan, opened.descriptor)


async def _segments(plan: Plan, descriptor: int) -> AsyncIterator[Block]:
    """The bytes and file ranges of a plan in order; its end closes the file."""
    try:
        for segment in plan.segments:
            if isinstance(segment, bytes):
                yield segment
                continue
            for start in range(segment.start, segment.end, BLOCK_BYTES):
                yield await _read(descriptor, ByteRange(start, min(BLOCK_BYTES, segment.end - start)))
    finally:
        os.close(descriptor)


async def _read(descriptor: int, part: ByteRange) -> Block:
    data = read_cached(descriptor, part)
    return await run_sync(read_waiting, descriptor, part) if data is None else data
