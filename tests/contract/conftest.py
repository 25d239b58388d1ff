"""Contract tests run over every server of the table: in depth over one of each face, a smoke over all.

With TWINS_TORTURE set, all of them run over all servers.
"""

import os
from collections.abc import Callable

import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests.servers import Running

TWINS = [name for name, server in SERVERS.items() if server.is_twin]
PAIR = ("wsgi-gthread", "asgi-uvicorn")
DEEP = TWINS if os.environ.get("TWINS_TORTURE") else list(PAIR)


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
