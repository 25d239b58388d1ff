"""Probes of a response's end: what marks it, and what comes of bodies too short, too long, or not allowed."""

from functools import partial

from loadtests.subjects.atlas.connections import KEEP
from loadtests.subjects.atlas.probe import Probe, Seen
from loadtests.subjects.atlas.responses import GROUP
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import Gone, ResponseMessage, Silent, request

ENDS = ("closed", "closed later, by the idle timer", "chunks", "a length", "nothing")
FRAMES = ("chunks", "a length", "closed")


def stream_10(server: Running) -> Seen:
    return _ended(server.ask(request("/stream", version="1.0")))


def stream_10_kept(server: Running) -> Seen:
    return _ended(server.ask(request("/stream", version="1.0", fields=KEEP)))


def _ended(answer: ResponseMessage) -> Seen:
    if answer.framing != "close":
        return Seen({"chunked": "chunks", "length": "a length"}.get(answer.framing, "nothing"))
    late = answer.seconds > 1.0
    return Seen("closed later, by the idle timer" if late else "closed", answer.seconds if late else None)


def unsized(server: Running) -> Seen:
    talk = server.talk()
    return _framed(talk.ask(request("/unsized")))


def _framed(answer: ResponseMessage) -> Seen:
    return Seen({"chunked": "chunks", "length": "a length", "close": "closed"}.get(answer.framing, "nothing"))


def bodyless(data: bytes, server: Running) -> Seen:
    """Whether bytes follow a response that has no body by its definition."""
    talk = server.talk()
    answer = talk.ask(data)
    talk.closed_within(0.4)
    return Seen("sent" if talk.received or answer.body else "left out")


def head_body(server: Running) -> Seen:
    return bodyless(request("/stream", "HEAD"), server)


def body_204(server: Running) -> Seen:
    return bodyless(request("/status?status=204%20None&body=hello&length=5"), server)


def short_body(server: Running) -> Seen:
    talk = server.talk()
    talk.deadline -= 2.0
    try:
        talk.ask(request("/length?said=10&sent=5"))
    except Gone:
        return Seen("no answer")
    except Silent:
        return Seen("left waiting")
    return Seen("closed")


def long_body(server: Running) -> Seen:
    talk = server.talk()
    answer = talk.ask(request("/length?said=5&sent=10"))
    talk.closed_within(0.4)
    if talk.received or len(answer.body) > 5:
        return Seen("sent beyond the length")
    return Seen("cut at the length" if answer.status == 200 else f"{answer.status} in its place")


def fail_early(server: Running) -> Seen:
    talk = server.talk()
    try:
        status = talk.ask(request("/fail?when=early")).status
    except Gone:
        return Seen("closed, nothing sent")
    return Seen(f"{status}, {'closed' if talk.closed_within(0.4) is not None else 'kept'}")


def fail_midway(server: Running) -> Seen:
    talk = server.talk()
    talk.deadline -= 2.0
    try:
        answer = talk.ask(request("/fail?when=midway"))
    except Silent:
        return Seen("left waiting")
    if answer.status != 200:
        return Seen(f"{answer.status} in its place")
    if answer.framing == "chunked":
        return Seen("ended as if whole" if answer.whole else "cut, and seen to be")
    return Seen("closed, as a whole one is")


_of = partial(Probe, group=GROUP)

PROBES = (
    _of(
        "stream-10",
        "How does a stream end for HTTP/1.0?",
        "`GET /stream HTTP/1.0`",
        "RFC 9112 section 6.1: no chunks to HTTP/1.0; by closing",
        "Users of ApacheBench and of old proxies: chunks are read as part of the content.",
        stream_10,
        ENDS,
        ("closed", "a length"),
    ),
    _of(
        "stream-10-kept",
        "And where the client asked to keep the connection?",
        "`GET /stream HTTP/1.0` with `Connection: keep-alive`",
        "RFC 9112 section 6.3: a response without a length ends with its connection",
        "Users of `ab -k`: each stream lasts as long as the idle timer.",
        stream_10_kept,
        ENDS,
        ("closed", "a length"),
        unit="s",
    ),
    _of(
        "unsized",
        "Is a length put to a response of one piece?",
        "a response of one piece without `Content-Length`",
        "PEP 3333: a server may count it where there is one piece",
        "Clients that show progress, and proxies that buffer.",
        unsized,
        FRAMES,
    ),
    _of(
        "head-body",
        "Is a body left out that the application sends to `HEAD`?",
        "`HEAD /stream HTTP/1.1` to a handler that sends pieces",
        "RFC 9110 section 9.3.2: a server must not send content to `HEAD`",
        "Clients that keep connections: the body is read as the next answer.",
        head_body,
        ("left out", "sent"),
        ("left out",),
    ),
    _of(
        "body-204",
        "Is a body left out that the application sends with 204?",
        "a response of 204 with five bytes and their length",
        "RFC 9110 section 15.3.5: 204 has no content",
        "Clients that keep connections: the body is read as the next answer.",
        body_204,
        ("left out", "sent"),
        ("left out",),
    ),
    _of(
        "short-body",
        "What if the application sends less than it said?",
        "`Content-Length: 10` and five bytes",
        "RFC 9112 section 8: the message is incomplete, and closing tells so",
        "Everybody: where the connection stays open the client waits for its own time limit.",
        short_body,
        ("closed", "left waiting", "no answer"),
        ("closed", "no answer"),
        quick=False,
    ),
    _of(
        "long-body",
        "And if it sends more?",
        "`Content-Length: 5` and ten bytes",
        "PEP 3333: not more than was said; RFC 9112 section 6.3: what follows is the next message",
        "Everybody: the rest is read as the next answer on that connection.",
        long_body,
        ("cut at the length", "sent beyond the length", "500 in its place"),
        ("cut at the length", "500 in its place"),
    ),
    _of(
        "fail-early",
        "What does a client get where the application fails before it answers?",
        "a handler that raises at once",
        "RFC 9110 section 15.6.1: 500",
        "Proxies: a connection closed without an answer is tried again elsewhere, or is a 502.",
        fail_early,
        ("500, closed", "500, kept", "closed, nothing sent"),
        ("500, closed", "500, kept"),
    ),
    _of(
        "fail-midway",
        "Can a client see that a stream failed midway?",
        "a handler that raises after its first piece",
        "RFC 9112 section 8: without the last chunk the message is incomplete",
        "Everybody who streams: an export that broke off is taken for the whole.",
        fail_midway,
        (
            "cut, and seen to be",
            "left waiting",
            "ended as if whole",
            "closed, as a whole one is",
            "500 in its place",
        ),
        ("cut, and seen to be", "500 in its place"),
    ),
)
