"""The servers under test: what each is, its launch line, and how to tell that it runs as asked.

Every comparison starts from this table: a difference between two rows is a difference between two servers.
"""

import dataclasses
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asgi_app.launch import granian_command as granian_asgi_command
from asgi_app.launch import gunicorn_command as gunicorn_asgi_command
from asgi_app.launch import uvicorn_command
from loadtests.lab.nginx import nginx_configuration
from loadtests.lab.shipped import READ_BACK, shipped_command
from shared.settings import CONNECTIONS, KEEP_ALIVE_S, default_files
from wsgi_app.launch import granian_command as granian_wsgi_command
from wsgi_app.launch import gunicorn_command

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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

    def available(self) -> bool:
        return self.server != "nginx" or shutil.which("nginx") is not None


@dataclass(frozen=True)
class Launch:
    """What starts a server: `environment` is added to ours; `configuration`, where the server reads
    one, is a file's text, and whoever launches puts the file's path for `{configuration}` in the command."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    configuration: str | None = None


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
    "peer-flask": "loadtests.peers.flask_app:app",
    "peer-fastapi": "loadtests.peers.fastapi_app:app",
    "pitfall-blocking": "loadtests.peers.pitfall_blocking:app",
    "pitfall-threadpool": "loadtests.peers.pitfall_threadpool:app",
}


def launch(
    server: Server,
    *,
    host: str = "127.0.0.1",
    port: int,
    processes: int | None = None,
    threads: int | None = None,
    files: Path | None = None,
    keep_alive_s: int = KEEP_ALIVE_S,
    as_shipped: bool = False,
) -> Launch:
    """The launch line of a row; ValueError in a sentence for an option that the server cannot take.

    `as_shipped` leaves all to the project's own defaults; peers and nginx stay as they are.
    """
    processes = server.processes if processes is None else processes
    if processes < 1:
        raise ValueError(f"processes is {processes}; {server.name} needs at least 1.")
    if threads is not None and threads != server.threads and server.fixed_threads:
        raise ValueError(f"threads is {threads}; {server.name} serves with {server.threads}.")
    threads = threads or server.threads
    environment = {"TWINS_FILES": str(files)} if files else {}
    if server.handlers and server.application == "asgi_app":
        environment["TWINS_HANDLERS"] = server.handlers
    if server.application in PEERS:
        environment["TWINS_FILES"] = str(files or default_files())
    if server.server == "nginx":
        text = nginx_configuration(str(files or default_files()), host, port, processes, keep_alive_s)
        return Launch([shutil.which("nginx") or "nginx", "-e", "stderr", "-c", "{configuration}"], {}, text)
    if as_shipped and server.application in ("wsgi_app", "asgi_app"):
        if threads != server.threads:
            raise ValueError(f"threads is {threads}; as shipped, {server.name} has its project's own number.")
        command = shipped_command(
            server=server.server,
            interface=server.interface,
            worker_class=server.worker_class,
            loop=server.loop,
            parser=server.parser,
            host=host,
            port=port,
            processes=processes,
        )
        return Launch(command, environment)
    command = _command(server, threads, host=host, port=port, processes=processes, keep_alive_s=keep_alive_s)
    return Launch([*command[:-1], PEERS.get(server.application, command[-1])], environment)


def _command(server: Server, threads: int, **address: Any) -> list[str]:
    """The command that serves the row's interface; its last part names the application."""
    if server.server == "uvicorn":
        return uvicorn_command(server.loop or "auto", server.parser or "auto", **address)
    connections = server.connections or CONNECTIONS
    if server.server == "granian":
        if server.interface == "wsgi":
            return granian_wsgi_command(threads=threads, connections=connections, **address)
        return granian_asgi_command(loop=server.loop or "auto", connections=connections, **address)
    if server.interface == "asgi":
        return gunicorn_asgi_command(loop=server.loop or "auto", **address)
    return gunicorn_command(server.worker_class, threads=threads, connections=connections, **address)


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
