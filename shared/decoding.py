"""The one JSON decoder: both faces accept the same bytes."""

import json
from typing import Any, NoReturn

from shared.errors import BadJson

MAX_DIGITS = 20


def decode(body: bytes) -> Any:
    """Parse JSON as RFC 8259 has it; BadJson for anything else.

    Refused beyond the syntax: NaN and infinities, duplicate names (RFC 8259 section 4 leaves their
    meaning open), bytes that are not UTF-8, numbers over 20 digits, nesting the parser cannot follow.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(f"The body is not UTF-8 at byte {error.start}.") from None
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise BadJson(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    except RecursionError:
        raise BadJson("The body is nested too deeply.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise BadJson(f"The name {name!r} stands twice in one object.")
            seen.add(name)
    return document


def _constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is not a JSON value.")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadJson(f"A number in the body has more than {MAX_DIGITS} digits.")
    return int(digits)
