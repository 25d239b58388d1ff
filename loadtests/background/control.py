"""The generator's end of its background clients: started before the zero, watched, and judged at the end."""

import json
import resource
import subprocess
from base64 import b64encode
from contextlib import suppress
from typing import Any

from loadtests.checks.check import Rule
from loadtests.model.asks import Unprepared
from loadtests.model.backgrounds import READY_S, BackgroundKind, Traffic
from loadtests.model.children import NEUTRAL, own_command
from loadtests.model.inherited import inherited
from loadtests.model.records import BackgroundDocument, Check
from loadtests.wire.connection import Endpoint
from loadtests.wire.head import HEAD_END
from loadtests.wire.message import Request

WORKING_SHARE = 0.9
OTHER_FILES = 200
LENGTH_DIGITS = 12
REPORT_S = 10.0
BACKGROUND = Rule("background", None, "clients", "invalid")


class BackgroundClients:
    """`count` clients in a child process. Raises Unprepared where they cannot begin."""

    def __init__(
        self, kind: BackgroundKind, count: int, traffic: Traffic, request: Request, endpoint: Endpoint
    ) -> None:
        self.kind, self.count = kind, count
        self._ready: dict[str, Any] = {}
        self._report: dict[str, Any] | None = None
        if endpoint.tls is not None:
            raise Unprepared("background clients speak plain HTTP only: give an http address.")
        _enough_files(count)
        head, end, body = request.wire.partition(HEAD_END)
        expected = request.expectation
        job = {
            "kind": kind.name,
            "count": count,
            "family": int(endpoint.family),
            "address": list(endpoint.address),
            "head": _text(head + end),
            "body": _text(body),
            "expected": None if expected.body is None else _text(expected.body),
            "statuses": sorted(expected.statuses),
            "read_bytes_per_s": traffic.read_bytes_per_s,
            "send_bytes_per_s": traffic.send_bytes_per_s,
            "ready_s": READY_S,
        }
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            own_command("loadtests.background.clients"),
            cwd=NEUTRAL,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=inherited(),
            start_new_session=True,  # an interrupt is for the generator, which ends its clients in order
        )
        text = json.dumps(job)
        self._tell(f"{len(text):0{LENGTH_DIGITS}}{text}", end="")
        self._ready = self._hear()

    def measure(self, measuring: bool) -> None:
        """The measuring phase begins or ends."""
        self._tell("measure" if measuring else "measured")

    def end(self) -> None:
        """End the clients and take their report."""
        if self._report is not None:
            return
        assert self._child.stdin is not None  # noqa: S101 - a pipe was asked for
        with suppress(OSError):
            self._child.stdin.close()
        self._report = self._hear()
        try:
            self._child.wait(REPORT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def document(self) -> BackgroundDocument:
        return BackgroundDocument(
            kind=self.kind.name, count=self.count, ready_s=self._ready.get("after_s"), **(self._report or {})
        )

    def check(self) -> Check:
        """Whether they did what they were there for; without it the cell measured nothing."""
        document = self.document()
        least = WORKING_SHARE * self.count
        advice, name = "", self.kind.name
        if document.wrong:
            advice = (
                f"{document.wrong} answers to the {self.kind.name} were wrong, first: {document.first_wrong}"
            )
        elif document.fewest is None or document.fewest < least:
            advice = (
                f"of {self.count} {name} in the background {document.fewest or 0} were connected at the "
                f"worst, and {document.lost} connections were lost; the server closes or refuses them"
            )
        elif not document.completed and self.kind.answered:
            advice = f"no request of the {name} in the background was answered"
        return BACKGROUND.judged("failed" if advice else "ok", document.fewest or 0, advice, limit=least)

    def _tell(self, line: str, end: str = "\n") -> None:
        assert self._child.stdin is not None  # noqa: S101 - a pipe was asked for
        with suppress(OSError):  # a child that is gone leaves no report, and the check says so
            self._child.stdin.write((line + end).encode())
            self._child.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._child.stdout is not None  # noqa: S101 - a pipe was asked for
        line = self._child.stdout.readline()
        message: dict[str, Any] = json.loads(line) if line else {}
        return message


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _enough_files(count: int) -> None:
    """As many open files as clients; the child raises its own limit as far as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and count + OTHER_FILES > most:
        raise Unprepared(
            f"{count} connections need {count + OTHER_FILES} open files, and the system allows {most}: "
            "raise it with ulimit -n, or ask for fewer."
        )
