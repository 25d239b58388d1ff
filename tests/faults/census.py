"""The ASGI application and, at `/census`, what nobody can count from outside: tasks and protocols."""

import asyncio
import gc
import json
from typing import Any

from asgi_app import app as twin

PROTOCOLS = ("LimitedHttpTools", "LimitedH11", "LimitedGunicorn")


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http" or scope["path"] != "/census":
        await twin(scope, receive, send)
        return
    protocols = sum(type(thing).__name__ in PROTOCOLS for thing in gc.get_objects())
    body = json.dumps({"tasks": len(asyncio.all_tasks()), "protocols": protocols}).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
