"""gunicorn's command line for the WSGI face."""

import sys
from pathlib import Path

CONFIGURATION = Path(__file__).with_name("gunicorn_conf.py")
WORKER_CLASSES = ("sync", "gthread")


def gunicorn_command(
    worker_class: str, *, host: str, port: int, processes: int, threads: int, keep_alive_s: int
) -> list[str]:
    """The command that serves `wsgi_app:app`.

    ValueError where gunicorn would take another worker class in silence: it turns `sync` with more
    than one thread into `gthread`.
    """
    if worker_class == "sync" and threads != 1:
        raise ValueError(f"threads is {threads}; the sync worker class serves with 1, gthread with more.")
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
        "--keep-alive",
        str(keep_alive_s),
        "--bind",
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "wsgi_app:app",
    ]
