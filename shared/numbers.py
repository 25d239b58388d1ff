"""Whole numbers as JSON Schema has them: `7.0` is one, as `7` is."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

WHOLE = re.compile(r"([0-9]{1,15})(?:\.0{1,15})?", re.ASCII)


def read_whole(text: str) -> int | None:
    """A number that is not negative, from a query or a header; None for anything else."""
    number = WHOLE.fullmatch(text)
    return int(number[1]) if number else None


def _as_integer(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_as_integer)]
"""A field of a request's document."""
