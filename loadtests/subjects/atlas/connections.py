"""Probes of connections: how long they live, how they end, what may be spoken on them."""

import time
from functools import partial

from loadtests.subjects.atlas.probe import Probe, Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import Gone, Silent, request

GROUP = "Connections"
IDLE_S = 4.0
MANY, SLOW_CLOSERS = 150, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
KEEP = ("Connection: keep-alive",)


def kept_11(server: Running) -> Seen:
    talk = server.talk()
    first = talk.ask(request(server.path))
    try:
        talk.ask(request(server.path))
    except Gone:
        return Seen("closed, and said so" if first.says("close") else "closed, unsaid")
    return Seen("kept")


def kept_10(server: Running) -> Seen:
    talk = server.talk()
    first = talk.ask(request(server.path, version="1.0", fields=KEEP))
    if first.framing == "close":
        return Seen("closed")
    try:
        talk.ask(request(server.path, version="1.0", fields=KEEP))
    except Gone:
        return Seen("closed")
    return Seen("kept, and said so" if first.says("keep-alive") else "kept, unsaid")


def idle_kept(server: Running) -> Seen:
    talk = server.talk()
    talk.ask(request(server.path))
    return _closed(talk.closed_within(IDLE_S))


def idle_new(server: Running) -> Seen:
    return _closed(server.talk().closed_within(IDLE_S))


def _closed(seconds: float | None) -> Seen:
    if seconds is None:
        return Seen(f"open after {IDLE_S:g} s")
    return Seen("closed at once") if seconds < 0.5 else Seen(f"closed within {IDLE_S:g} s", seconds)


def pipelined(server: Running) -> Seen:
    talk = server.talk()
    talk.ask(request(server.path) * 2)
    try:
        talk.answer()
    except Gone:
        return Seen("the first only")
    return Seen("both, in order")


def half_closed(server: Running) -> Seen:
    talk = server.talk()
    talk.send(request("/wait?seconds=0.3"))
    talk.half_close()
    try:
        talk.answer()
    except Gone:
        return Seen("dropped")
    return Seen("answered")


def slow_closers(server: Running) -> Seen:
    """Clients that have their answer and do not close; whether another one is served meanwhile."""
    for _ in range(SLOW_CLOSERS):
        server.talk().send(request(server.path, fields=("Connection: close",)))
    time.sleep(0.3)
    talk = server.talk()
    talk.deadline = time.monotonic() + 1.2
    try:
        talk.ask(request(server.path))
    except Silent:
        return Seen("it waits for them")
    return Seen("at once")


def empty_line(server: Running) -> Seen:
    return _status(server.ask(b"\r\n" + request(server.path)).status)


def _status(status: int, passed: str = "answered") -> Seen:
    return Seen(passed if status < 400 else f"refused: {status}")


def unread_body(server: Running) -> Seen:
    talk = server.talk()
    talk.send(request("/unread", "POST", body=b"b" * 1024 * 1024))
    try:
        talk.answer()
    except Gone:
        return Seen("answer lost")
    try:
        talk.ask(request("/"))
    except Gone:
        return Seen("answered, then closed")
    return Seen("answered, and kept")


def upgrade_h2c(server: Running) -> Seen:
    fields = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    status = server.ask(request(server.path, fields=fields)).status
    return Seen("switched to HTTP/2") if status == 101 else _status(status, "answered in HTTP/1.1")


def prior_knowledge(server: Running) -> Seen:
    talk = server.talk()
    talk.send(PREFACE)
    try:
        while len(talk.received) < 9 and talk.more():
            pass
    except Silent:
        pass
    if talk.received[3:4] == b"\x04":
        return Seen("HTTP/2 spoken")
    if talk.received.startswith(b"HTTP/"):
        return _status(int(talk.received[9:12]), "served as HTTP/1")
    raise Gone


def many_kept(server: Running) -> Seen:
    count = 0
    try:
        for _ in range(MANY):
            talk = server.talk()
            talk.deadline = min(talk.deadline, time.monotonic() + 1.5)
            answer = talk.ask(request(server.path))
            if answer.says("close"):
                return Seen("fewer", count) if count else Seen("none is kept")
            count += 1
    except (Gone, Silent):
        return Seen("fewer", count)
    if talk.closed_within(0.05) is not None:
        return Seen("none is kept")
    return Seen(f"all {MANY}")


REFUSALS = ("refused: 400", "refused: 405", "refused: 501", "refused: 505")

_of = partial(Probe, group=GROUP)

