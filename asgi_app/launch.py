"""The servers' command lines for the ASGI face."""

import sys
from pathlib import Path

from shared.settings import BACKLOG, CONNECTIONS, GRACEFUL_TIMEOUT_S, MAX_HEAD_BYTES, SILENT_TIMEOUT_S

CONFIGURATION = Path(__file__).with_name("gunicorn_conf.py")
LOOPS = ("uvloop", "asyncio")
PROTOCOLS = {
    "httptools": "asgi_app.protocol:LimitedHttpTools",
    "h11": "asgi_app.protocol:LimitedH11",
}
PARSERS = tuple(PROTOCOLS)


def uvicorn_command(
    loop: str, parser: str, *, host: str, port: int, processes: int, keep_alive_s: int
) -> list[str]:
    """The command that serves `asgi_app:app`."""
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "--loop",
        loop,
        "--http",
        PROTOCOLS.get(parser, parser),
        "--ws",
        "none",
        "--workers",
        str(processes),
        "--timeout-keep-alive",
        str(keep_alive_s),
        "--timeout-graceful-shutdown",
        str(GRACEFUL_TIMEOUT_S),
        "--timeout-worker-healthcheck",  # its own 5 s would give up a reload on a busy machine
        str(SILENT_TIMEOUT_S),
        "--backlog",
        str(BACKLOG),
        "--h11-max-incomplete-event-size",
        str(MAX_HEAD_BYTES),
        "--no-proxy-headers",  # nobody says for a client where it comes from: nothing here asks
        "--no-access-log",
        "--log-level",
        "warning",
        "--host",
        host,
        "--port",
        str(port),
        "asgi_app:app",
    ]


def gunicorn_command(*, host: str, port: int, processes: int, loop: str, keep_alive_s: int) -> list[str]:
    """The command by which gunicorn's own ASGI worker serves `asgi_app:app`."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        str(CONFIGURATION),
        "--worker-class",
        "asgi",
        "--workers",
        str(processes),
        "--asgi-loop",
        loop,
        "--keep-alive",
        str(keep_alive_s),
        "--bind",
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "asgi_app:app",
    ]


def granian_command(
    *, host: str, port: int, processes: int, loop: str, keep_alive_s: int, connections: int = CONNECTIONS
) -> list[str]:
    """The command by which granian serves `asgi_app:app`."""
    return [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "asgi",
        "--http",
        "1",
        "--no-ws",
        "--workers",
        str(processes),
        "--runtime-mode",
        "mt",
        "--runtime-threads",
        "1",
        "--loop",
        loop,
        "--backpressure",
        str(connections),
        "--backlog",
        str(BACKLOG),
        "--http1-keep-alive",
        "--http1-header-read-timeout",
        str(keep_alive_s * 1000),  # which is how long an idle connection is kept, too
        "--workers-kill-timeout",
        str(GRACEFUL_TIMEOUT_S),
        "--no-access-log",
        "--log-level",
        "error",
        "--host",
        host,
        "--port",
        str(port),
        "asgi_app:app",
    ]
