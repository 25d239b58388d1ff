"""The servers under test: what each is, and how to tell that it runs as asked.

Every comparison starts from this table: a difference between two rows is a difference between two servers.
"""

import dataclasses
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.settings import CONNECTIONS

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
READ_BACK = ("threads", "connections")  # of a server as shipped: its project's own numbers, whatever they are


@dataclass(frozen=True)
class Server:
    """One row: `processes` and `threads` are defaults; `slot_kind` is what one request under way fills."""

    name: str
    interface: str
    model: str
    application: str
    server: str
    worker_class: str
    slot_kind: str
    summary: str
    processes: int = 1
    threads: int = 1
    connections: int | None = None
    loop: str | None = None
    parser: str | None = None
    handlers: str | None = None
    fixed_threads: bool = True

    def slots(self, processes: int, threads: int) -> int | None:
        """How many requests are served at the same time; None where no bound is known."""
        if self.slot_kind == "process":
            return processes
        if self.slot_kind in ("greenlet", "task"):
            return processes * self.connections if self.connections else None
        return processes * threads if self.slot_kind == "thread" else None

    @property
    def is_twin(self) -> bool:
        """Whether it serves a face of the service: peers, pitfalls and nginx do not."""
        return self.application in ("wsgi_app", "asgi_app")

    def available(self) -> bool:
        return self.server != "nginx" or shutil.which("nginx") is not None


GUNICORN = Server("", "wsgi", "", "wsgi_app", "gunicorn", "sync", "process", "")
UVICORN = Server(
    "",
    "asgi",
    "",
    "asgi_app",
    "uvicorn",
    "uvicorn",
    "task",
    "",
    loop="uvloop",
    parser="httptools",
    handlers="async",
)


def _row(base: Server, name: str, model: str, summary: str, **changes: Any) -> Server:
    return dataclasses.replace(base, name=name, model=model, summary=summary, **changes)


_GTHREAD: dict[str, Any] = {
    "worker_class": "gthread",
    "slot_kind": "thread",
    "threads": 32,
    "connections": CONNECTIONS,
    "fixed_threads": False,
}
_FORKED = max(2, CORES)

SERVERS: dict[str, Server] = {
    row.name: row
    for row in (
        _row(GUNICORN, "wsgi-sync", "single-threaded", "gunicorn sync, 1 process"),
        _row(GUNICORN, "wsgi-forked", "multi-process", "gunicorn sync, N processes", processes=_FORKED),
        _row(
            GUNICORN, "wsgi-gthread", "multi-threaded", "gunicorn gthread, 1 process x T threads", **_GTHREAD
        ),
        _row(
            GUNICORN,
            "wsgi-gthread-forked",
            "multi-process and multi-threaded",
            "gunicorn gthread, N processes x T threads",
            processes=_FORKED,
            **_GTHREAD,
        ),
        _row(
            GUNICORN,
            "wsgi-gevent",
            "event loop (greenlets)",
            "gunicorn gevent, 1 process",
            worker_class="gevent",
            slot_kind="greenlet",
            connections=CONNECTIONS,
            loop="libev",
        ),
        _row(UVICORN, "asgi-uvicorn", "event loop", "uvicorn, uvloop and httptools, 1 process"),
        _row(
            UVICORN,
            "asgi-uvicorn-asyncio",
            "event loop, standard parts",
            "uvicorn, asyncio loop and h11, 1 process",
            loop="asyncio",
            parser="h11",
        ),
        _row(
            UVICORN,
            "asgi-uvicorn-forked",
            "event loop and processes",
            "uvicorn, uvloop and httptools, N processes",
            processes=_FORKED,
        ),
        _row(
            UVICORN,
            "asgi-threadpool",
            "threads under an event loop",
            "uvicorn, handlers in its pool of 40 threads",
            handlers="threads",
            slot_kind="thread",
            threads=40,
        ),
        _row(
            UVICORN,
            "asgi-gunicorn",
            "event loop",
            "gunicorn's own ASGI worker, uvloop, 1 process",
            server="gunicorn",
            worker_class="asgi",
            parser="python",
        ),
        _row(
            GUNICORN,
            "granian-wsgi",
            "multi-threaded",
            "granian over WSGI, 1 process x T threads",
            **{**_GTHREAD, "server": "granian", "worker_class": "mt"},
        ),
        _row(
            UVICORN,
            "granian-asgi",
            "event loop",
            "granian over ASGI, uvloop, 1 process",
            server="granian",
            worker_class="mt",
            parser=None,
            connections=CONNECTIONS,
        ),
        _row(
            GUNICORN,
            "peer-flask",
            "multi-threaded",
            "send_from_directory in ten lines of Flask, gunicorn gthread",
            application="peer-flask",
            **_GTHREAD,
        ),
        _row(
            UVICORN,
            "peer-fastapi",
            "event loop",
            "FileResponse in ten lines of FastAPI, uvicorn",
            application="peer-fastapi",
        ),
        _row(
            UVICORN,
            "pitfall-blocking",
            "a pitfall under an event loop",
            "FastAPI with a blocking call in async def, uvicorn",
            application="pitfall-blocking",
            slot_kind="process",
        ),
        _row(
            UVICORN,
            "pitfall-threadpool",
            "a pitfall under an event loop",
            "FastAPI with waits in def handlers, uvicorn's pool of 40 threads",
            application="pitfall-threadpool",
            slot_kind="thread",
            threads=40,
        ),
        Server(
            "nginx",
            "none",
            "event loop",
            "nginx",
            "nginx",
            "nginx",
            "connection",
            "nginx, 1 process, sendfile",
        ),
    )
}

PEERS = {
    "peer-flask": "loadtests.subjects.twins.peers.flask_app:app",
    "peer-fastapi": "loadtests.subjects.twins.peers.fastapi_app:app",
    "pitfall-blocking": "loadtests.subjects.twins.peers.pitfall_blocking:app",
    "pitfall-threadpool": "loadtests.subjects.twins.peers.pitfall_threadpool:app",
}


def differences(
    server: Server, health: Mapping[str, Any], *, processes: int, threads: int, as_shipped: bool = False
) -> list[str]:
    """What `/health` says otherwise than was asked for, a sentence each; empty where it agrees.

    Peers and nginx say only what they are: their configuration cannot be read back. Nothing was asked of a
    server as shipped but what its row is.
    """
    if server.server == "nginx":
        return []
    asked: dict[str, Any] = {"application": server.application}
    if server.application not in PEERS:
        asked |= {
            "interface": server.interface,
            "server": server.server,
            "worker_class": server.worker_class,
            "processes": processes,
            "threads": threads,
            "connections": server.connections,
            "loop": server.loop,
            "parser": server.parser,
            "handlers": server.handlers,
        }
    return [
        f"{key} is {health.get(key)!r} where {wanted!r} was asked for"
        for key, wanted in asked.items()
        if health.get(key) != wanted and not (as_shipped and key in READ_BACK)
    ]
