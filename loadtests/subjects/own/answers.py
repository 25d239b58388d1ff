"""What a right answer to a request of a plan has, and what is kept of it for later requests (pure)."""

import hashlib
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from loadtests.model import jsonpath
from loadtests.model.placeholders import Hole, parse
from loadtests.subjects.own.recipes import SECRET, Pattern, RequestValues, as_text, pattern, text_of
from loadtests.subjects.own.requests import SAVED, PlanLogin
from loadtests.subjects.own.secrets import variable

MOST_KEPT = 100_000
"""Requests whose first answer is remembered where all later ones must be the same."""

CookieOf = Callable[[str], str | None]


class Given(NamedTuple):
    """One answer: its head as received, with the status line, and its body."""

    head: bytes
    body: bytes


class Wrong(Exception):
    """What a right answer would have had; `str()` is the end of a sentence and holds no value of a user."""


@lru_cache(maxsize=64)
def _finder(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?im)^" + re.escape(name.encode("latin-1", "replace")) + rb":[ \t]*(.*?)[ \t]*\r?$")


def field_of(head: bytes, name: str) -> str | None:
    """The first value of a header field."""
    found = _finder(name).search(head)
    return None if found is None else found[1].decode("latin-1")


class Reader:
    """Holds answers of one request to what the plan says of them, and takes out what is saved."""

    def __init__(self, request: PlanLogin) -> None:
        answer = request.answer
        self._contains: Pattern | None = (
            None if answer.contains is None else pattern(answer.contains, as_text)
        )
        self._json = [(path, jsonpath.parse(path), _wanted(value)) for path, value in answer.json_.items()]
        self._length, self._type = answer.length, answer.type
        self._same: dict[bytes, bytes] | None = {} if answer.same else None
        self._saved = [
            (name, jsonpath.parse(source), source)
            for name, source in request.save.items()
            if source.startswith("$")
        ]
        self._fields = [
            (name, found[1], found[2].strip())
            for name, source in request.save.items()
            if (found := SAVED.fullmatch(source))
        ]
        self._parsed = bool(self._json or self._saved)
        self.needed = bool(request.save) or answer != type(answer)()
        """Whether an answer has to be read at all."""

    def read(self, given: Given, asked: bytes, values: RequestValues, cookie: CookieOf) -> dict[str, Any]:
        """What is saved of an answer to the request of the bytes `asked`; raises Wrong."""
        body = given.body
        if self._length is not None and len(body) != self._length:
            raise Wrong(f"a body of {self._length} bytes")
        if self._type is not None and _media_type(given.head) != self._type.lower():
            raise Wrong(f"the content type {self._type}")
        if self._contains is not None and self._contains.fill(values) not in body:
            raise Wrong("the text of answer.contains")
        if self._same is not None:
            self._hold_to_first(asked, body)
        found: dict[str, Any] = {}
        if self._parsed:
            try:
                document = json.loads(body.decode("utf-8"))
            except (ValueError, RecursionError):
                raise Wrong("a body that is JSON") from None
            for path, steps, right in self._json:
                if not right(_at(document, steps, path), values):
                    raise Wrong(f"the value of answer.json at {path}")
            for name, steps, path in self._saved:
                found[name] = _at(document, steps, path)
        for name, kind, source in self._fields:
            value = field_of(given.head, source) if kind == "header" else cookie(source)
            if value is None:
                raise Wrong(f"the {kind} {source}")
            found[name] = value
        return found

    def _hold_to_first(self, asked: bytes, body: bytes) -> None:
        assert self._same is not None  # noqa: S101 - the caller has looked
        digest = hashlib.sha256(body).digest()
        key = hashlib.sha256(asked).digest()
        if len(self._same) < MOST_KEPT:
            first = self._same.setdefault(key, digest)
        else:
            first = self._same.get(key, digest)
        if first != digest:
            raise Wrong("the bytes of the same request's first answer")


def _media_type(head: bytes) -> str:
    return (field_of(head, "content-type") or "").partition(";")[0].strip().lower()


def _at(document: Any, steps: tuple[jsonpath.Step, ...], path: str) -> Any:
    try:
        return jsonpath.value(document, steps)
    except LookupError:
        raise Wrong(f"a value at {path}") from None


def _wanted(wanted: Any) -> Callable[[Any, RequestValues], bool]:
    """Whether a value is the wanted one; where values are filled in by its text, as a CSV has texts alone."""
    if not isinstance(wanted, str):
        return lambda found, values: _equal(found, wanted)
    if (secret := variable(wanted)) is not None:
        return lambda found, values: text_of(found) == values[SECRET + secret]
    parts = parse(wanted)
    if len(parts) == 1 and isinstance(hole := parts[0], Hole):
        return lambda found, values: text_of(found) == text_of(values[hole.name])
    if any(isinstance(part, Hole) for part in parts):
        filled = pattern(wanted, as_text)
        return lambda found, values: as_text(found) == filled.fill(values)
    literal = "".join(part for part in parts if isinstance(part, str))
    return lambda found, values: _equal(found, literal)


def _equal(found: Any, wanted: Any) -> bool:
    """By value: 1 is 1.0, and neither is true."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    numbers = isinstance(found, int | float) and isinstance(wanted, int | float)
    return bool(found == wanted) and (numbers or type(found) is type(wanted))
