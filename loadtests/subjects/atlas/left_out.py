"""The servers of the atlas that serve no face of the twins: which law of the contract they do not keep."""

from collections.abc import Sequence
from dataclasses import dataclass

ASGI, WSGI = "asgi_app.application:make_app()", "wsgi_app.application:make_app()"


def _get(*lines: str, method: str = "GET") -> bytes:
    head = [f"{method} /files/a.txt HTTP/1.1", "Host: a", *lines, "Connection: close", "", ""]
    return "\r\n".join(head).encode()


GET = _get()
HEAD = _get(method="HEAD")
LOWER = _get(method="get")
TWO_HOSTS = _get("Host: b")
WAITING = _get("Content-Length: 5", "Expect: 100-continue", method="PUT")


@dataclass(frozen=True)
class Breach:
    """What a client sends, what every server of the table answers, and what this one does.

    `right` and `seen` are patterns (`re`) of the whole answer; `wrong` says it in words.
    """

    sent: bytes
    right: bytes
    seen: bytes
    wrong: str


@dataclass(frozen=True)
class LeftOut:
    """`command` takes {python} and {port}, and serves a face of the twins."""

    server: str
    command: tuple[str, ...]
    breaches: Sequence[Breach]


UPPER = Breach(
    LOWER, rb"\AHTTP/1.1 501 ", rb"\AHTTP/1.1 200 ", "`get` is served as `GET`, where methods differ by case"
)
TOLD = Breach(
    WAITING,
    rb"\AHTTP/1.1 401 ",
    rb"\AHTTP/1.1 100 ",
    "who waits for `100 Continue` is told to send a body that the application would refuse",
)


LEFT_OUT = (
    LeftOut(
        "hypercorn-asgi",
        ("{python}", "-m", "hypercorn", "--bind", "127.0.0.1:{port}", ASGI),
        (UPPER, TOLD),
    ),
    LeftOut(
        "hypercorn-wsgi",
        ("{python}", "-m", "hypercorn", "--bind", "127.0.0.1:{port}", f"wsgi:{WSGI}"),
        (
            Breach(
                HEAD,
                rb"\AHTTP/1.1 200 ",
                rb"\AHTTP/1.1 500 ",
                "an answer without a body is 500: nothing is sent before an application's first block",
            ),
            UPPER,
            TOLD,
        ),
    ),
    LeftOut("waitress", ("{python}", "-m", "waitress", "--listen=127.0.0.1:{port}", "wsgi_app:app"), (TOLD,)),
    LeftOut(
        "cheroot",
        ("{python}", "-m", "cheroot", "--bind", "127.0.0.1:{port}", "wsgi_app:app"),
        (
            Breach(
                TWO_HOSTS,
                rb"\AHTTP/1.1 400 ",
                rb"\AHTTP/1.1 200 ",
                "of repeated fields the last alone is handed on: two `Host` are served as one",
            ),
            TOLD,
        ),
    ),
    LeftOut(
        "daphne",
        ("{python}", "-m", "daphne", "--bind", "127.0.0.1", "--port", "{port}", "asgi_app:app"),
        (
            Breach(HEAD, rb"(?i)\ndate: ", rb"(?is)\A(?!.*\ndate: )", "answers have no `Date`"),
            TOLD,
        ),
    ),
)
