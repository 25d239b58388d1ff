"""Probes of a request's target: what path the application is handed of it."""

from loadtests.subjects.atlas.handed import REFUSALS, Handed, handed, probe_of
from loadtests.subjects.atlas.probe import Seen
from loadtests.subjects.atlas.running import Running
from loadtests.subjects.atlas.talk import request


def path_of(document: Handed) -> str:
    return f"`{document['path']}`" if document["path"] else "an empty path"


def raw_target(server: Running) -> Seen:
    _, document = server.handed(request("/a%2Fb?c=d"))
    if server.row.interface == "asgi":
        raw = document.get("raw_path")
        return Seen("none" if raw is None else f"`raw_path` is `{raw}`")
    return Seen(" and ".join(f"`{name}`" for name in document["raw"]) or "none")


PROBES = (
    probe_of(
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
    probe_of(
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
    probe_of(
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
    probe_of(
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
    probe_of(
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
    probe_of(
        "raw-target",
        "Where does the application find the path as it was sent?",
        "`GET /a%2Fb?c=d HTTP/1.1`",
        "ASGI: optional `raw_path`, without the query; WSGI has no name for it",
        "Those who check signatures over the target, or tell `%2F` from `/`.",
        raw_target,
    ),
    probe_of(
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
)
