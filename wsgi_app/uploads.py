"""`PUT` and `DELETE /files/{path}` on the WSGI face: the body read and stored block by block."""

from collections.abc import Iterator

from flask import request

from shared.errors import BadRequest
from shared.service import Service
from shared.uploads import DECIDING, Upload, authorize, delete
from wsgi_app.replies import WireResponse, send_reply
from wsgi_app.requests import Environ, deciding_headers, environ_keys, path_after

BLOCK_BYTES = 256 * 1024
NAMES = environ_keys(DECIDING)


def put(service: Service, name: str) -> WireResponse:
    environ = request.environ
    headers = deciding_headers(environ, NAMES)
    authorize(headers, service.settings.token)
    name = path_after(environ, "/files/")
    upload = Upload(service.catalogue, name, headers, service.settings.max_upload_bytes)
    try:
        for block in body_blocks(environ):
            upload.write(block)
        return send_reply(upload.finish())
    finally:
        upload.abort()


def remove(service: Service, name: str) -> WireResponse:
    headers = deciding_headers(request.environ, NAMES)
    authorize(headers, service.settings.token)
    return send_reply(delete(service.catalogue, path_after(request.environ, "/files/"), headers))


def body_blocks(environ: Environ) -> Iterator[bytes]:
    """The body as it comes; BadRequest where the client went away."""
    try:
        while block := environ["wsgi.input"].read(BLOCK_BYTES):
            yield block
    except OSError:
        raise BadRequest("The body ended early.") from None
