"""Probes of requests: what the application is handed of what the client sent."""

from collections.abc import Callable

from loadtests.subjects.atlas.handed import REFUSALS, Handed, handed, probe_of
from loadtests.subjects.atlas.probe import Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import Silent, request

CHUNKED = "Transfer-Encoding: chunked"


def field_of(name: str) -> Callable[[Handed], str]:
    """The values of a field, each line of it that was handed on."""

    def tell(document: Handed) -> str:
        values = [value for key, value in document["fields"] if key.replace("_", "-") == name]
        return " and ".join(f"`{value}`" for value in values) or "dropped"

    return tell


def expected(path: str) -> Callable[[Running], Seen]:
    """A body held back until the server asks for it."""

    def ask(server: Running) -> Seen:
        talk = server.talk()
        limit, talk.deadline = talk.deadline, min(talk.deadline, talk.deadline - 3.0)
        fields = ("Expect: 100-continue", "Content-Length: 5")
        talk.send(request(path, "POST", fields=fields))
        try:
            while b"\r\n\r\n" not in talk.received and talk.more():
                pass
        except Silent:
            talk.deadline = limit
            talk.send(b"abcde")
            talk.answer()
            return Seen("no 100 within 2 s")
        talk.deadline = limit
        if talk.received[9:12] != b"100":
            talk.answer()
            return Seen("the answer, without 100")
        talk.send(b"abcde")
        talk.answer()
        return Seen("100, then the answer")

    return ask


def chunked(trailer: bytes = b"") -> bytes:
    """Five bytes in one chunk."""
    return request("/echo", "POST", fields=(CHUNKED,)) + b"5\r\nabcde\r\n0\r\n" + trailer + b"\r\n"


def end_of_chunks(document: Handed) -> str:
    names = [name for name, _ in document["fields"]]
    if "content-length" in names:
        return "`CONTENT_LENGTH`, counted by the server"
    return "`wsgi.input_terminated`" if document["terminated"] else "no sign"


def trailer_of(document: Handed) -> str:
    return "merged into the fields" if "x-trailer" in dict(document["fields"]) else "dropped"


def begun_early(server: Running) -> Seen:
    name, talk = server.new_note(), server.talk()
    talk.send(request(f"/unread?note={name}", "POST", fields=("Content-Length: 10",)) + b"abcde")
    if server.noted(name, "begun", limit_s=1.5):
        return Seen("with the head")
    talk.send(b"fghij")
    return Seen("when the body is whole" if server.noted(name, "begun") else "never")


def client_of(document: Handed) -> str:
    return "believed" if document["client"] == "192.0.2.7" else "not believed"


def scheme_of(document: Handed) -> str:
    return "believed" if document["scheme"] == "https" else "not believed"


BELIEVED = ("believed", "not believed")


