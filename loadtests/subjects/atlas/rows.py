"""The servers of the atlas, each a launch line of its project's own defaults."""

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class ServerRow:
    """A server: `command` takes {port} and {python}; `two` and `recycling` are what it adds for these.

    `parts` are the distributions whose releases decide what it does, the server's own first. `path` is what
    any request asks for, `port` a number that the command has already, `url` a server that runs already;
    `bare` says that it serves the atlas's own application.
    """

    name: str
    interface: str
    parts: tuple[str, ...]
    command: tuple[str, ...]
    two: tuple[str, ...] = ()
    recycling: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    path: str = "/"
    port: int = 0
    url: str = ""
    bare: bool = True

    def line(self, port: int, extra: tuple[str, ...] = ()) -> list[str]:
        """The launch line; what is added stands before the application, which is last."""
        values = {"{port}": str(port), "{python}": sys.executable}
        whole = (*self.command[:-1], *extra, self.command[-1])
        return [_filled(part, values) for part in whole]

    def versions(self) -> dict[str, str] | None:
        """The releases of its parts that are installed; None where one is missing."""
        try:
            return {part: version(part) for part in self.parts}
        except PackageNotFoundError:
            return None


def _filled(part: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        part = part.replace(name, value)
    return part


def _module(name: str, *options: str) -> tuple[str, ...]:
    return ("{python}", "-m", name, *options)


_BIND = ("--bind", "127.0.0.1:{port}")
_PORT = ("--host", "127.0.0.1", "--port", "{port}")
_WORKERS = ("--workers", "2")
_HUNDRED = ("--max-requests", "100")


def _gunicorn(worker: str, interface: str, parts: tuple[str, ...], *options: str) -> ServerRow:
    line = _module("gunicorn", "--no-control-socket", *_BIND, "--worker-class", worker, *options)
    command = (*line, f"bare:{interface}")
    return ServerRow(f"gunicorn-{worker}", interface, ("gunicorn", *parts), command, _WORKERS, _HUNDRED)


def _uvicorn(parser: str) -> ServerRow:
    loop = "uvloop" if parser == "httptools" else "asyncio"
    command = _module("uvicorn", *_PORT, "--http", parser, "--loop", loop, "bare:asgi")
    parts = ("uvicorn", parser, *(["uvloop"] if loop == "uvloop" else []))
    return ServerRow(f"uvicorn-{parser}", "asgi", parts, command, _WORKERS, ("--limit-max-requests", "100"))


def _granian(interface: str) -> ServerRow:
    command = _module("granian", *_PORT, "--interface", interface, f"bare:{interface}")
    parts = ("granian", *(["uvloop"] if interface == "asgi" else []))
    return ServerRow(f"granian-{interface}", interface, parts, command, _WORKERS)


def _hypercorn(interface: str) -> ServerRow:
    application = "bare:asgi" if interface == "asgi" else "wsgi:bare:wsgi"
    parts = ("hypercorn", "h11", "h2")
    command = _module("hypercorn", *_BIND, application)
    return ServerRow(f"hypercorn-{interface}", interface, parts, command, _WORKERS, _HUNDRED)


ROWS: dict[str, ServerRow] = {
    row.name: row
    for row in (
        _gunicorn("sync", "wsgi", ()),
        _gunicorn("gthread", "wsgi", (), "--threads", "4"),
        _gunicorn("gevent", "wsgi", ("gevent",)),
        _granian("wsgi"),
        _hypercorn("wsgi"),
        ServerRow(
            "waitress", "wsgi", ("waitress",), _module("waitress", "--listen=127.0.0.1:{port}", "bare:wsgi")
        ),
        ServerRow("cheroot", "wsgi", ("cheroot",), _module("cheroot", *_BIND, "bare:wsgi")),
        _gunicorn("asgi", "asgi", ("uvloop",)),
        _uvicorn("httptools"),
        _uvicorn("h11"),
        _granian("asgi"),
        _hypercorn("asgi"),
        ServerRow(
            "daphne",
            "asgi",
            ("daphne", "twisted"),
            _module("daphne", "--bind", "127.0.0.1", "--port", "{port}", "bare:asgi"),
        ),
    )
}
