"""The addresses of the service and their methods: what 404, 405 and OPTIONS answer, on both faces."""

from shared.errors import MethodNotAllowed, NotFound, ServiceError
from shared.replies import Reply

READ = ("GET", "HEAD")
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


def methods_of(path: str) -> tuple[str, ...] | None:
    """The methods of an address (a decoded path), None where there is nothing."""
    if path.startswith("/files/"):
        return ROUTES["/files/{path}"]
    if path.startswith("/jobs/"):
        return ROUTES["/jobs/{id}"]
    return ROUTES.get(path) if "{" not in path else None


def refuse(method: str, path: str) -> ServiceError:
    """Why no route took a request."""
    methods = methods_of(path)
    if methods is None or method in methods:
        return NotFound(f"There is nothing at {path[:200]!r}.")
    return MethodNotAllowed(method, methods)


def answer_options(method: str, path: str) -> Reply | None:
    """OPTIONS on any address that exists: 204 with Allow (RFC 9110 section 9.3.7); None for all else."""
    methods = methods_of(path) if method == "OPTIONS" else None
    if methods is None:
        return None
    return Reply(204, (("Allow", ", ".join(sorted((*methods, "OPTIONS")))),))
