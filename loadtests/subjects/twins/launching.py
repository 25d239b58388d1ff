"""A row of the table of servers: what it is, what starts it, and how to tell that it runs as asked."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asgi_app.launch import granian_command as granian_asgi_command
from asgi_app.launch import gunicorn_command as gunicorn_asgi_command
from asgi_app.launch import uvicorn_command
from loadtests.subjects.subject import Launch, Order, Provision, ServerSpec
from loadtests.subjects.twins.nginx import nginx_configuration
from shared.settings import CONNECTIONS, KEEP_ALIVE_S, default_files
from wsgi_app.launch import granian_command as granian_wsgi_command
from wsgi_app.launch import gunicorn_command

APPLICATIONS = {"wsgi": "wsgi_app:app", "asgi": "asgi_app:app"}
TAKEN_OVER = (
    *("TWINS_STATE", "TWINS_DATABASE_URL", "TWINS_DATABASE_POOL", "TWINS_POOL_SIZE", "TWINS_KEPT_BYTES"),
    *("TWINS_CLIENT_TIMEOUT_S", "TWINS_MAX_UPLOAD_BYTES"),
)
"""The service's settings that a server under test takes over from the shell; the others are the launch's."""
TWINS = ("wsgi_app", "asgi_app")
PEERS = {
    "peer-flask": "loadtests.subjects.twins.peers.flask_app:app",
    "peer-fastapi": "loadtests.subjects.twins.peers.fastapi_app:app",
    "pitfall-blocking": "loadtests.subjects.twins.peers.pitfall_blocking:app",
    "pitfall-threadpool": "loadtests.subjects.twins.peers.pitfall_threadpool:app",
}
LONG_STREAM_S = "86400"  # streams last as long as their clients stay
OWN_CHOICE = ("uvloop", "httptools")  # uvicorn's, where these are installed
READ_BACK = ("threads", "connections")  # of a server as shipped: its project's own numbers, whatever they are


@dataclass(frozen=True, kw_only=True)
class Server(ServerSpec):
    """One row of the table, with what `/health` must say of it."""

    interface: str
    application: str
    server: str
    worker_class: str
    processes: int = 1
    threads: int = 1
    connections: int | None = None
    loop: str | None = None
    parser: str | None = None
    handlers: str | None = None
    fixed_threads: bool = True

    @property
    def is_twin(self) -> bool:
        """Whether it serves a face of the service: peers, pitfalls and nginx do not."""
        return self.application in TWINS

    @property
    def inherits(self) -> tuple[str, ...]:
        return TAKEN_OVER

    @property
    def is_ours(self) -> bool:
        return True

    @property
    def has_shipped_form(self) -> bool:
        return self.is_twin

    @property
    def full(self) -> bool:
        return self.is_twin

    def slots(self, processes: int | None, threads: int | None) -> int | None:
        processes, threads = processes or self.processes, threads or self.threads
        if self.slot_kind == "process":
            return processes
        if self.slot_kind in ("greenlet", "task"):
            return processes * self.connections if self.connections else None
        return processes * threads if self.slot_kind == "thread" else None

    def missing(self) -> str | None:
        return self.server if self.server == "nginx" and shutil.which("nginx") is None else None

    def launch(self, order: Order) -> Launch:
        line = launch(
            self,
            host=order.host,
            port=order.port,
            processes=order.processes,
            threads=order.threads,
            files=order.files,
            as_shipped=order.as_shipped,
        )
        if order.provision is None or not self.is_twin:
            return line
        return replace(line, environment={**line.environment, **service_settings(order, order.provision)})

    def differences(
        self, health: Mapping[str, Any], *, processes: int, threads: int, as_shipped: bool = False
    ) -> list[str]:
        """Peers and nginx say only what they are: their configuration cannot be read back. Nothing was asked
        of a server as shipped but what its row is.
        """
        if self.server == "nginx":
            return []
        asked: dict[str, Any] = {"application": self.application}
        if self.application not in PEERS:
            asked |= {
                "interface": self.interface,
                "server": self.server,
                "worker_class": self.worker_class,
                "processes": processes,
                "threads": threads,
                "connections": self.connections,
                "loop": self.loop,
                "parser": self.parser,
                "handlers": self.handlers,
            }
        return [
            f"{key} is {health.get(key)!r} where {wanted!r} was asked for"
            for key, wanted in asked.items()
            if health.get(key) != wanted and not (as_shipped and self._chooses(key))
        ]

    def _chooses(self, key: str) -> bool:
        """Whether its project chooses by what is installed, or has a number of its own."""
        return key in READ_BACK or (key == "parser" and self.server == "gunicorn")

    def read_back(self, health: Mapping[str, Any], processes: int) -> dict[str, int | None]:
        threads, connections = (_whole(health.get(key)) for key in READ_BACK)
        shape = replace(self, connections=connections)
        return {"threads": threads, "slots": shape.slots(processes, threads or 1)}


def service_settings(order: Order, provision: Provision) -> dict[str, str]:
    """What the scenarios of a run ask of the service, as its environment; each start has its own database."""
    settings = {"TWINS_JOBS": "on" if provision.records else "off", "TWINS_MAX_STREAM_S": LONG_STREAM_S}
    if "TWINS_DATABASE_URL" not in os.environ:
        settings["TWINS_DATABASE_URL"] = f"sqlite:{order.directory.resolve() / f'jobs-{order.port}.sqlite'}"
    if provision.cold:
        settings["TWINS_KEPT_BYTES"] = "0"
    if "upstream" in provision.companions:
        settings["TWINS_UPSTREAMS"] = provision.companions["upstream"]
    return settings | generator_environment(provision)


def generator_environment(provision: Provision | None) -> dict[str, str]:
    """The token for uploads, which stands in no command line; the user's where the server runs already."""
    if provision is not None:
        return {"TWINS_TOKEN": provision.token} if provision.token is not None else {}
    token, file = os.environ.get("TWINS_TOKEN"), os.environ.get("TWINS_TOKEN_FILE")
    own = {"TWINS_TOKEN": token, "TWINS_TOKEN_FILE": os.path.abspath(file) if file else None}
    return {name: value for name, value in own.items() if value}


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
    if as_shipped and server.is_twin:
        if threads != server.threads:
            raise ValueError(f"threads is {threads}; as shipped, {server.name} has its project's own number.")
        return Launch(shipped_command(server, host, port, processes), environment)
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


def shipped_command(server: Server, host: str, port: int, processes: int) -> list[str]:
    """The command that serves a face of the service with nothing but its server's own defaults.

    It names the application, the address, and what makes a row of the table that row: its worker class, its
    processes where there are several, its loop and parser where the server would not choose them by itself.
    """
    workers = ["--workers", str(processes)] if processes > 1 else []
    command = [sys.executable, "-m", server.server]
    if server.server == "gunicorn":
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        command += ["--worker-class", server.worker_class, "--bind", address]
    else:
        command += ["--host", host, "--port", str(port)]
    if server.server == "granian":
        command += ["--interface", server.interface]
    if server.server == "uvicorn" and (server.loop, server.parser) != OWN_CHOICE:
        command += ["--loop", str(server.loop), "--http", str(server.parser)]
    return [*command, *workers, APPLICATIONS[server.interface]]


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
