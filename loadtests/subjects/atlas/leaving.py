"""Probes of clients that leave: when the application is told, and what goes on without them."""

import time
from functools import partial

from loadtests.subjects.atlas.probe import Probe, Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import request

GROUP = "Clients that leave"
SOON_S = 1.0
PIECES = 36
STREAM = f"/stream?pieces={PIECES}&pause=0.1&size=2000"  # 3.6 s


def left(server: Running, name: str, extra: str = "") -> float:
    """Take the first pieces of a stream and leave; when that was, in the clock of the notes."""
    talk = server.talk()
    talk.send(request(f"{STREAM}&note={name}{extra}"))
    while b"piece" not in talk.received and talk.more():
        pass
    talk.reset()
    return time.monotonic()


def stream_ends(server: Running) -> Seen:
    name = server.new_note()
    start = left(server, name)
    closed = server.noted(name, "closed")
    if closed is None or server.notes(name, "piece")[-1]["number"] == PIECES:
        return Seen("never: it runs to its end")
    seconds = max(0.0, closed["s"] - start)
    return Seen(f"within {SOON_S:g} s" if seconds < SOON_S else "later", seconds)


def send_tells(server: Running) -> Seen:
    """Held to what the server promises by its `spec_version`."""
    version = server.handed(request("/facts"))[1]["asgi"].get("spec_version", "2.0")
    promised = tuple(map(int, version.split("."))) >= (2, 4)
    name = server.new_note()
    start = left(server, name)
    closed = server.noted(name, "closed")
    seconds = max(0.0, closed["s"] - start) if closed else None
    failed = server.notes(name, "failed")
    if failed and failed[0]["error"] != "CancelledError":
        return Seen("it raises, as promised" if promised else "it raises, not promised", seconds)
    how = "the task is cancelled" if failed else "the stream runs on"
    if server.notes(name, "piece")[-1]["number"] == PIECES:
        seconds = None  # the stream's own length
    return Seen(f"promised, not raised: {how}" if promised else how, seconds)


def told(server: Running) -> Seen:
    name = server.new_note()
    start = left(server, name, "&listen=1")
    message = server.noted(name, "disconnect", "closed")
    if message is None or message["event"] == "closed":
        return Seen("not told")
    seconds = max(0.0, message["s"] - start)
    return Seen(f"within {SOON_S:g} s" if seconds < SOON_S else "later", seconds)


def upload_breaks(server: Running) -> Seen:
    name, talk = server.new_note(), server.talk()
    talk.send(request(f"/echo?note={name}", "POST", fields=("Content-Length: 100000",)) + b"abcde")
    server.noted(name, "begun", limit_s=1.0)
    talk.close()
    if server.noted(name, "begun", limit_s=1.5) is None:
        return Seen("it is never called")
    end = server.noted(name, "failed", "short", "whole", limit_s=2.0)
    if end is None:
        return Seen("it waits on")
    if end["event"] == "failed":
        return Seen(
            "`http.disconnect`" if end["error"] == "http.disconnect" else f"`{end['error']}` is raised"
        )
    return Seen("the body just ends")


_of = partial(Probe, group=GROUP)

PROBES = (
    _of(
        "stream-left",
        "When does a stream end whose client left?",
        "a stream of a piece each 0.1 s, and a reset after the first",
        "PEP 3333: `close()` is called when the request ends early",
        "Whoever streams: what nobody reads holds a thread, and the database behind it.",
        stream_ends,
        (f"within {SOON_S:g} s", "later", "never: it runs to its end"),
        (f"within {SOON_S:g} s",),
        unit="s",
        interface="wsgi",
        quick=False,
    ),
    _of(
        "send-left",
        "How does `send` tell that the client left, and how long does the stream outlive it?",
        "a stream of a piece each 0.1 s, and a reset after the first",
        "ASGI: an `OSError` where the server says `spec_version` 2.4 or later; no rule before",
        "Frameworks: Starlette listens for a disconnect below 2.4 only.",
        send_tells,
        (
            "it raises, as promised",
            "it raises, not promised",
            "the task is cancelled",
            "the stream runs on",
            "promised, not raised: the task is cancelled",
            "promised, not raised: the stream runs on",
        ),
        ("it raises, as promised", "it raises, not promised", "the task is cancelled", "the stream runs on"),
        unit="s",
        interface="asgi",
        quick=False,
    ),
    _of(
        "told-left",
        "When does `receive` tell that the client left?",
        "the same, with a task that waits in `receive`",
        "ASGI: `http.disconnect`",
        "Whoever ends work for which nobody waits.",
        told,
        (f"within {SOON_S:g} s", "later", "not told"),
        (f"within {SOON_S:g} s",),
        unit="s",
        interface="asgi",
        quick=False,
    ),
    _of(
        "upload-left",
        "What does an application see of an upload that broke off?",
        "`Content-Length: 100000`, five bytes, then the end of the connection",
        "RFC 9112 section 8: the request is incomplete",
        "Whoever stores uploads: where the body just ends, half a file is taken for the whole.",
        upload_breaks,
        (),
        quick=False,
    ),
)
