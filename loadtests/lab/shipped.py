"""Command lines with each project's own defaults: what a server is where nobody configures it.

They name the application, the address, and what makes a row of the table that row: its worker class, its
processes where there are several, its loop and parser where the server would not choose them by itself.
"""

import sys
from collections.abc import Mapping
from typing import Any

APPLICATIONS = {"wsgi": "wsgi_app:app", "asgi": "asgi_app:app"}
OWN_CHOICE = ("uvloop", "httptools")  # uvicorn's, where these are installed
READ_BACK = ("threads", "connections")  # what the project's defaults are is read from the live server


def shipped_command(
    *,
    server: str,
    interface: str,
    worker_class: str,
    loop: str | None,
    parser: str | None,
    host: str,
    port: int,
    processes: int,
) -> list[str]:
    """The command that serves one face of the service as the server's project ships it."""
    workers = ["--workers", str(processes)] if processes > 1 else []
    command = [sys.executable, "-m", server]
    if server == "gunicorn":
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        command += ["--worker-class", worker_class, "--bind", address]
    else:
        command += ["--host", host, "--port", str(port)]
    if server == "granian":
        command += ["--interface", interface]
    if server == "uvicorn" and (loop, parser) != OWN_CHOICE:
        command += ["--loop", str(loop), "--http", str(parser)]
    return [*command, *workers, APPLICATIONS[interface]]


def without_sizes(document: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's document to be run as shipped: no server has a number of processes or threads of its own."""
    servers = document.get("servers")
    if not isinstance(servers, Mapping):
        return dict(document)
    bare = {
        label: {key: value for key, value in one.items() if key not in ("processes", "threads")}
        if isinstance(one, Mapping)
        else one
        for label, one in servers.items()
    }
    return {**document, "matched": "as shipped", "servers": bare}
