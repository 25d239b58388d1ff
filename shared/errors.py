"""What can go wrong, and the status it means on the wire.

ServiceError
├── BadRequest 400            BadName (not a name of the catalogue), BadHost, BadFraming, BadJson
├── Unauthorized 401          carries WWW-Authenticate
├── Forbidden 403             writes are off
├── NotFound 404              no such route, no such file
├── MethodNotAllowed 405      carries Allow
├── LengthRequired 411        the server does not tell a cut chunked body from a whole one
├── PreconditionFailed 412
├── ContentTooLarge 413
├── TargetTooLong 414
├── UnsupportedMediaType 415
├── RangeNotSatisfiable 416   carries Content-Range
├── ExpectationFailed 417
├── Unprocessable 422         well-formed JSON that asks for something impossible
├── FieldsTooLarge 431
├── InternalError 500
├── MethodUnknown 501         a method that no standard address has
├── Unavailable 503           the file changed while it was read, a pool broke, no database answers
└── InsufficientStorage 507
"""

import errno
import os
from collections.abc import Iterable
from http import HTTPStatus

from shared.encoding import encode
from shared.replies import Headers, Reply

PROBLEM_TYPE = "application/problem+json"


class ServiceError(Exception):
    """A refusal: `status` for the wire, `detail` for the person, `headers` where the status needs them."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str, headers: Headers = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers


class BadRequest(ServiceError):
    status = HTTPStatus.BAD_REQUEST


class BadName(BadRequest):
    pass


class BadHost(BadRequest):
    pass


class BadFraming(BadRequest):
    """Where the request ends is in doubt: the connection must end with its answer."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, (("Connection", "close"),))


class BadJson(BadRequest):
    pass


class Unauthorized(ServiceError):
    status = HTTPStatus.UNAUTHORIZED


class Forbidden(ServiceError):
    status = HTTPStatus.FORBIDDEN


class NotFound(ServiceError):
    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(ServiceError):
    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        allow = ", ".join(sorted(allowed))
        super().__init__(
            f"{method} is not a method of this address; it answers {allow}.", (("Allow", allow),)
        )


class MethodUnknown(ServiceError):
    status = HTTPStatus.NOT_IMPLEMENTED

    def __init__(self, method: str) -> None:
        super().__init__(f"{method[:40]!r} is not a method that this service knows.")


class PreconditionFailed(ServiceError):
    status = HTTPStatus.PRECONDITION_FAILED


class LengthRequired(ServiceError):
    status = HTTPStatus.LENGTH_REQUIRED


class ContentTooLarge(ServiceError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TargetTooLong(ServiceError):
    status = HTTPStatus.REQUEST_URI_TOO_LONG


class UnsupportedMediaType(ServiceError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class RangeNotSatisfiable(ServiceError):
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


class ExpectationFailed(ServiceError):
    status = HTTPStatus.EXPECTATION_FAILED


class Unprocessable(ServiceError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class FieldsTooLarge(ServiceError):
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class InternalError(ServiceError):
    pass


class Unavailable(ServiceError):
    status = HTTPStatus.SERVICE_UNAVAILABLE


class InsufficientStorage(ServiceError):
    status = HTTPStatus.INSUFFICIENT_STORAGE


EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EAGAIN)


def unforeseen(error: Exception) -> ServiceError:
    """What the client is told of an error that is no refusal: 503 where the machine lacks something."""
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        return Unavailable(f"The service cannot do this now: {os.strerror(error.errno)}.")
    return InternalError("The service failed in a way it did not foresee.")


TITLES = {  # RFC 9110 section 15, where the standard library still has older names
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "URI Too Long",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Range Not Satisfiable",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}


def title_of(error: Exception) -> str:
    """A problem's title: the phrase of its status."""
    status = error.status if isinstance(error, ServiceError) else InternalError.status
    return TITLES.get(status, status.phrase)


def problem(error: ServiceError) -> Reply:
    """The answer to a refused request: application/problem+json (RFC 9457 section 3)."""
    status = error.status
    body = encode(
        {
            "type": "about:blank",
            "title": title_of(error),
            "status": int(status),
            "detail": error.detail,
        }
    )
    headers = (
        ("Content-Type", PROBLEM_TYPE),
        ("Content-Length", str(len(body))),
        ("X-Content-Type-Options", "nosniff"),
        *error.headers,
    )
    return Reply(int(status), headers, body)
