"""What `/health` says: the same document on both faces, filled from the live process."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    loop: str | None
    parser: str | None
    handlers: str | None
    versions: Mapping[str, str]
    keep_alive_s: float = 0


def describe_health(serving: Serving, settings: Settings) -> dict[str, Any]:
    return {
        "status": "ok",
        "interface": serving.interface,
        "application": serving.application,
        "server": serving.server,
        "worker_class": serving.worker_class,
        "processes": serving.processes,
        "threads": serving.threads,
        "loop": serving.loop,
        "parser": serving.parser,
        "handlers": serving.handlers,
        "keep_alive_s": serving.keep_alive_s,
        "pid": os.getpid(),
        "files": str(settings.files),
        "versions": {"python": platform.python_version(), **serving.versions},
    }