PROBES = (
    probe_of(
        "repeated-field",
        "What does the application get of a field that is sent twice?",
        "`X-Twice: 1` and `X-Twice: 2`",
        "RFC 9110 section 5.3: may be joined with a comma, in order; ASGI: as they were sent",
        "Applications that read `X-Forwarded-For` or `Accept` from several proxies.",
        handed(request("/echo", fields=("X-Twice: 1", "X-Twice: 2")), field_of("x-twice")),
        "`1,2`",
        "`1, 2`",
        "`2`",
        "`1`",
        "`1` and `2`",
        right=("`1,2`", "`1, 2`", "`1` and `2`"),
    ),
    probe_of(
        "underscore",
        "What becomes of a field with an underscore in its name?",
        "`X_Under: 1`",
        "RFC 9110 section 5.1 allows it; CGI's names cannot tell it from `X-Under`",
        "Clients that name their fields so: they vanish on some servers without a word.",
        handed(request("/echo", fields=("X_Under: 1",)), field_of("x-under")),
        "`1`",
        "dropped",
        *REFUSALS,
    ),
    probe_of(
        "obs-text",
        "Is a field value with bytes above ASCII handed on?",
        "`X-Name: café` in Latin-1",
        "RFC 9110 section 5.5: obs-text is to be taken as opaque bytes",
        "Applications behind single sign-on, which sends people's names in fields.",
        handed(request("/echo", fields=("X-Name: caf\xe9",)), field_of("x-name")),
        "`café`",
        "``",
        "dropped",
        *REFUSALS,
        right=("`café`",),
    ),
    probe_of(
        "own-method",
        "Does a method that nobody registered reach the application?",
        "`TWINS /echo HTTP/1.1`",
        "RFC 9110 section 9.1: methods are open; 501 for one that is not known",
        "Applications with methods of their own, such as WebDAV's later ones.",
        handed(request("/echo", "TWINS"), lambda document: f"`{document['method']}`"),
        "`TWINS`",
        *REFUSALS,
        right=("`TWINS`", "refused: 501"),
    ),
    probe_of(
        "lower-method",
        "Is a method in small letters another one?",
        "`get /echo HTTP/1.1`",
        "RFC 9110 section 9.1: methods are case-sensitive",
        "Whoever filters by method before the server: it may be made a `GET` after the filter.",
        handed(request("/echo", "get"), lambda document: f"`{document['method']}`"),
        "`get`",
        "`GET`",
        *REFUSALS,
        right=("`get`", "refused: 400", "refused: 501"),
    ),
    probe_of(
        "later-version",
        "Is a request of a later minor version served?",
        "`GET /echo HTTP/1.2`",
        "RFC 9110 section 2.5: as the highest minor version that the server knows",
        "Nobody today, and everybody on the day there is one.",
        handed(request("/echo", version="1.2"), lambda _: "answered"),
        "answered",
        *REFUSALS,
        right=("answered",),
    ),
    probe_of(
        "expect-read",
        "When does `100 Continue` come to a client that holds its body back?",
        "`Expect: 100-continue` to a handler that reads the body",
        "RFC 9110 section 10.1.1: 100, or a final answer",
        "Users of curl with bodies over 1 MiB: without 100 each waits for a second.",
        expected("/echo"),
        "100, then the answer",
        "the answer, without 100",
        "no 100 within 2 s",
        right=("100, then the answer",),
        quick=False,
    ),
    probe_of(
        "expect-unread",
        "Is a body asked for that nobody will read?",
        "`Expect: 100-continue` to a handler that answers at once",
        "RFC 9110 section 10.1.1: a final answer may stand in its place, which is what it is for",
        "Whoever refuses uploads (401, 413): the body is sent all the same.",
        expected("/unread"),
        "100, then the answer",
        "the answer, without 100",
        "no 100 within 2 s",
        quick=False,
    ),
    probe_of(
        "chunked-end",
        "How does a WSGI application know where a body in chunks ends?",
        "`Transfer-Encoding: chunked`, five bytes",
        "none: PEP 3333 does not know such bodies",
        "Frameworks: Werkzeug reads such a body only where it finds one of the signs.",
        handed(chunked(), end_of_chunks),
        "`wsgi.input_terminated`",
        "`CONTENT_LENGTH`, counted by the server",
        "no sign",
        *REFUSALS,
        interface="wsgi",
    ),
    probe_of(
        "trailer",
        "What becomes of a field after the last chunk?",
        "a body in chunks with the trailer `X-Trailer: 1`",
        "RFC 9110 section 6.5.1: not to be merged into the fields unless its definition allows it",
        "Clients that send a digest after the body.",
        handed(chunked(b"X-Trailer: 1\r\n"), trailer_of),
        "dropped",
        "merged into the fields",
        *REFUSALS,
        right=("dropped",),
    ),
    probe_of(
        "begun",
        "When is the application called?",
        "`POST` with a body of ten bytes, of which five are sent",
        "none",
        "Whoever answers before the body is there, and whoever has slow clients: somebody waits for them.",
        begun_early,
        "with the head",
        "when the body is whole",
        "never",
    ),
    probe_of(
        "forwarded-for",
        "Is `X-Forwarded-For` from this machine believed?",
        "`X-Forwarded-For: 192.0.2.7`",
        "none: RFC 7239 section 8.1 warns that anybody can send it",
        "Whoever limits or logs by address behind a proxy on the same machine, or without one.",
        handed(request("/echo", fields=("X-Forwarded-For: 192.0.2.7",)), client_of),
        *BELIEVED,
    ),
    probe_of(
        "forwarded-proto",
        "Is `X-Forwarded-Proto` from this machine believed?",
        "`X-Forwarded-Proto: https`",
        "none: RFC 7239 section 8.1 warns that anybody can send it",
        "Applications that make absolute addresses or secure cookies by the scheme.",
        handed(request("/echo", fields=("X-Forwarded-Proto: https",)), scheme_of),
        *BELIEVED,
    ),
)
