"""Probes of requests: what the application is handed of what the client sent."""

from collections.abc import Callable
from typing import Any

from loadtests.subjects.atlas.probe import Probe, Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import Gone, Silent, request

GROUP = "Requests"
REFUSALS = tuple(f"refused: {status}" for status in (400, 404, 405, 411, 414, 431, 500, 501, 505))
CHUNKED = "Transfer-Encoding: chunked"

Handed = dict[str, Any]


def handed(data: bytes, tell: Callable[[Handed], str]) -> Callable[[Running], Seen]:
    """A probe that sends these bytes and tells what came through."""

    def ask(server: Running) -> Seen:
        answer, document = server.handed(data)
        return Seen(tell(document)) if document else Seen(f"refused: {answer.status}")

    return ask


def path_of(document: Handed) -> str:
    return f"`{document['path']}`" if document["path"] else "an empty path"


def field_of(name: str) -> Callable[[Handed], str]:
    """The values of a field, each line of it that was handed on."""

    def tell(document: Handed) -> str:
        values = [value for key, value in document["fields"] if key.replace("_", "-") == name]
        return " and ".join(f"`{value}`" for value in values) or "dropped"

    return tell


def raw_target(server: Running) -> Seen:
    _, document = server.handed(request("/a%2Fb?c=d"))
    if server.row.interface == "asgi":
        raw = document.get("raw_path")
        return Seen("none" if raw is None else f"`raw_path` is `{raw}`")
    return Seen(" and ".join(f"`{name}`" for name in document["raw"]) or "none")


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


def ladder(sizes: tuple[int, ...], make: Callable[[int], bytes], unit: str) -> Callable[[Running], Seen]:
    """The largest of the sizes that is served, and what the next one is answered with."""

    def ask(server: Running) -> Seen:
        served = 0
        for size in sizes:
            try:
                status = server.ask(make(size)).status
            except Gone:
                return Seen(f"{served} {unit}, then closed")
            server.finish()  # some servers wait for it
            if status >= 400:
                return Seen(f"{served} {unit}, then {status}")
            served = size
        return Seen(f"{served} {unit} or more")

    return ask


KIB = (1, 3, 7, 15, 31, 63, 127, 250)
BELIEVED = ("believed", "not believed")


def _of(
    name: str,
    question: str,
    sent: str,
    rule: str,
    matters: str,
    ask: Callable[[Running], Seen],
    *answers: str,
    right: tuple[str, ...] = (),
    interface: str = "",
    quick: bool = True,
) -> Probe:
    return Probe(
        name, question, sent, rule, matters, ask, answers, right, GROUP, interface=interface, quick=quick
    )


