"""The one effect of a WSGI reply: hand status, headers and body to the server."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Response

from shared.errors import ServiceError, problem
from shared.replies import Headers, Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class WireResponse(Response):
    """A response that goes to the server as it is.

    Flask only hands it through; the header objects that Werkzeug would build, normalise and
    write out again would cost more than all the rest of a small download.
    """

    def __init__(self, status: int, headers: Headers, body: Iterable[bytes]) -> None:
        self.wire_status = STATUS_LINES[status]
        self.wire_headers = headers
        self.wire_body = body

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        start_response(self.wire_status, list(self.wire_headers))
        return self.wire_body


def send_reply(reply: Reply) -> WireResponse:
    return WireResponse(reply.status, reply.headers, [reply.body] if reply.body else [])


def send_problem(error: ServiceError) -> WireResponse:
    return send_reply(problem(error))
