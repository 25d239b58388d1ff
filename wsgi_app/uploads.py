"""`PUT` and `DELETE /files/{path}` on the WSGI face: the body read and stored block by block."""

from collections.abc import Iterator
from functools import partial

from shared.service import Service
from shared.uploads import DECIDING, Upload, authorize, delete
from wsgi_app.greenlets import aside
from wsgi_app.hashing import digested
from wsgi_app.replies import WireResponse, send_reply
from wsgi_app.requests import (
    Environ,
    deciding_headers,
    environ_keys,
    mounted_at,
    path_after,
    read_block,
    require_an_end,
    require_whole,
)

BLOCK_BYTES = 256 * 1024
NAMES = environ_keys(DECIDING)


def put(service: Service, environ: Environ) -> WireResponse:
    headers = deciding_headers(environ, NAMES)
    authorize(headers, service.settings.token)
    require_an_end(environ)
    name = path_after(environ, "/files/")
    limit_bytes = service.settings.max_upload_bytes
    upload = digested(None, partial(aside, Upload, service.catalogue, name, headers, limit_bytes))
    try:
        for block in body_blocks(environ):
            aside(upload.write, block)
        return send_reply(digested(None, partial(aside, upload.finish, mounted_at(environ))))
    finally:
        upload.abort()


def remove(service: Service, environ: Environ) -> WireResponse:
    headers = deciding_headers(environ, NAMES)
    authorize(headers, service.settings.token)
    name = path_after(environ, "/files/")
    return send_reply(digested(None, partial(aside, delete, service.catalogue, name, headers)))


def body_blocks(environ: Environ) -> Iterator[bytes]:
    """The body as it comes."""
    length = 0
    while block := read_block(environ, BLOCK_BYTES):
        length += len(block)
        yield block
    require_whole(environ, length)
