"""`/stream` on the ASGI face: only a task waits, and is ended when its client is gone."""

import asyncio
from collections.abc import AsyncGenerator

from fastapi import Request

from asgi_app.replies import WireResponse, send_reply
from asgi_app.requests import deciding_headers, header_keys, query_values
from shared.replies import Reply
from shared.service import Service
from shared.streams import DECIDING, Stream, plan_stream

NAMES = header_keys(DECIDING)


async def stream(service: Service, request: Request) -> WireResponse:
    scope = request.scope
    headers = deciding_headers(scope, NAMES)
    plan = plan_stream(query_values(scope), headers, service.settings.max_stream_s)
    if isinstance(plan, Reply):
        return send_reply(plan)
    return WireResponse(200, plan.raw_headers, b"" if scope["method"] == "HEAD" else StreamBlocks(plan))


class StreamBlocks:
    """The blocks, each when it is due; nothing is held open."""

    def __init__(self, plan: Stream) -> None:
        self._plan = plan

    async def blocks(self) -> AsyncGenerator[bytes]:
        for part in self._plan.parts():
            await asyncio.sleep(part.pause_s)
            yield part.block

    def close(self) -> None:
        pass
