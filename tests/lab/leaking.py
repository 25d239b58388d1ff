"""The twins with a planted leak; `TWINS_LEAK` says of what: memory, descriptor or thread."""

import os
import threading
from collections.abc import Iterable
from itertools import count
from typing import Any

import asgi_app
import wsgi_app

LEAK = os.environ.get("TWINS_LEAK", "")
KEPT: list[object] = []
REQUESTS = count(1)


def leak() -> None:
    """Keep 64 KiB of each request, a descriptor or a thread of every eighth."""
    every_eighth = next(REQUESTS) % 8 == 0
    if LEAK == "memory":
        KEPT.append(b"x" * 65_536)
    elif LEAK == "descriptor" and every_eighth:
        KEPT.append(os.open(os.devnull, os.O_RDONLY))
    elif LEAK == "thread" and every_eighth:
        threading.Thread(target=threading.Event().wait, daemon=True).start()


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        leak()
    await asgi_app.app(scope, receive, send)


def wsgi(environ: Any, start_response: Any) -> Iterable[bytes]:
    leak()
    return wsgi_app.app(environ, start_response)
