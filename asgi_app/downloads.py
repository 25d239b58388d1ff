"""`/files` on the ASGI face: a page of the catalogue, and downloads that hop to no thread where cached."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import partial

from anyio.to_thread import run_sync
from fastapi import Request

from asgi_app.hashing import digested
from asgi_app.replies import Body, WireResponse, send_reply
from asgi_app.requests import deciding_headers, header_keys, path_after, query_values
from asgi_app.threads import to_its_end
from shared.catalogue import Catalogue, Opened
from shared.downloads import DECIDING, DownloadPlan, in_memory, plan_download
from shared.listing import list_page, read_page_query
from shared.ranges import ByteRange
from shared.reading import Block, read_cached, read_waiting
from shared.replies import json_reply
from shared.service import Service

SMALL_BYTES = 1024 * 1024  # below, one read and one send
BLOCK_BYTES = 1024 * 1024
NAMES = header_keys(DECIDING)
Read = Callable[[int, ByteRange], Awaitable[Block]]


async def list_files(service: Service, request: Request) -> WireResponse:
    limit, after = read_page_query(query_values(request.scope))
    return send_reply(json_reply(await run_sync(list_page, service.catalogue, limit, after)))


async def download(service: Service, request: Request) -> WireResponse:
    scope = request.scope
    name = path_after(scope, "/files/")
    method, headers = scope["method"], deciding_headers(scope, NAMES)
    answer = from_memory(service, name, method, headers)
    if answer is not None:
        return answer
    opened = service.catalogue.open_known(name)
    if opened is None:
        opening = partial(to_its_end, service.catalogue.open, name, discard=Opened.close)
        opened = await digested(request.receive, opening)
    try:
        plan = plan_download(opened.entry, method, headers)
        body = await _body(service.catalogue, plan, opened, method)
        return WireResponse(plan.status, plan.raw_headers, body)
    except BaseException:
        os.close(opened.descriptor)
        raise


def from_memory(service: Service, name: str, method: str, headers: Mapping[str, str]) -> WireResponse | None:
    """The answer about a file that is kept in memory; None where it must be opened."""
    kept = service.catalogue.kept(name)
    if kept is None:
        return None
    plan = plan_download(kept.entry, method, headers)
    return WireResponse(plan.status, plan.raw_headers, in_memory(plan, method, kept.content))


async def _body(catalogue: Catalogue, plan: DownloadPlan, opened: Opened, method: str) -> Block | Body:
    """The body as the server sends it fastest; closes the file at its end."""
    if method == "HEAD" or not plan.segments:
        os.close(opened.descriptor)
        return b""
    if plan.length <= SMALL_BYTES:
        parts = [
            part if isinstance(part, bytes) else await read(opened.descriptor, part) for part in plan.segments
        ]
        if plan.status == 200 and catalogue.keeps(opened.entry):
            catalogue.keep(opened, parts[0])
        os.close(opened.descriptor)
        return parts[0] if len(parts) == 1 else b"".join(parts)
    return Segments(plan, opened.descriptor, read)


class Segments:
    """The bytes and file ranges of a plan in order; closing it closes the file."""

    def __init__(self, plan: DownloadPlan, descriptor: int, read: Read) -> None:
        self._plan = plan
        self._descriptor = descriptor
        self._read = read

    async def blocks(self) -> AsyncGenerator[Block]:
        for segment in self._plan.segments:
            if isinstance(segment, bytes):
                yield segment
                continue
            for start in range(segment.start, segment.end, BLOCK_BYTES):
                part = ByteRange(start, min(BLOCK_BYTES, segment.end - start))
                yield await self._read(self._descriptor, part)

    def close(self) -> None:
        os.close(self._descriptor)


async def read(descriptor: int, part: ByteRange) -> Block:
    data = read_cached(descriptor, part)
    return await read_in_thread(descriptor, part) if data is None else data


async def read_in_thread(descriptor: int, part: ByteRange) -> Block:
    return await run_sync(read_waiting, descriptor, part)
