"""`twins proxy`: prints the configuration of a reverse proxy for a server of either face."""

import os
from pathlib import Path
from typing import Annotated

import typer

from loadtests.subjects.twins.proxy import proxy_configuration
from shared.settings import read_client_timeout, read_settings

NAME = "twins-proxy.conf"


def proxy(
    upstream: Annotated[
        str, typer.Option(help="Host and port of the server, or unix: and a path.")
    ] = "127.0.0.1:8001",
    host: Annotated[str, typer.Option(help="Address that the proxy listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port that the proxy listens on.")] = 8000,
    output: Annotated[Path | None, typer.Option(help="Write it there instead of printing it.")] = None,
) -> None:
    """Print an nginx configuration that keeps slow and hostile clients from a server."""
    path = (output or Path(NAME)).resolve()
    text = proxy_configuration(
        upstream, host, port, read_client_timeout(os.environ), read_settings().max_upload_bytes
    ).replace("{configuration}", str(path))
    if output is None:
        print(text, end="")
        return
    path.write_text(text, encoding="utf-8")
    print(f"Written: {path}. Start it with: nginx -e stderr -c {path}")
