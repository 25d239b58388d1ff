"""The servers of the atlas that serve no face of the twins: which law of the contract they do not keep."""

from collections.abc import Sequence
from dataclasses import dataclass


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
    """`command` takes {python}, {port} and a face of the twins, {named} or {made} by a call."""

    server: str
    interface: str
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
        "asgi",
        ("{python}", "-m", "hypercorn", "--bind", "127.0.0.1:{port}", "{made}"),
        (UPPER, TOLD),
    ),
    LeftOut(
        "hypercorn-wsgi",
        "wsgi",
        ("{python}", "-m", "hypercorn", "--bind", "127.0.0.1:{port}", "wsgi:{made}"),
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
    LeftOut(
        "waitress", "wsgi", ("{python}", "-m", "waitress", "--listen=127.0.0.1:{port}", "{named}"), (TOLD,)
    ),
    LeftOut(
        "cheroot",
        "wsgi",
        ("{python}", "-m", "cheroot", "--bind", "127.0.0.1:{port}", "{named}"),
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
        "asgi",
        ("{python}", "-m", "daphne", "--bind", "127.0.0.1", "--port", "{port}", "{named}"),
        (
            Breach(HEAD, rb"(?i)\ndate: ", rb"(?is)\A(?!.*\ndate: )", "answers have no `Date`"),
            TOLD,
        ),
    ),
)
