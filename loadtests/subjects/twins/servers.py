"""The servers under test.

Every comparison starts from this table: a difference between two rows is a difference between two servers.
"""

import os
from dataclasses import replace
from typing import Any

from loadtests.subjects.twins.launching import Server
from shared.settings import CONNECTIONS

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

GUNICORN = Server(
    name="",
    interface="wsgi",
    model="",
    application="wsgi_app",
    server="gunicorn",
    worker_class="sync",
    slot_kind="process",
    summary="",
    parser="python",
)
UVICORN = Server(
    name="",
    interface="asgi",
    model="",
    application="asgi_app",
    server="uvicorn",
    worker_class="uvicorn",
    slot_kind="task",
    summary="",
    loop="uvloop",
    parser="httptools",
    handlers="async",
)


def _row(base: Server, name: str, model: str, summary: str, **changes: Any) -> Server:
    return replace(base, name=name, model=model, summary=summary, **changes)


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
            **{**_GTHREAD, "server": "granian", "worker_class": "mt", "parser": None},
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
            name="nginx",
            interface="none",
            model="event loop",
            application="nginx",
            server="nginx",
            worker_class="nginx",
            slot_kind="connection",
            summary="nginx, 1 process, sendfile",
        ),
    )
}
