"""How a request can fail on the wire: one exception with the kind it is recorded under.

WireFailure
  kind: one of loadtests.model.samples.KINDS but "ok"
"""

from loadtests.model.samples import KINDS

KIND = {name: number for number, name in enumerate(KINDS)}

_SENTENCES = {
    "connect": "no connection",
    "connect-timeout": "no connection in time",
    "first-byte-timeout": "no answer in time",
    "total-timeout": "the answer did not end in time",
    "reset": "the connection broke before the answer was whole",
    "truncated": "the server closed before the announced length",
    "status": "another status than expected",
    "length": "another length than expected",
    "body": "other bytes than expected",
    "protocol": "not an HTTP/1.1 answer",
    "censored": "unfinished at the end",
    "dropped": "never sent: too many requests in flight",
}


class WireFailure(Exception):
    """A request that did not end as expected; `str()` is a stable sentence, one per kind and status."""

    def __init__(self, kind: str, status: int = 0) -> None:
        self.kind = KIND[kind]
        self.status = status
        super().__init__(sentence(self.kind, status))


def sentence(kind: int, status: int = 0) -> str:
    """The text of a failure in Locust's table; the status is told only where it is the failure."""
    name = KINDS[kind]
    return f"{name}: {_SENTENCES[name]}" + (f" ({status})" if name == "status" else "")
