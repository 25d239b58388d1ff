"""What starts a server of the table: its command, what is added to its environment, its configuration."""

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asgi_app.launch import granian_command as granian_asgi_command
from asgi_app.launch import gunicorn_command as gunicorn_asgi_command
from asgi_app.launch import uvicorn_command
from loadtests.subjects.twins.nginx import nginx_configuration
from loadtests.subjects.twins.servers import PEERS, Server
from shared.settings import CONNECTIONS, KEEP_ALIVE_S, default_files
from wsgi_app.launch import granian_command as granian_wsgi_command
from wsgi_app.launch import gunicorn_command

APPLICATIONS = {"wsgi": "wsgi_app:app", "asgi": "asgi_app:app"}
TAKEN_OVER = (
    *("TWINS_STATE", "TWINS_DATABASE_URL", "TWINS_DATABASE_POOL", "TWINS_POOL_SIZE", "TWINS_KEPT_BYTES"),
    *("TWINS_CLIENT_TIMEOUT_S", "TWINS_MAX_UPLOAD_BYTES"),
)
"""The service's settings that a server under test takes over from the shell; the others are the launch's."""
OWN_CHOICE = ("uvloop", "httptools")  # uvicorn's, where these are installed


@dataclass(frozen=True)
class Launch:
    """What starts a server: `environment` is added to ours; `configuration`, where the server reads
    one, is a file's text, and whoever launches puts the file's path for `{configuration}` in the command."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    configuration: str | None = None


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
