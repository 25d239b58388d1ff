"""The bare applications of the atlas: nothing stands between the server and what it is handed.

One file of the standard library, served as `bare:wsgi` and `bare:asgi`. The path says what to answer, the
query how; every other path is answered with what the server handed over. What an application lives through
is noted in the file that `ATLAS_NOTES` names, a JSON line each, to be read however the server ends.
"""

import asyncio
import io
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Fields = list[tuple[str, str]]
FILE_BYTES = 1024 * 1024
LOOK_S = 0.2
PARTS = ("gunicorn_h1c", "httptools", "h11", "uvloop", "gevent", "twisted")  # read back where they are loaded
_running = 0
_counting = threading.Lock()


@dataclass(frozen=True)
class BareReply:
    """What the application sends, and what it does before: `fails` is `early` or `midway`."""

    pieces: tuple[bytes, ...] = (b"hello\n",)
    status: str = "200 OK"
    fields: Fields = field(default_factory=list)
    pause_s: float = 0.0
    wait_s: float = 0.0
    reads: bool = False
    file: bool = False
    fails: str = ""


def reply_to(path: str, query: dict[str, str]) -> BareReply:
    """The reply of a path; one that only the request itself can fill has no pieces."""
    plain = [("Content-Type", "text/plain")]
    if path == "/":
        return BareReply(fields=[*plain, ("Content-Length", "6")])
    if path in ("/unread", "/own"):  # a field of the application's own choice; a body is left unread
        own = [(query["name"], query["value"])] if "name" in query else []
        return BareReply(fields=[*plain, ("Content-Length", "6"), *own])
    if path == "/status":
        own = [("Content-Length", query["length"])] if "length" in query else []
        return BareReply((query.get("body", "").encode(),), query["status"], own)
    if path == "/length":  # says one length and sends another
        return BareReply((b"x" * int(query["sent"]),), fields=[*plain, ("Content-Length", query["said"])])
    if path == "/unsized":
        return BareReply(fields=plain)
    if path == "/stream":
        count, pause_s = int(query.get("pieces", "3")), float(query.get("pause", "0"))
        size = int(query.get("size", "6"))
        return BareReply((b"piece\n".ljust(size),) * count, fields=plain, pause_s=pause_s)
    if path == "/fail":
        return BareReply((b"piece\n",) * 3, fields=plain, fails=query["when"])
    if path == "/wait":
        return BareReply(fields=[*plain, ("Content-Length", "6")], wait_s=float(query["seconds"]))
    if path == "/busy":
        return BareReply(fields=[*plain, ("Content-Length", "6")], wait_s=-float(query["seconds"]))
    if path == "/file":
        return BareReply((), fields=[*plain, ("Content-Length", str(FILE_BYTES))], file=True)
    return BareReply((), fields=[("Content-Type", "application/json")], reads=True)


def note(query: dict[str, str], event: str, **values: Any) -> None:
    """Write down what happened to the request of a query's `note`."""
    path = os.environ.get("ATLAS_NOTES")
    if path and "note" in query:
        document = {
            "note": query["note"],
            "event": event,
            "pid": os.getpid(),
            "s": time.monotonic(),
            **values,
        }
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(handle, json.dumps(document).encode() + b"\n")
        finally:
            os.close(handle)


def facts() -> dict[str, Any]:
    return {"pid": os.getpid(), "parts": [name for name in PARTS if name in sys.modules]}


def entered(change: int) -> int:
    """How many requests wait at the same time in this process, this one among them."""
    global _running
    with _counting:
        _running += change
        return _running


def released(query: dict[str, str], end: float) -> bool:
    """Whether a request has waited to its end, or need not any more: a file of its note's name says so."""
    path = os.environ.get("ATLAS_NOTES", "")
    return time.monotonic() >= end or os.path.exists(f"{path}-{query.get('note')}")


