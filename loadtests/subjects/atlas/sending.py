"""Probes of what an interface lets an application send: a reason of its own, a file."""

from functools import partial

from loadtests.subjects.atlas.probe import Probe, Seen
from loadtests.subjects.atlas.responses import GROUP
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import request


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

PROBES = (
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
