"""Before the run: what each request's answer must be, read from the served folder or asked of the server."""

import hashlib
import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import gevent

from loadtests.model.asks import ETAG, Ask, Unprepared
from loadtests.model.protocol import wrong_status
from loadtests.model.samples import OK
from loadtests.wire.client import Exchange, WireClient
from loadtests.wire.failures import WireFailure, sentence
from loadtests.wire.message import COMPARED_BYTES, Address, Expectation, Request, build_request

ATTEMPTS = 3
BETWEEN_ANSWERS_S = 0.05
LOCATION_FIELD = re.compile(rb"(?im)^location:[ \t]*(.*?)[ \t]*\r?$")
TYPE_FIELD = re.compile(rb"(?im)^content-type:[ \t]*(.*?)[ \t]*\r?$")
ETAG_FIELD = re.compile(rb"(?im)^etag:[ \t]*(.*?)[ \t]*\r?$")


@dataclass(frozen=True)
class Received:
    """One answer as received; `body` is kept up to the size that is compared."""

    status: int
    length: int
    body: bytes | None
    digest: bytes
    etag: str
    location: str
    type: str = ""

    @property
    def may_change(self) -> bool:
        """Whether it is JSON that no ETag holds: the next one may tell another time, stock or number."""
        return "json" in self.type.lower() and not self.etag


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
    ask: Ask, target: Address, files: Path | None, close: bool, client: Callable[[], WireClient]
) -> tuple[Request, int]:
    """The request with what its answer must be, and how many requests that took; raises Unprepared."""
    headers, sent = ask.headers, 0
    if ask.conditional:
        known, sent = _ask(build_request(target, "GET", ask.path), client)
        if not known.etag:
            raise Unprepared(f"GET {ask.path} answers without an ETag.")
        headers = tuple((name, known.etag if value == ETAG else value) for name, value in headers)
    request = build_request(
        target,
        ask.method,
        ask.path,
        name=ask.name,
        headers=headers,
        body=ask.body,
        close=close or ask.close,
    )
    first, asked = _ask(request, client, ask.statuses)
    sent += asked
    if wrong := wrong_status(first.status, ask.statuses, first.location):
        raise Unprepared(f"{ask.method} {ask.path} {wrong}.")
    if ask.upload:
        expectation, asked = _stored(ask, target, client)
    elif ask.check == "contains":
        expectation, asked = Expectation(contains=ask.contains), 0
        if first.body is None or ask.contains not in first.body:
            raise Unprepared(f"{ask.method} {ask.path} does not answer with {ask.contains.decode()}.")
    elif ask.stored is not None and files is not None:
        expectation, asked = _of_file(files / ask.stored, ask.span), 0
    else:
        gevent.sleep(BETWEEN_ANSWERS_S)
        second, asked = _ask(request, client, ask.statuses)
        expectation = _common(ask.check, first, second)
    if expectation.length not in (None, first.length) or first.digest != (expectation.digest or first.digest):
        raise Unprepared(
            f"{ask.method} {ask.path} answers with other bytes than the file {files}/{ask.stored}."
        )
    statuses = frozenset(ask.statuses) or expectation.statuses
    expectation = replace(expectation, statuses=statuses, cut=ask.cut)
    return replace(request, expectation=expectation), sent + asked


def _stored(ask: Ask, target: Address, client: Callable[[], WireClient]) -> tuple[Expectation, int]:
    """What every answer to an upload has: the ETag under which the server shows what was stored."""
    shown, sent = _ask(build_request(target, "GET", ask.path), client)
    if shown.digest != hashlib.sha256(ask.body or b"").digest():
        raise Unprepared(f"GET {ask.path} answers with other bytes than were stored there.")
    if not shown.etag:
        raise Unprepared(f"GET {ask.path} answers without an ETag.")
    return Expectation(length=0, head=shown.etag.encode("latin-1")), sent


def _of_file(path: Path, span: tuple[int, int | None]) -> Expectation:
    first, end = span
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = max(0, min(size, size if end is None else end) - first)
            file.seek(first)
            if length <= COMPARED_BYTES:
                return Expectation(length=length, body=file.read(length))
            if length < size:
                return Expectation(length=length)
            return Expectation(length=length, digest=hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise Unprepared(f"the file {path} cannot be read: {error.strerror}.") from None


def _common(check: str, first: Received, second: Received) -> Expectation:
    statuses = frozenset({first.status})
    if check == "status":
        return Expectation(statuses)
    same_body = first.digest == second.digest and not first.may_change
    if check == "body" or (check == "auto" and same_body):
        return Expectation(
            statuses, first.length, first.body, None if first.body is not None else first.digest
        )
    # in two answers that differ even the length is alike by chance alone, as in {"now": 1764337500}
    return Expectation(statuses, first.length if check == "length" else None)


def _ask(
    request: Request, client: Callable[[], WireClient], asked: Collection[int] = ()
) -> tuple[Received, int]:
    problem, sent = "", 0
    for _ in range(ATTEMPTS):
        keeper, wire_client = _Keeper(), client()
        progress = Exchange(keeper)
        try:
            kind = wire_client.exchange(
                replace(request, expectation=Expectation(frozenset(range(600)))), False, progress
            )
        except WireFailure as failure:
            problem = str(failure)
        else:
            problem = "" if kind == OK else sentence(kind, progress.status)
            if kind == OK and progress.status >= 400 and progress.status not in asked:
                problem = f"status {progress.status}"
        finally:
            wire_client.close()
        sent += progress.sent_ns > 0
        if not problem:
            body = None if keeper.body is None else bytes(keeper.body)
            fields = (
                match[1].decode("latin-1") if (match := field.search(progress.head)) else ""
                for field in (ETAG_FIELD, LOCATION_FIELD, TYPE_FIELD)
            )
            return Received(progress.status, keeper.length, body, keeper.digest.digest(), *fields), sent
    raise Unprepared(f"{request.method} {request.path} fails before the run: {problem}.")