def busy(seconds: float) -> None:
    """Pure Python for so long, as a blocking call in a handler would do."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def file_to_send() -> str:
    """A file beside the notes, made anew for each request."""
    folder = os.path.dirname(os.environ.get("ATLAS_NOTES", "")) or tempfile.gettempdir()
    path = os.path.join(folder, "atlas.bin")
    with open(path, "wb") as file:
        file.write(b"f" * FILE_BYTES)
    return path


class NotingFile(io.FileIO):
    """A file that notes in what pieces it is read; the kernel's `sendfile` reads it without our knowing."""

    def __init__(self, query: dict[str, str]) -> None:
        super().__init__(file_to_send())
        self.query = query

    def read(self, size: int | None = -1, /) -> bytes:
        note(self.query, "read", size=size)
        return super().read(size) or b""


# --- WSGI


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    reply = reply_to(environ.get("PATH_INFO", ""), query)
    begun = time.monotonic()
    note(query, "begun")
    if reply.fails == "early":
        raise RuntimeError("as the atlas asked")
    if reply.wait_s > 0:
        note(query, "running", count=entered(1))
        while not released(query, begun + reply.wait_s):
            time.sleep(LOOK_S)
        entered(-1)
    elif reply.wait_s < 0:
        busy(-reply.wait_s)
    pieces, fields = reply.pieces, reply.fields
    if reply.reads:
        body = read_whole(environ, query)
        pieces = (json.dumps(handed_by_wsgi(environ, body)).encode(),)
        fields = [*fields, ("Content-Length", str(len(pieces[0])))]
    start_response(reply.status, fields)
    if reply.file:
        wrapper = environ.get("wsgi.file_wrapper")
        note(query, "wrapper", offered=wrapper is not None)
        return wrapper(NotingFile(query)) if wrapper else [NotingFile(query).read()]
    if reply.pause_s or reply.fails or len(pieces) > 1:
        return Pieces(reply, query)
    return list(pieces)


class Pieces:
    """Pieces over time; notes how many were asked for and that it was closed (PEP 3333)."""

    def __init__(self, reply: BareReply, query: dict[str, str]) -> None:
        self.reply, self.query, self.given = reply, query, 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.given == len(self.reply.pieces):
            raise StopIteration
        if self.given and self.reply.fails:
            raise RuntimeError("as the atlas asked")
        if self.given:
            time.sleep(self.reply.pause_s)
        self.given += 1
        note(self.query, "piece", number=self.given)
        return self.reply.pieces[self.given - 1]

    def close(self) -> None:
        note(self.query, "closed", given=self.given)


def read_whole(environ: dict[str, Any], query: dict[str, str]) -> bytes:
    """The body: to its end where the server marks it, else by the length it names."""
    length = environ.get("CONTENT_LENGTH") or ""
    size = int(length) if length.isdigit() else -1 if "HTTP_TRANSFER_ENCODING" in environ else 0
    stream, body = environ["wsgi.input"], b""
    try:
        while size < 0 or len(body) < size:
            part = stream.read(65536 if size < 0 else min(65536, size - len(body)))
            if not part:
                break
            body += part
    except BaseException as error:
        note(query, "failed", error=type(error).__name__)
        raise
    note(query, "whole" if len(body) == size or size < 0 else "short", size=len(body))
    return body


