"""The ASGI application and, at `/census`, the tasks of its loop: what nobody can count from outside."""

import asyncio
from typing import Any

from asgi_app import app as twin


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http" or scope["path"] != "/census":
        await twin(scope, receive, send)
        return
    body = str(len(asyncio.all_tasks())).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