PROBES = (
    _of(
        "absolute-form",
        "What path does the application get of an absolute target?",
        "`GET http://atlas.test/echo HTTP/1.1`",
        "RFC 9112 section 3.2.2: a server must accept it; the path is what follows the authority",
        "Whoever is asked by a client that takes the server for a proxy: a right request gets 404.",
        handed(request("http://atlas.test/echo"), path_of),
        "`/echo`",
        "`http://atlas.test/echo`",
        *REFUSALS,
        right=("`/echo`",),
    ),
    _of(
        "asterisk-form",
        "What path does the application get of `*`?",
        "`OPTIONS * HTTP/1.1`",
        "RFC 9112 section 3.2.4: the server as a whole is asked",
        "Load balancers that ask for life by `OPTIONS *`.",
        handed(request("*", "OPTIONS"), path_of),
        "`*`",
        "`/*`",
        "an empty path",
        *REFUSALS,
    ),
    _of(
        "raw-utf8",
        "Is a target with raw UTF-8 bytes refused?",
        "`GET /café HTTP/1.1`, not percent-encoded",
        "RFC 9112 section 3.2: a target is ASCII; answer 400",
        "Users of old clients and of home-made ones: the same link works on one server only.",
        handed(b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: atlas.test\r\n\r\n", lambda _: "handed on"),
        "handed on",
        *REFUSALS,
        right=("refused: 400",),
    ),
    _of(
        "encoded-slash",
        "Is `%2F` told from `/`?",
        "`GET /a%2Fb HTTP/1.1`",
        "PEP 3333 and the ASGI specification: the path is decoded",
        "Applications that put names with slashes into a path.",
        handed(request("/a%2Fb"), path_of),
        "`/a/b`",
        "`/a%2Fb`",
        "`/a%2fb`",
        *REFUSALS,
        right=("`/a/b`",),
    ),
    _of(
        "encoded-utf8",
        "How is a percent-encoded UTF-8 path handed on?",
        "`GET /caf%C3%A9 HTTP/1.1`",
        "PEP 3333: bytes as Latin-1; ASGI: decoded as UTF-8",
        "Authors of middleware that reads the path itself.",
        handed(request("/caf%C3%A9"), path_of),
        "`/cafÃ©`",
        "`/café`",
        *REFUSALS,
    ),
    _of(
        "raw-target",
        "Where does the application find the path as it was sent?",
        "`GET /a%2Fb?c=d HTTP/1.1`",
        "ASGI: optional `raw_path`, without the query; WSGI has no name for it",
        "Those who check signatures over the target, or tell `%2F` from `/`.",
        raw_target,
    ),
    _of(
        "double-slash",
        "Are double slashes handed on?",
        "`GET //a//b HTTP/1.1`",
        "RFC 3986 section 3.3: empty segments are segments",
        "Applications whose paths hold names that somebody else chose.",
        handed(request("//a//b"), path_of),
        "`//a//b`",
        "`/a//b`",
        "`/a/b`",
        "`//b`",
        *REFUSALS,
        right=("`//a//b`",),
    ),
    _of(
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
    _of(
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
    _of(
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
    _of(
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
    _of(
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
    _of(
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
    _of(
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
    _of(
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
    _of(
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
    _of(
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
    _of(
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
    _of(
        "forwarded-for",
        "Is `X-Forwarded-For` from this machine believed?",
        "`X-Forwarded-For: 192.0.2.7`",
        "none: RFC 7239 section 8.1 warns that anybody can send it",
        "Whoever limits or logs by address behind a proxy on the same machine, or without one.",
        handed(request("/echo", fields=("X-Forwarded-For: 192.0.2.7",)), client_of),
        *BELIEVED,
    ),
    _of(
        "forwarded-proto",
        "Is `X-Forwarded-Proto` from this machine believed?",
        "`X-Forwarded-Proto: https`",
        "none: RFC 7239 section 8.1 warns that anybody can send it",
        "Applications that make absolute addresses or secure cookies by the scheme.",
        handed(request("/echo", fields=("X-Forwarded-Proto: https",)), scheme_of),
        *BELIEVED,
    ),
    _of(
        "limit-target",
        "How long may a target be?",
        "`GET /…` of 1 KiB to 250 KiB",
        "RFC 9112 section 3: at least 8,000 octets ought to be supported; beyond the limit 414",
        "Whoever sends long queries: a link that works on one server is refused by another.",
        ladder(KIB, lambda size: request("/" + "a" * (size * 1024)), "KiB"),
    ),
    _of(
        "limit-field",
        "How long may a field be?",
        "one field of 1 KiB to 250 KiB",
        "none: RFC 9110 section 5.4 leaves it to the server, with a status of 4xx; RFC 6585 has 431",
        "Applications with large cookies or tokens.",
        ladder(KIB, lambda size: request(fields=("X-Long: " + "a" * (size * 1024),)), "KiB"),
    ),
    _of(
        "limit-fields",
        "How many fields may a request have?",
        "50 to 1000 fields",
        "none: RFC 9110 section 5.4 leaves it to the server; RFC 6585 has 431",
        "Applications behind several proxies that each add theirs.",
        ladder(
            (50, 98, 120, 250, 500, 1000),
            lambda count: request(fields=tuple(f"X-{number}: 1" for number in range(count))),
            "fields",
        ),
    ),
)
