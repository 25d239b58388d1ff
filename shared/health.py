"""What `/health` says: the same document on both faces, filled from the live process."""

import os
import platform
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.interpreter import gil_runs, is_free_threaded
from shared.settings import Settings


@dataclass(frozen=True)
class Serving:
    """The configuration as it runs, not as it was asked for."""

    interface: str
    application: str
    server: str
    worker_class: str
    processes: int
    threads: int
    connections: int | None  # a server process takes at once; None where the server sets no limit
    loop: str | None
    parser: str | None
    handlers: str | None
    versions: Mapping[str, str]
    keep_alive_s: float = 0


def main_thread_locals(function: str) -> Mapping[str, Any]:
    """The local names of a function that the main thread is in; empty where it is in none of that name.

    How a server that keeps its configuration nowhere else can be asked for what it really runs with.
    """
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_code.co_name == function:
            return frame.f_locals
        frame = frame.f_back
    return {}


def describe_health(serving: Serving, settings: Settings) -> dict[str, Any]:
    return {
        "status": "ok",
        "interface": serving.interface,
        "application": serving.application,
        "server": serving.server,
        "worker_class": serving.worker_class,
        "processes": serving.processes,
        "threads": serving.threads,
        "connections": serving.connections,
        "loop": serving.loop,
        "parser": serving.parser,
        "handlers": serving.handlers,
        "keep_alive_s": serving.keep_alive_s,
        "free_threaded": is_free_threaded(),
        "gil": gil_runs(),
        "pid": os.getpid(),
        "files": str(settings.files),
        "kept_bytes": settings.kept_bytes,
        "jobs": settings.jobs_kind,
        "versions": {"python": platform.python_version(), **serving.versions},
    }
