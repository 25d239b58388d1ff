"""Probes of responses: the fields that a server adds to what the application sent."""

import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial

from loadtests.subjects.atlas.probe import Probe, Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import Gone, Talk, request

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


_of = partial(Probe, group=GROUP)

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
)
