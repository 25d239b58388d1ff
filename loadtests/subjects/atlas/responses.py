"""Probes of responses: what the client gets of what the application sent."""

import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial

from loadtests.subjects.atlas.connections import KEEP
from loadtests.subjects.atlas.probe import Probe, Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import Gone, ResponseMessage, Silent, Talk, request

GROUP = "Responses"
OLD_DATE = "Sat, 01 Jan 2000 00:00:00 GMT"
WATCHED_S = 3.4  # over so many seconds is the clock of a server looked at


def dated(server: Running) -> Seen:
    """Just after each full second: there a date that is kept for a while shows."""
    end = time.monotonic() + WATCHED_S
    talk: Talk | None = None
    while time.monotonic() < end:
        asked = time.time()
        try:
            talk = talk or server.talk()
            answer = talk.ask(request(server.path))
        except Gone:
            talk = None
            continue
        value = answer.value("date")
        if value is None:
            return Seen("none")
        if _seconds(value) < int(asked):
            return Seen("up to a second old")
        talk = None if answer.says("close") else talk
        time.sleep(0.004 if time.time() % 1 < 0.2 else 0.05)
    return Seen("fresh")


def _seconds(date: str) -> float:
    stamp: datetime = parsedate_to_datetime(date)
    return stamp.timestamp()


def named(server: Running) -> Seen:
    value = server.ask(request(server.path)).value("server")
    return Seen("none" if value is None else f"`{value}`")


def own_field(name: str, value: str, server: Running) -> Seen:
    """What becomes of a field that server and application both would set."""
    answer = server.ask(request(f"/own?name={name}&value={value.replace(' ', '%20')}"))
    values = answer.values(name.lower())
    if len(values) > 1:
        return Seen("both are sent")
    return Seen("the application's" if values == [value] else "the server's" if values else "none")


def own_date(server: Running) -> Seen:
    return own_field("Date", OLD_DATE, server)


def own_server(server: Running) -> Seen:
    return own_field("Server", "mine", server)


def own_close(server: Running) -> Seen:
    talk = server.talk()
    answer = talk.ask(request("/own?name=Connection&value=close"))
    closed = talk.closed_within(1.0) is not None
    if answer.says("close"):
        return Seen("sent and obeyed" if closed else "sent, not obeyed")
    return Seen("not sent, closed" if closed else "replaced")


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


def reason(server: Running) -> Seen:
    text = server.ask(request("/status?status=200%20Fine&body=hello&length=5")).reason
    return Seen("the application's" if text == "Fine" else f"`{text}`" if text else "none")


def unknown_reason(server: Running) -> Seen:
    text = server.ask(request("/status?status=299%20&body=hello&length=5")).reason
    return Seen(f"`{text}`" if text else "none")


def file_wrapper(server: Running) -> Seen:
    name = server.new_note()
    server.ask(request(f"/file?note={name}"))
    if not server.notes(name, "wrapper")[0]["offered"]:
        return Seen("none offered")
    reads = server.notes(name, "read")
    return Seen(f"read by {reads[0]['size']} bytes" if reads else "the kernel's sendfile")


def pathsend(server: Running) -> Seen:
    _, document = server.handed(request("/echo"))
    return Seen("offered" if "http.response.pathsend" in document["extensions"] else "not offered")


_of = partial(Probe, group=GROUP)


ENDS = ("closed", "closed later, by the idle timer", "chunks", "a length", "nothing")
FRAMES = ("chunks", "a length", "closed")

PROBES = (
    _of(
        "date",
        "How old is `Date`?",
        f"requests over {WATCHED_S:g} s, most of them just after a full second",
        "RFC 9110 section 6.6.1: a server with a clock must send it, as of the message's origin",
        "Caches, and whoever tells the age of an answer by it.",
        dated,
        ("fresh", "up to a second old", "none"),
        ("fresh", "up to a second old"),
        application=False,
        quick=False,
    ),
    _of(
        "server",
        "What does the server say of itself?",
        "a request",
        "none: RFC 9110 section 10.2.4 leaves it to the server",
        "Whoever does not want to tell the release to strangers.",
        named,
        (),
        application=False,
    ),
    _of(
        "own-date",
        "What becomes of a `Date` that the application sets?",
        f"a response with `Date: {OLD_DATE}`",
        "RFC 9110 section 5.3: a field that is no list stands once",
        "Applications that pass on answers of others, and those with caches.",
        own_date,
        ("the application's", "the server's", "both are sent", "none"),
        ("the application's", "the server's"),
    ),
    _of(
        "own-server",
        "What becomes of a `Server` that the application sets?",
        "a response with `Server: mine`",
        "RFC 9110 section 5.3: a field that is no list stands once",
        "Whoever hides the server's name by setting it.",
        own_server,
        ("the application's", "the server's", "both are sent", "none"),
        ("the application's", "the server's"),
    ),
    _of(
        "own-close",
        "Is the application's own `Connection: close` obeyed?",
        "a response with `Connection: close`",
        "RFC 9112 section 9.6: who sends `close` closes; PEP 3333: no hop-by-hop fields from applications",
        "Applications that want to get rid of a client, and clients that wait for the promised end.",
        own_close,
        ("sent and obeyed", "sent, not obeyed", "replaced", "not sent, closed"),
        ("sent and obeyed", "replaced", "not sent, closed"),
    ),
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
    _of(
        "reason",
        "Is the application's reason phrase sent?",
        "the status `200 Fine`",
        "PEP 3333: the status line's text is the application's; RFC 9112 section 4: clients ignore it",
        "Tests and old clients that look at the phrase.",
        reason,
        (),
        interface="wsgi",
    ),
    _of(
        "unknown-reason",
        "Which reason phrase gets a status that nobody registered?",
        "the status 299",
        "RFC 9112 section 4: may be empty",
        "Old clients that insist on a phrase.",
        unknown_reason,
        (),
        interface="asgi",
    ),
    _of(
        "file-wrapper",
        "How is a file sent that the application hands over?",
        "`wsgi.file_wrapper` around a file of 1 MiB",
        "PEP 3333: optional",
        "Those who serve downloads: the kernel's sendfile copies nothing into Python.",
        file_wrapper,
        (),
        interface="wsgi",
    ),
    _of(
        "pathsend",
        "May an application name a file for the server to send?",
        "the extensions of the scope",
        "ASGI: the optional extension `http.response.pathsend`",
        "Those who serve downloads: the file's bytes do not pass through the event loop.",
        pathsend,
        ("offered", "not offered"),
        interface="asgi",
    ),
)
