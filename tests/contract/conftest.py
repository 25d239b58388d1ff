"""Contract tests run over every server of the table: in depth over one of each face, a smoke over all.

With TWINS_TORTURE set, all of them run over all servers.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests.servers import Running, running

TWINS = [name for name, server in SERVERS.items() if server.is_twin]
PAIR = ("wsgi-gthread", "asgi-uvicorn")
TORTURE = bool(os.environ.get("TWINS_TORTURE"))
DEEP = TWINS if TORTURE else list(PAIR)
READERS = (
    "wsgi-gthread",
    "wsgi-gevent",
    "asgi-uvicorn",
    "asgi-uvicorn-asyncio",
    "asgi-gunicorn",
    "granian-wsgi",
    "granian-asgi",
)
"""One of each parser, and of each way to keep a connection."""
EACH_READER = TWINS if TORTURE else list(READERS)
AUTHORIZED = ("Authorization", "Bearer t")


@dataclass(frozen=True)
class Writable:
    """A server that takes uploads from who is `AUTHORIZED`, and the folder that it serves alone."""

    server: Running
    folder: Path

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def keeps_connections(self) -> bool:
        return SERVERS[self.server.name].worker_class != "sync"

    @property
    def takes_chunks(self) -> bool:
        """Over WSGI granian does not tell a cut chunked body from a whole one: uploads need a length."""
        return self.server.name != "granian-wsgi"


@pytest.fixture(scope="session")
def writable_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Writable]]:
    """Start a server that takes uploads on first use; all stop at the end of the session."""
    with ExitStack() as stack:
        started: dict[str, Writable] = {}

        def start(name: str) -> Writable:
            if name not in started:
                folder = tmp_path_factory.mktemp(f"writable-{name}")
                server = stack.enter_context(running(name, folder, environment={"TWINS_TOKEN": "t"}))
                started[name] = Writable(server, folder)
            return started[name]

        yield start


@pytest.fixture(params=EACH_READER)
def writable(request: pytest.FixtureRequest, writable_servers: Callable[[str], Writable]) -> Writable:
    """Each parser's server in turn, with a folder to write to."""
    return writable_servers(request.param)


@pytest.fixture(params=DEEP)
def server(request: pytest.FixtureRequest, serve: Callable[[str], Running]) -> Running:
    """Each representative server in turn."""
    return serve(request.param)


@pytest.fixture(params=TWINS)
def any_server(request: pytest.FixtureRequest, serve: Callable[[str], Running]) -> Running:
    """Every server of the table in turn."""
    return serve(request.param)


@pytest.fixture
def both(serve: Callable[[str], Running]) -> tuple[Running, Running]:
    """One server of each face."""
    return serve(PAIR[0]), serve(PAIR[1])
