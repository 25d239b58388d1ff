"""Before the run: what each request's answer must be, read from the served folder or asked of the server."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import gevent

from loadtests.instrument.client import Exchange, WireClient
from loadtests.instrument.failures import Failure, sentence
from loadtests.instrument.message import COMPARED_BYTES, Expectation, Request, Target, build_request
from loadtests.samples import OK

ATTEMPTS = 3
BETWEEN_ANSWERS_S = 0.05


class Unprepared(Exception):
    """The run cannot begin; `str()` is the sentence that says why."""


@dataclass(frozen=True)
class Ask:
    """A request a scenario makes, `weight` times as often as one of weight 1.

    `check` is body, length, status, auto (what two answers have in common) or contains (`contains`
    is in every right answer). `stored` is the path of the served file that the answer must be.
    """

    weight: int
    method: str
    path: str
    name: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    check: str = "auto"
    contains: bytes = b""
    stored: str | None = None


@dataclass(frozen=True)
class Answer:
    """One answer as received; `body` is kept up to the size that is compared."""

    status: int
    length: int
    body: bytes | None
    digest: bytes


class _Keeper:
    def __init__(self) -> None:
        self.length = 0
        self.body: bytearray | None = bytearray()
        self.digest = hashlib.sha256()

    def __call__(self, piece: memoryview | bytes) -> None:
        self.length += len(piece)
        self.digest.update(piece)
        if self.body is not None:
            self.body = None if self.length > COMPARED_BYTES else self.body + piece


def prepare(
    ask: Ask, target: Target, files: Path | None, close: bool, client: Callable[[], WireClient]
) -> tuple[Request, int]:
    """The request with what its answer must be, and how many requests that took; raises Unprepared."""
    request = build_request(
        target, ask.method, ask.path, name=ask.name, headers=ask.headers, body=ask.body, close=close
    )
    first, sent = _ask(request, client)
    if ask.check == "contains":
        expectation = Expectation(contains=ask.contains)
        if first.body is None or ask.contains not in first.body:
            raise Unprepared(f"{ask.method} {ask.path} does not answer with {ask.contains.decode()}.")
        return replace(request, expectation=expectation), sent
    if ask.stored is not None and files is not None:
        expectation = _of_file(files / ask.stored)
    else:
        gevent.sleep(BETWEEN_ANSWERS_S)
        second, again = _ask(request, client)
        sent += again
        expectation = _common(ask.check, first, second)
    if expectation.length not in (None, first.length) or first.digest != (expectation.digest or first.digest):
        raise Unprepared(
            f"{ask.method} {ask.path} answers with other bytes than the file {files}/{ask.stored}."
        )
    return replace(request, expectation=expectation), sent


def _of_file(path: Path) -> Expectation:
    try:
        length = path.stat().st_size
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        body = path.read_bytes() if length <= COMPARED_BYTES else None
    except OSError as error:
        raise Unprepared(f"the file {path} cannot be read: {error.strerror}.") from None
    return Expectation(length=length, body=body, digest=None if body is not None else digest)


def _common(check: str, first: Answer, second: Answer) -> Expectation:
    statuses = frozenset({first.status})
    if check == "status":
        return Expectation(statuses)
    same_body = first.digest == second.digest
    if check == "body" or (check == "auto" and same_body):
        return Expectation(
            statuses, first.length, first.body, None if first.body is not None else first.digest
        )
    if check == "length" or first.length == second.length:
        return Expectation(statuses, first.length)
    return Expectation(statuses)


def _ask(request: Request, client: Callable[[], WireClient]) -> tuple[Answer, int]:
    problem, sent = "", 0
    for _ in range(ATTEMPTS):
        keeper, one = _Keeper(), client()
        progress = Exchange(keeper)
        try:
            kind = one.exchange(
                replace(request, expectation=Expectation(frozenset(range(600)))), False, progress
            )
        except Failure as failure:
            problem = str(failure)
        else:
            problem = "" if kind == OK else sentence(kind, progress.status)
            if kind == OK and progress.status >= 400:
                problem = f"status {progress.status}"
        finally:
            one.close()
        sent += progress.sent_ns > 0
        if not problem:
            body = None if keeper.body is None else bytes(keeper.body)
            return Answer(progress.status, keeper.length, body, keeper.digest.digest()), sent
    raise Unprepared(f"{request.method} {request.path} fails before the run: {problem}.")
