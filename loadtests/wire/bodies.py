"""Checks of a response's body as it arrives, at memory speed: comparing costs one memcmp."""

import hashlib
from collections.abc import Callable
from typing import Any

from loadtests.model.samples import OK
from loadtests.wire.failures import KIND
from loadtests.wire.message import Expectation

Sink = Callable[[memoryview | bytes], None]
LENGTH, BODY = KIND["length"], KIND["body"]


class BodyCheck:
    """Takes a body piece by piece; `verdict` gives the kind of the outcome.

    `digested` says whether this response is one of those whose digest is computed; `sink`, where
    given, sees every piece.
    """

    __slots__ = ("_digest", "_expected", "_kept", "_same", "_sink", "received")

    def __init__(self, expected: Expectation, digested: bool, sink: Sink | None = None) -> None:
        self._sink = sink
        self.received = 0
        self._expected = expected
        self._same = True
        self._digest: Any = hashlib.sha256() if digested and expected.digest is not None else None
        self._kept: bytearray | None = bytearray() if expected.contains is not None else None

    def feed(self, piece: memoryview | bytes) -> None:
        body = self._expected.body
        # startswith compares any buffer in place; == of memoryviews would go byte by byte in Python's terms
        if body is not None and self._same:
            self._same = body.startswith(piece, self.received)
        if self._digest is not None:
            self._digest.update(piece)
        if self._kept is not None:
            self._kept += piece
        if self._sink is not None:
            self._sink(piece)
        self.received += len(piece)

    def verdict(self) -> int:
        """The kind of a body that has ended: ok, length or body."""
        expected = self._expected
        length = expected.length if expected.body is None else len(expected.body)
        if expected.cut is not None and length is not None:
            if self.received < min(expected.cut, length):
                return LENGTH
        elif length is not None and self.received != length:
            return LENGTH
        if not self._same:
            return BODY
        if self._digest is not None and self._digest.digest() != expected.digest:
            return BODY
        if self._kept is not None and expected.contains is not None and expected.contains not in self._kept:
            return BODY
        return OK
