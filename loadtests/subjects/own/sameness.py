"""Compares answers: status, headers and body, JSON by value, less what a plan ignores (pure)."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from loadtests.model import jsonpath
from loadtests.model.sameness import Mismatch, Sameness, key, sentence
from loadtests.model.words import enumerated
from loadtests.subjects.own.redaction import HIDDEN
from loadtests.subjects.own.secrets import sounds_secret

OF_THE_SERVER = frozenset(
    ("date", "server", "connection", "keep-alive", "transfer-encoding", "content-length", "via")
)
"""Headers that belong to the server and its connection, not to the application's answer."""
SECRET_HEADERS = frozenset(("set-cookie", "authorization", "www-authenticate"))
MOST_PLACES, SHOWN = 50, 120
MISSING = "(missing)"
_DATABASE = re.compile(r"(?i)[a-z0-9+]*(postgres|mysql|mariadb|sqlite|mongodb|redis|mssql|oracle)[a-z0-9+]*:")


@dataclass(frozen=True)
class Asked:
    """One answer; names of headers in lower case, several lines of one name joined with a comma."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Place:
    """Where two answers differ, and both values as they are shown."""

    place: str
    value: str
    other: str
    note: bool = False


@dataclass(frozen=True)
class Ignored:
    """What may differ: JSON paths, `header:NAME`, and `body` for one that is no JSON."""

    paths: tuple[tuple[jsonpath.Step, ...], ...] = ()
    headers: frozenset[str] = frozenset()
    body: bool = False

    def covers(self, steps: Sequence[jsonpath.Step]) -> bool:
        return any(
            len(path) <= len(steps)
            and all(mine is jsonpath.ANY or mine == step for mine, step in zip(path, steps, strict=False))
            for path in self.paths
        )


def ignored(entries: Sequence[str]) -> Ignored:
    """Reads `ignore` of a plan; raises ValueError with one plain sentence."""
    paths, headers, body = [], set(), False
    for entry in entries:
        if entry.startswith("$"):
            paths.append(jsonpath.parse(entry, wildcards=True))
        elif entry.lower().startswith("header:") and entry[7:].strip():
            headers.add(entry[7:].strip().lower())
        elif entry == "body":
            body = True
        else:
            raise ValueError(f"ignore = '{entry}': it is a JSON path such as $.id, header:NAME or body")
    return Ignored(tuple(paths), frozenset(headers), body)


def differences(one: Asked, other: Asked, ignore: Ignored = Ignored()) -> list[Place]:
    """Every place in which two answers differ, notes last; [] where they are the same bytes."""
    found: list[Place] = []
    if one.status != other.status:
        found.append(Place("status", str(one.status), str(other.status)))
    names = {*one.headers, *other.headers} - OF_THE_SERVER - ignore.headers
    for name in sorted(names):
        mine, theirs = one.headers.get(name), other.headers.get(name)
        if mine != theirs:
            found.append(Place(f"header:{name}", _shown_header(name, mine), _shown_header(name, theirs)))
    found += _bodies(one, other, ignore)
    return sorted(found, key=lambda place: place.note)


def general(place: str) -> str:
    """A place as `ignore` names it for every element of a list: `$.items[3].id` is `$.items[*].id`."""
    if not place.startswith("$"):
        return place
    steps = jsonpath.parse(place)
    return jsonpath.write([jsonpath.ANY if isinstance(step, int) else step for step in steps])


def _bodies(one: Asked, other: Asked, ignore: Ignored) -> Iterator[Place]:
    if one.body == other.body:
        return
    documents = [_document(answer) for answer in (one, other)]
    if documents[0] is None or documents[1] is None:
        if not ignore.body:
            yield Place("body", *_shown_bodies(one.body, other.body))
        return
    mine, theirs = documents[0][0], documents[1][0]
    unequal = list(islice(_unequal(mine, theirs, (), ignore), MOST_PLACES))
    yield from unequal
    if not unequal and not (ignore.paths and mine != theirs):
        orders = json.dumps(mine) != json.dumps(theirs)
        what = "another order of keys" if orders else "the same values, written otherwise"
        yield Place("$", f"{what}, {len(one.body)} bytes", f"{len(other.body)} bytes", note=True)


def _document(answer: Asked) -> tuple[Any] | None:
    """The body's value, where it is JSON and not a text that happens to be."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and "json" not in kind and answer.body.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return (json.loads(answer.body),)
    except (ValueError, RecursionError):
        return None


