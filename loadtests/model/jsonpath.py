"""JSON paths that lead to one value: the singular queries of RFC 9535, 2.3.5.1, such as `$.items[0]['id']`.

Where many places are meant, as in what a comparison ignores, `[*]` and `.*` are taken, too.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

ANY: Final = None
"""A step to every member or element."""
Step = str | int | None

_NAME = r"[A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff]*"
_SEGMENT = re.compile(
    rf"\.(?P<name>{_NAME})|(?P<any>\.\*|\[\s*\*\s*\])|\[\s*(?P<index>0|-?[1-9][0-9]*)\s*\]"
    r"|\[\s*'(?P<single>(?:[^'\\\x00-\x1f]|\\.)*)'\s*\]|\[\s*\"(?P<double>(?:[^\"\\\x00-\x1f]|\\.)*)\"\s*\]"
)


def parse(text: str, *, wildcards: bool = False) -> tuple[Step, ...]:
    """The steps of a path: member names, indices (negative ones from the end), ANY.

    Raises ValueError with one plain sentence.
    """
    steps: list[Step] = []
    place = 1
    if not text.startswith("$"):
        raise ValueError(f"'{text}' is no JSON path: it begins with $, as in $.items[0].id")
    while place < len(text):
        segment = _SEGMENT.match(text, place)
        if segment is None:
            raise ValueError(
                f"'{text}' cannot be read from its character {place + 1} on: a JSON path looks like "
                "$.items[0].id or $['first name']"
            )
        place = segment.end()
        if segment["any"]:
            if not wildcards:
                raise ValueError(f"'{text}' leads to many values: give the number of one, as in [0]")
            steps.append(ANY)
        elif segment["index"]:
            steps.append(int(segment["index"]))
        elif segment["name"]:
            steps.append(segment["name"])
        else:
            steps.append(_unquoted(text, segment["single"], segment["double"]))
    return tuple(steps)


def _unquoted(text: str, single: str | None, double: str | None) -> str:
    """What a quoted name says: JSON's escapes, and \\' within single quotes."""
    if double is None:
        # single quotes stand for themselves in JSON, and double ones have to be escaped there
        within = re.sub(r'\\.|"', lambda m: {'"': '\\"', "\\'": "'"}.get(m[0], m[0]), single or "")
    else:
        within = double
    try:
        return str(json.loads(f'"{within}"'))
    except ValueError:
        raise ValueError(f"'{text}' has an escape that JSON does not know") from None


def write(steps: Sequence[Step]) -> str:
    """The path of steps in one form, such as `$.items[0]['first name']`."""
    return "$" + "".join(map(_written, steps))


def _written(step: Step) -> str:
    if step is ANY:
        return "[*]"
    if isinstance(step, int):
        return f"[{step}]"
    if re.fullmatch(_NAME, step):
        return f".{step}"
    inner = json.dumps(step, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"['{inner}']"


def value(document: Any, steps: Sequence[Step]) -> Any:
    """The value that the steps lead to; LookupError where there is none."""
    for step in steps:
        if isinstance(step, str):
            if not isinstance(document, dict):
                raise LookupError(step)
            document = document[step]
        else:
            if not isinstance(document, list) or step is ANY:
                raise LookupError(step)
            document = document[step]
    return document


def values(document: Any, steps: Sequence[Step]) -> Iterator[Any]:
    """Every value that the steps lead to, ANY taken for all members and elements."""
    if not steps:
        yield document
        return
    step, rest = steps[0], steps[1:]
    if step is ANY:
        inner = document.values() if isinstance(document, dict) else document
        for child in inner if isinstance(document, dict | list) else ():
            yield from values(child, rest)
        return
    try:
        child = value(document, (step,))
    except LookupError:
        return
    yield from values(child, rest)
