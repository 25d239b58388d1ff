"""`/health` on the ASGI face: what serves, read from uvicorn's live protocol, gunicorn's, or granian."""

import asyncio
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from types import FrameType
from typing import Any

import uvicorn
from fastapi import Request

from asgi_app.replies import WireResponse, send_reply
from shared.health import Serving, describe_health, main_thread_locals
from shared.replies import json_reply
from shared.service import Service


async def health(service: Service, request: Request) -> WireResponse:
    return send_reply(json_reply(describe_health(serving(service.settings.handlers), service.settings)))


@cache  # it does not change while a process lives, and looking it up costs more than all else
def serving(handlers: str) -> Serving:
    """The live configuration, from the protocol object that called us; `unknown` under another server."""
    protocol = _calling_protocol()
    versions = {"fastapi": version("fastapi"), "uvicorn": uvicorn.__version__}
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    if protocol is None:
        if request := main_thread_locals("_handle_http_request"):
            return _gunicorn(request["self"], loop, handlers, versions)
        if worker := main_thread_locals("_spawn_asgi_lifespan_worker"):
            return _granian(worker, loop, handlers, versions)
        return Serving("asgi", "asgi_app", "unknown", "unknown", 1, 1, None, loop, None, handlers, versions)
    return Serving(
        interface="asgi",
        application="asgi_app",
        server="uvicorn",
        worker_class="uvicorn",
        processes=protocol.config.workers,
        threads=_thread_tokens() if handlers == "threads" else 1,
        connections=protocol.config.limit_concurrency,
        loop=loop,
        parser=_parser_name(protocol),
        handlers=handlers,
        versions=versions,
        keep_alive_s=protocol.timeout_keep_alive,
    )


def _gunicorn(protocol: Any, loop: str, handlers: str, versions: Mapping[str, str]) -> Serving:
    """From the protocol object of gunicorn's ASGI worker, which takes any number of connections."""
    worker = protocol.worker
    return Serving(
        interface="asgi",
        application="asgi_app",
        server="gunicorn",
        worker_class={"gasgi": "asgi"}.get(_module(worker), _module(worker)),
        processes=worker.cfg.workers,
        threads=_thread_tokens() if handlers == "threads" else 1,
        connections=None,
        loop=loop,
        parser="python" if _module(protocol._callback_parser) == "parser" else "fast",
        handlers=handlers,
        versions={**versions, "gunicorn": version("gunicorn")},
        keep_alive_s=worker.cfg.keepalive,
    )


def _module(thing: object) -> str:
    return type(thing).__module__.rpartition(".")[2]


def _granian(worker: Mapping[str, Any], loop: str, handlers: str, versions: Mapping[str, str]) -> Serving:
    """From the arguments by which granian's server process serves, and its master's as it was at the fork."""
    master = main_thread_locals("startup").get("self")
    http1 = worker["http1_settings"]  # an idle connection is one whose next head is waited for
    return Serving(
        interface="asgi",
        application="asgi_app",
        server="granian",
        worker_class=worker["runtime_mode"].value,
        processes=getattr(master, "workers", 0),
        threads=_thread_tokens() if handlers == "threads" else 1,
        connections=worker["backpressure"],
        loop=loop,
        parser=None,
        handlers=handlers,
        versions={**versions, "granian": version("granian")},
        keep_alive_s=http1.header_read_timeout / 1000 if http1.keep_alive else 0,
    )


def _calling_protocol() -> Any:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        cycle: Any = frame.f_locals.get("self")
        if type(cycle).__name__ == "RequestResponseCycle" and type(cycle).__module__.startswith("uvicorn."):
            return getattr(cycle.on_response, "__self__", None)
        frame = frame.f_back
    return None


def _parser_name(protocol: Any) -> str:
    """uvicorn's own name of a parser: what is derived from `uvicorn.protocols.http.h11_impl` is `h11`."""
    modules = (base.__module__ for base in type(protocol).__mro__)
    own = next(module for module in modules if module.startswith("uvicorn.protocols.http."))
    return own.rpartition(".")[2].removesuffix("_impl")


def _thread_tokens() -> int:
    from anyio.to_thread import current_default_thread_limiter

    return int(current_default_thread_limiter().total_tokens)
