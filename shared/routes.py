"""The addresses of the service and their methods: what 404, 405 and OPTIONS answer, on both faces."""

from shared.errors import MethodNotAllowed, MethodUnknown, NotFound, ServiceError
from shared.replies import Reply

READ = ("GET", "HEAD")
STANDARD = frozenset(  # RFC 9110 section 9.3 but for CONNECT, RFC 5789, and the QUERY of its working group
    ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY")
)
ROUTES = {
    "/health": READ,
    "/ready": READ,
    "/files": READ,
    "/files/{path}": (*READ, "PUT", "DELETE"),
    "/process": ("POST",),
    "/jobs": READ,
    "/jobs/{id}": READ,
    "/fetch": ("POST",),
    "/stream": READ,
    "/openapi.json": READ,
}
EVERYWHERE = tuple({method for methods in ROUTES.values() for method in methods})


def methods_of(path: str) -> tuple[str, ...] | None:
    """The methods of an address (a decoded path), None where there is nothing."""
    if path == "*":  # of the service itself
        return EVERYWHERE
    if path.startswith("/files/"):
        return ROUTES["/files/{path}"]
    if path.startswith("/jobs/"):
        return ROUTES["/jobs/{id}"]
    return ROUTES.get(path) if "{" not in path else None


def unknown_method(method: str) -> ServiceError | None:
    """The refusal of a method that no address could have, whatever the address (RFC 9110 section 9.1).

    CONNECT asks a proxy for a tunnel, and names no address of ours.
    """
    return None if method in STANDARD else MethodUnknown(method)


def refuse(method: str, path: str) -> ServiceError:
    """Why no route took a request."""
    unknown = unknown_method(method)
    if unknown is not None:
        return unknown
    methods = methods_of(path)
    if methods is None or path == "*" or method in methods:
        return NotFound(f"There is nothing at {path[:200]!r}.")
    return MethodNotAllowed(method, (*methods, "OPTIONS"))


def answer_options(method: str, path: str) -> Reply | None:
    """OPTIONS on any address that exists, or on `*`: 204 with Allow (RFC 9110 section 9.3.7); else None."""
    methods = methods_of(path) if method == "OPTIONS" else None
    if methods is None:
        return None
    return Reply(204, (("Allow", ", ".join(sorted((*methods, "OPTIONS")))),))
