"""`/health` on the WSGI face: what serves, read from gunicorn's live worker or granian's."""

import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from types import FrameType
from typing import Any

import gunicorn
from gunicorn.http.message import _check_fast_parser  # type: ignore[attr-defined]  # private, and not typed
from gunicorn.workers.base import Worker

from shared.health import Serving, describe_health, main_thread_locals
from shared.replies import json_reply
from shared.service import Service
from wsgi_app.replies import WireResponse, send_reply
from wsgi_app.requests import Environ


def health(service: Service, environ: Environ) -> WireResponse:
    return send_reply(json_reply(describe_health(serving(), service.settings)))


@cache  # it does not change while a process lives, and looking it up costs more than all else
def serving() -> Serving:
    """The live configuration, from the worker object that called us; `unknown` under another server."""
    worker = _calling_worker()
    versions = {"flask": version("flask"), "gunicorn": gunicorn.__version__}
    if worker is None:
        if arguments := main_thread_locals("_spawn_wsgi_worker"):
            return _granian(arguments, versions)
        return Serving("wsgi", "wsgi_app", "unknown", "unknown", 1, 1, None, None, None, None, versions)
    worker_class = _class_name(worker)
    return Serving(
        interface="wsgi",
        application="wsgi_app",
        server="gunicorn",
        worker_class=worker_class,
        processes=worker.cfg.workers,
        threads=worker.cfg.threads if worker_class == "gthread" else 1,
        connections=None if worker_class == "sync" else worker.worker_connections,
        loop=_hub_loop() if worker_class == "gevent" else None,
        parser=_parser(worker),
        handlers=None,
        versions=versions,
        keep_alive_s=worker.cfg.keepalive if worker_class != "sync" else 0,
    )


def _granian(worker: Mapping[str, Any], versions: Mapping[str, str]) -> Serving:
    """From the arguments by which granian's server process serves, and its master's as it was at the fork."""
    master = main_thread_locals("startup").get("self")
    http1 = worker["http1_settings"]  # an idle connection is one whose next head is waited for
    return Serving(
        interface="wsgi",
        application="wsgi_app",
        server="granian",
        worker_class=worker["runtime_mode"].value,
        processes=getattr(master, "workers", 0),
        threads=worker["blocking_threads"],
        connections=worker["backpressure"],
        loop=None,
        parser=None,
        handlers=None,
        versions={**versions, "granian": version("granian")},
        keep_alive_s=http1.header_read_timeout / 1000 if http1.keep_alive else 0,
    )


def _hub_loop() -> str:
    """gevent's own name of its loop: `gevent.libev.corecext` is `libev`."""
    from gevent import get_hub

    return type(get_hub().loop).__module__.split(".")[1]


def _parser(worker: Worker) -> str:
    """gunicorn's parser in Python, or `fast`, in C, which it takes by itself where that is installed."""
    return "fast" if _check_fast_parser(worker.cfg) else "python"


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
