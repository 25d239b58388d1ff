"""`PUT` and `DELETE /files/{path}` on the ASGI face: the body stored block by block, in a thread."""

from collections.abc import AsyncIterator
from functools import partial

from fastapi import Request
from starlette.requests import ClientDisconnect

from asgi_app.hashing import digested
from asgi_app.replies import WireResponse, send_reply
from asgi_app.requests import deciding_headers, header_keys, mounted_at, path_after
from asgi_app.threads import to_its_end
from shared.errors import BadRequest
from shared.service import Service
from shared.uploads import DECIDING, Upload, authorize, delete

BLOCK_BYTES = 256 * 1024
NAMES = header_keys(DECIDING)


async def put(service: Service, request: Request) -> WireResponse:
    scope = request.scope
    headers = deciding_headers(scope, NAMES)
    authorize(headers, service.settings.token)
    name = path_after(scope, "/files/")
    limit_bytes = service.settings.max_upload_bytes
    upload = await digested(
        None,
        partial(to_its_end, Upload, service.catalogue, name, headers, limit_bytes, discard=Upload.abort),
    )
    try:
        async for block in body_blocks(request):
            await to_its_end(upload.write, block)
        finishing = partial(to_its_end, upload.finish, mounted_at(scope))
        return send_reply(await digested(None, finishing))
    finally:
        upload.abort()


async def remove(service: Service, request: Request) -> WireResponse:
    headers = deciding_headers(request.scope, NAMES)
    authorize(headers, service.settings.token)
    name = path_after(request.scope, "/files/")
    deleting = partial(to_its_end, delete, service.catalogue, name, headers)
    return send_reply(await digested(None, deleting))


async def body_blocks(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes, in blocks worth a thread each; BadRequest where the client went away."""
    block = bytearray()
    try:
        async for part in request.stream():
            block += part
            if len(block) >= BLOCK_BYTES:
                yield bytes(block)
                block.clear()
    except ClientDisconnect:
        raise BadRequest("The body ended early, or its chunks cannot be read.") from None
    if block:
        yield bytes(block)