PROBES = (
    _of(
        "kept-11",
        "Is a connection of HTTP/1.1 kept for the next request?",
        "two requests, one after the other",
        "RFC 9112 section 9.3: persistent unless one side says close",
        "Everybody who compares servers: where connections are not kept, every figure holds a handshake.",
        kept_11,
        ("kept", "closed, and said so", "closed, unsaid"),
        ("kept", "closed, and said so"),
        application=False,
    ),
    _of(
        "kept-10",
        "Is a connection of HTTP/1.0 kept where the client asks for it?",
        "`GET / HTTP/1.0` with `Connection: keep-alive`, twice",
        "RFC 9112 section 9.3 and appendix C.2.2: a server that keeps it says so in `Connection`",
        "Users of ApacheBench and of old proxies: unsaid, they wait for a close that does not come.",
        kept_10,
        ("kept, and said so", "kept, unsaid", "closed"),
        ("kept, and said so", "closed"),
        application=False,
    ),
    _of(
        "idle-kept",
        "How long does a kept connection live without a request?",
        "one request, then nothing for 4 s",
        "none: RFC 9112 section 9.5 leaves it to the server",
        "Whoever runs a proxy before it: its own time has to be the shorter one, or requests are lost.",
        idle_kept,
        ("closed at once", f"closed within {IDLE_S:g} s", f"open after {IDLE_S:g} s"),
        unit="s",
        application=False,
        quick=False,
    ),
    _of(
        "idle-new",
        "How long may a new connection say nothing?",
        "a connection and no byte for 4 s",
        "none: RFC 9112 section 9.5 leaves it to the server",
        "Whoever faces the internet without a proxy: each silent connection holds memory, or a thread.",
        idle_new,
        ("closed at once", f"closed within {IDLE_S:g} s", f"open after {IDLE_S:g} s"),
        unit="s",
        application=False,
        quick=False,
    ),
    _of(
        "pipelined",
        "Are two requests that come in one packet answered both?",
        "two requests in one write",
        "RFC 9112 section 9.3.2: a server that keeps the connection answers them in order",
        "Users of `wrk` scripts and of benchmarks that pipeline.",
        pipelined,
        ("both, in order", "the first only"),
        application=False,
    ),
    _of(
        "half-closed",
        "Is a client answered that closes its sending side after the request?",
        "a request that takes 0.3 s, then `shutdown(SHUT_WR)`",
        "none that binds: TCP allows it (RFC 9293 section 3.6), HTTP says nothing of it",
        "Users of `nc -N`, of some health checks and proxies: their request is dropped without a word.",
        half_closed,
        ("answered", "dropped"),
    ),
    _of(
        "slow-closers",
        "Is another client served while some do not close after their last answer?",
        f"{SLOW_CLOSERS} requests with `Connection: close`, whose clients do not close, then another",
        "RFC 9112 section 9.6: the server closes its side and waits for the client's, as long as it likes",
        "Whoever has few processes or threads: a client that takes its time to close holds one of them.",
        slow_closers,
        ("at once", "it waits for them"),
        application=False,
        quick=False,
    ),
    _of(
        "empty-line",
        "Is an empty line before the request passed over?",
        "CRLF, then a request",
        "RFC 9112 section 2.2: a server ought to ignore at least one",
        "Old clients that end a body with a line of their own.",
        empty_line,
        ("answered", *REFUSALS),
        ("answered",),
        application=False,
    ),
    _of(
        "unread-body",
        "What becomes of a connection whose request body the application did not read?",
        "`POST` with 1 MiB to a handler that answers without reading, then a second request",
        "RFC 9112 section 9.3: read it all, or close after the answer",
        "Whoever refuses uploads early (401, 413): the client may see a reset in place of the reason.",
        unread_body,
        ("answered, and kept", "answered, then closed", "answer lost"),
        ("answered, and kept", "answered, then closed"),
    ),
    _of(
        "upgrade-h2c",
        "Does the server change to HTTP/2 on a connection without TLS?",
        "a request with `Upgrade: h2c`",
        "RFC 9113 section 3.1: this upgrade is obsolete; a server may ignore it",
        "Whoever filters or measures requests by HTTP/1.1 in front of the server.",
        upgrade_h2c,
        ("answered in HTTP/1.1", "switched to HTTP/2", *REFUSALS),
        application=False,
    ),
    _of(
        "prior-knowledge",
        "Does the server speak HTTP/2 to a client that begins with it?",
        "HTTP/2's preface and an empty SETTINGS frame",
        "RFC 9113 section 3.3: a server that does not speak it may refuse",
        "Proxies that speak h2c to what is behind them, and gRPC.",
        prior_knowledge,
        ("HTTP/2 spoken", "served as HTTP/1", *REFUSALS),
        application=False,
    ),
    _of(
        "many-kept",
        f"How many of {MANY} connections are served while all stay open?",
        f"{MANY} connections, one request on each",
        "none: a limit of the server's own",
        "Servers behind proxies with big pools: the connection beyond the limit waits for somebody to leave.",
        many_kept,
        (f"all {MANY}", "fewer", "none is kept"),
        unit="connections",
        application=False,
    ),
)
