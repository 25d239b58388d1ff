"""uvicorn's command line for the ASGI face."""

import sys

from shared.settings import BACKLOG, GRACEFUL_TIMEOUT_S, MAX_FIELDS_BYTES

LOOPS = ("uvloop", "asyncio")
PARSERS = ("httptools", "h11")


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
        parser,
        "--ws",
        "none",
        "--workers",
        str(processes),
        "--timeout-keep-alive",
        str(keep_alive_s),
        "--timeout-graceful-shutdown",
        str(GRACEFUL_TIMEOUT_S),
        "--backlog",
        str(BACKLOG),
        "--h11-max-incomplete-event-size",
        str(2 * MAX_FIELDS_BYTES),
        "--no-access-log",
        "--log-level",
        "warning",
        "--host",
        host,
        "--port",
        str(port),
        "asgi_app:app",
    ]