def _unequal(one: Any, other: Any, steps: tuple[jsonpath.Step, ...], ignore: Ignored) -> Iterator[Place]:
    if steps and ignore.covers(steps):
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys((*one, *other)):
            inner = (*steps, name)
            if name in one and name in other:
                yield from _unequal(one[name], other[name], inner, ignore)
            elif not ignore.covers(inner):
                yield _place(inner, one.get(name, _NONE), other.get(name, _NONE))
    elif isinstance(one, list) and isinstance(other, list):
        for number in range(max(len(one), len(other))):
            inner = (*steps, number)
            if number < min(len(one), len(other)):
                yield from _unequal(one[number], other[number], inner, ignore)
            elif not ignore.covers(inner):
                mine, theirs = (side[number] if number < len(side) else _NONE for side in (one, other))
                yield _place(inner, mine, theirs)
    elif not _equal(one, other):
        yield _place(steps, one, other)


class _Nothing:
    pass


_NONE = _Nothing()


def _equal(one: Any, other: Any) -> bool:
    """By JSON's value: 1 is 1.0, and neither is true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or (one != one and other != other)
    return type(one) is type(other) and bool(one == other)


def _place(steps: Sequence[jsonpath.Step], one: Any, other: Any) -> Place:
    hidden = any(isinstance(step, str) and sounds_secret(step) for step in steps)

    def shown(value: Any) -> str:
        if value is _NONE:
            return MISSING
        return HIDDEN if hidden else _cut(json.dumps(value, ensure_ascii=False))

    return Place(jsonpath.write(steps), shown(one), shown(other))


def _shown_header(name: str, value: str | None) -> str:
    if value is None:
        return MISSING
    return HIDDEN if name in SECRET_HEADERS or sounds_secret(name) else _cut(value)


def _shown_bodies(one: bytes, other: bytes) -> tuple[str, str]:
    """Length and what stands where they part."""
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    at = min(len(one), len(other)) if same is None else same
    begin = max(0, at - 16)
    first, second = (
        f"{len(body):,} bytes, from byte {at:,} on {_cut(repr(body[begin : begin + 48])[1:])}"
        for body in (one, other)
    )
    return first, second


def _cut(text: str) -> str:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"


Key = tuple[str, int | None]
"""A request's name, and the number of the feed's row from 1, None where it takes no value of one."""
Twice = tuple[Asked | str, Asked | str]
"""Both answers to one request; a text says why there is none."""


def judge(
    scenario: str,
    answers: Mapping[str, Mapping[Key, Twice]],
    ignore: Mapping[str, Ignored],
    pairs: Collection[tuple[str, str]],
    notes: Sequence[str] = (),
) -> Sameness:
    """Whether the servers answer alike: each by itself, and the servers of each pair.

    `ignore` is by request, `pairs` are the servers that are compared. A place that differs from itself is
    reported as that, and not once more between servers.
    """
    found: dict[str, Mismatch] = {}
    counts: Counter[str] = Counter()
    said = list(notes)

    def add(request: Key, server: str, other: str, place: Place) -> None:
        mismatch = Mismatch(
            request=request[0],
            row=request[1],
            place=general(place.place),
            server=server,
            other=other,
            value=place.value,
            other_value=place.other,
            note=place.note,
        )
        found.setdefault(key(mismatch), mismatch)
        counts[key(mismatch)] += 1

    restless: dict[str, set[str]] = {}
    for server, asked in answers.items():
        for request, (first, second) in asked.items():
            if isinstance(first, str) or isinstance(second, str):
                why = first if isinstance(first, str) else second
                text = f"{request[0]} was not answered by {server}: {why}"
                said += [] if text in said else [text]
                continue
            for place in differences(first, second, ignore.get(request[0], Ignored())):
                if not place.note:
                    restless.setdefault(request[0], set()).add(general(place.place))
                    add(request, server, server, place)
    for server, other in pairs:
        for request, (first, _) in answers.get(server, {}).items():
            theirs = answers.get(other, {}).get(request, ("", ""))[0]
            if isinstance(first, str) or isinstance(theirs, str):
                continue
            for place in differences(first, theirs, ignore.get(request[0], Ignored())):
                if general(place.place) not in restless.get(request[0], ()):
                    add(request, server, other, place)
    servers = list(answers)
    asked_of_all = {request for asked in answers.values() for request in asked}
    unanswered = len(said) > len(notes)
    result = Sameness(
        scenario=scenario,
        servers=servers,
        asked=len(asked_of_all),
        alike=bool(asked_of_all) and not unanswered and all(one.note for one in found.values()),
        mismatches=sorted(found.values(), key=lambda one: one.note),
        counts=dict(counts),
        proposals={
            name: sorted(place for place in places if place != "status")
            for name, places in sorted(restless.items())
        },
        notes=said,
    )
    return result.model_copy(update={"sentence": sentence(result)})


def shared_databases(environments: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A sentence for each variable by which several servers reach one database; `environments` by server."""
    users: dict[tuple[str, str], list[str]] = {}
    for server, environment in environments.items():
        for name, value in environment.items():
            if _DATABASE.match(value):
                users.setdefault((name, value), []).append(server)
    return [
        f"{enumerated(servers)} use one database ({name}): what one writes, the other reads"
        for (name, _), servers in sorted(users.items())
        if len(servers) > 1
    ]
