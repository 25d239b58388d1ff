"""The one effect of a WSGI reply: hand status, headers and body to the server."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.errors import ServiceError, problem
from shared.replies import Headers, Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

OLD_PROTOCOLS = ("HTTP/1.0", "HTTP/1")  # as gunicorn and as granian write it
CLOSE = ("Connection", "close")
STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class WireResponse:
    """A response that goes to the server as it is.

    Flask only hands it through; its own response would build, normalise and write out header objects,
    which costs more than all the rest of a small download.
    """

    def __init__(self, status: int, headers: Headers, body: Iterable[bytes]) -> None:
        self.wire_status = STATUS_LINES[status]
        self.wire_headers = headers
        self.wire_body = body

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        headers = list(self.wire_headers)
        if environ["SERVER_PROTOCOL"] in OLD_PROTOCOLS and self.ends_with_its_connection():
            headers.append(CLOSE)  # granian would say that it keeps it
        start_response(self.wire_status, headers)
        if environ["REQUEST_METHOD"] == "HEAD" and isinstance(self.wire_body, list):
            return []
        return self.wire_body

    def ends_with_its_connection(self) -> bool:
        """Whether nothing else tells an HTTP/1.0 client where the body ends."""
        return self.wire_status[:3] not in ("204", "304") and all(
            name != "Content-Length" for name, _ in self.wire_headers
        )


def send_reply(reply: Reply) -> WireResponse:
    return WireResponse(reply.status, reply.headers, [reply.body] if reply.body else [])


def send_problem(error: ServiceError) -> WireResponse:
    return send_reply(problem(error))