def handed_by_wsgi(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    names = ("CONTENT_TYPE", "CONTENT_LENGTH")
    fields = {name: value for name, value in environ.items() if name.startswith("HTTP_") or name in names}
    return {
        **facts(),
        "method": environ["REQUEST_METHOD"],
        "path": environ.get("PATH_INFO"),
        "raw": [name for name in ("RAW_URI", "REQUEST_URI") if name in environ],
        "query": environ.get("QUERY_STRING"),
        "fields": [
            [name.removeprefix("HTTP_").replace("_", "-").lower(), value] for name, value in fields.items()
        ],
        "scheme": environ["wsgi.url_scheme"],
        "client": environ.get("REMOTE_ADDR"),
        "body": body.decode("latin-1"),
        "threads": bool(environ["wsgi.multithread"]),
        "processes": bool(environ["wsgi.multiprocess"]),
        "terminated": bool(environ.get("wsgi.input_terminated")),
        "extensions": sorted(name for name in environ if name.startswith("wsgi.")),
    }


# --- ASGI

AsgiReceive = Callable[[], Awaitable[dict[str, Any]]]
AsgiSend = Callable[[dict[str, Any]], Awaitable[None]]


async def asgi(scope: dict[str, Any], receive: AsgiReceive, send: AsgiSend) -> None:
    if scope["type"] == "lifespan":
        return await live(scope, receive, send)
    if scope["type"] != "http":
        return None
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    reply = reply_to(scope["path"], query)
    begun = time.monotonic()
    note(query, "begun")
    if reply.fails == "early":
        raise RuntimeError("as the atlas asked")
    if reply.wait_s > 0:
        note(query, "running", count=entered(1))
        while not released(query, begun + reply.wait_s):  # noqa: ASYNC110  it looks for a file
            await asyncio.sleep(LOOK_S)
        entered(-1)
    elif reply.wait_s < 0:
        busy(-reply.wait_s)
    pieces, fields = reply.pieces, reply.fields
    if reply.reads:
        body = await receive_whole(receive, query)
        pieces = (json.dumps(handed_by_asgi(scope, body)).encode(),)
        fields = [*fields, ("Content-Length", str(len(pieces[0])))]
    listening = asyncio.create_task(listen(receive, query)) if "listen" in query else None
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    try:
        await send({"type": "http.response.start", "status": int(reply.status.split()[0]), "headers": raw})
        if reply.file and "http.response.pathsend" in (scope.get("extensions") or {}):
            return await send({"type": "http.response.pathsend", "path": file_to_send()})
        for number, piece in enumerate(pieces or (b"f" * FILE_BYTES,)):
            if number and reply.fails:
                raise RuntimeError("as the atlas asked")
            if number:
                await asyncio.sleep(reply.pause_s)
            note(query, "piece", number=number + 1)
            await send({"type": "http.response.body", "body": piece, "more_body": len(pieces) > 1})
        if len(pieces) > 1:
            await send({"type": "http.response.body"})
    except BaseException as error:
        note(query, "failed", error=type(error).__name__)
        raise
    finally:
        note(query, "closed")
        if listening is not None:
            listening.cancel()
    return None


async def live(scope: dict[str, Any], receive: AsgiReceive, send: AsgiSend) -> None:
    """The lifespan protocol; what it is told is noted."""
    while True:
        event = (await receive())["type"].removeprefix("lifespan.")
        note({"note": "lifespan"}, event, state="state" in scope)
        await send({"type": f"lifespan.{event}.complete"})
        if event == "shutdown":
            return


async def listen(receive: AsgiReceive, query: dict[str, str]) -> None:
    """Note that the client left, as soon as the server says so."""
    while (await receive())["type"] != "http.disconnect":
        pass
    note(query, "disconnect")


async def receive_whole(receive: AsgiReceive, query: dict[str, str]) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            note(query, "failed", error="http.disconnect")
            raise ConnectionError("the client left")
        part: bytes = message.get("body", b"")
        body += part
        if not message.get("more_body"):
            note(query, "whole", size=len(body))
            return body


def handed_by_asgi(scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    loop = type(asyncio.get_running_loop())
    raw_path = scope.get("raw_path")
    return {
        **facts(),
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": raw_path.decode("latin-1") if raw_path else None,
        "query": scope["query_string"].decode("latin-1"),
        "fields": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "scheme": scope.get("scheme"),
        "client": scope["client"][0] if scope.get("client") else None,
        "body": body.decode("latin-1"),
        "loop": f"{loop.__module__}.{loop.__qualname__}",
        "asgi": scope["asgi"],
        "extensions": sorted(scope.get("extensions") or {}),
        "state": "state" in scope,
    }
