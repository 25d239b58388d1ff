"""The servers' command lines for the WSGI face."""

import sys
from pathlib import Path

from shared.settings import BACKLOG, CONNECTIONS, GRACEFUL_TIMEOUT_S

CONFIGURATION = Path(__file__).with_name("gunicorn_conf.py")
WORKER_CLASSES = ("sync", "gthread", "gevent")


def gunicorn_command(
    worker_class: str,
    *,
    host: str,
    port: int,
    processes: int,
    threads: int,
    keep_alive_s: int,
    connections: int = CONNECTIONS,
) -> list[str]:
    """The command that serves `wsgi_app:app`.

    ValueError where gunicorn would take another worker class in silence, as it turns `sync` with more
    than one thread into `gthread`, or would not use the threads.
    """
    if worker_class != "gthread" and threads != 1:
        raise ValueError(
            f"threads is {threads}; the {worker_class} worker class serves with 1, gthread with more."
        )
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        str(CONFIGURATION),
        "--worker-class",
        worker_class,
        "--workers",
        str(processes),
        "--threads",
        str(threads),
        "--worker-connections",
        str(connections),
        "--keep-alive",
        str(keep_alive_s),
        "--bind",
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "wsgi_app:app",
    ]


def granian_command(
    *, host: str, port: int, processes: int, threads: int, keep_alive_s: int, connections: int = CONNECTIONS
) -> list[str]:
    """The command by which granian serves `wsgi_app:app`."""
    return [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--http",
        "1",
        "--no-ws",
        "--workers",
        str(processes),
        "--runtime-mode",
        "mt",
        "--runtime-threads",
        "1",
        "--blocking-threads",
        str(threads),
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
        "wsgi_app:app",
    ]
