"""`/health` on the WSGI face: what serves, read from the gunicorn worker that serves this very request."""

import sys
from functools import cache
from importlib.metadata import version
from types import FrameType
from typing import Any

import gunicorn
from gunicorn.workers.base import Worker

from shared.health import Serving, describe_health
from shared.replies import json_reply
from shared.service import Service
from wsgi_app.replies import WireResponse, send_reply


def health(service: Service) -> WireResponse:
    return send_reply(json_reply(describe_health(serving(), service.settings)))


@cache  # it does not change while a process lives, and looking it up costs more than all else
def serving() -> Serving:
    """The live configuration, from the worker object that called us; `unknown` under another server."""
    worker = _calling_worker()
    versions = {"flask": version("flask"), "gunicorn": gunicorn.__version__}
    if worker is None:
        return Serving("wsgi", "wsgi_app", "unknown", "unknown", 1, 1, None, None, None, versions)
    threads = worker.cfg.threads if _class_name(worker) == "gthread" else 1
    return Serving(
        interface="wsgi",
        application="wsgi_app",
        server="gunicorn",
        worker_class=_class_name(worker),
        processes=worker.cfg.workers,
        threads=threads,
        loop=None,
        parser=None,
        handlers=None,
        versions=versions,
        keep_alive_s=worker.cfg.keepalive if _class_name(worker) != "sync" else 0,
    )


def _calling_worker() -> Any:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        candidate = frame.f_locals.get("self")
        if isinstance(candidate, Worker):
            return candidate
        frame = frame.f_back
    return None


def _class_name(worker: Worker) -> str:
    """gunicorn's own name of a worker class: `gunicorn.workers.sync` is `sync`, of `ggevent` `gevent`."""
    module = type(worker).__module__.rpartition(".")[2]
    return {"ggevent": "gevent", "gasgi": "asgi"}.get(module, module)
