"""Placeholders in texts of a plan: `{name}`, in lower case; every other brace is itself (pure).

`{{name}}` writes `{name}`, and JSON, `${HOME}` and the like pass through.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

NAME = r"[a-z_][a-z0-9_]*"
_TOKEN = re.compile(rf"\{{\{{({NAME})\}}\}}|\{{({NAME})\}}")


@dataclass(frozen=True)
class Hole:
    """Where a value is filled in."""

    name: str


Parts = tuple[str | Hole, ...]


def parse(text: str) -> Parts:
    """The literal texts and holes of a text, in order; neighbouring literals are one."""
    parts: list[str | Hole] = []
    literal, place = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[place : token.start()]
        place = token.end()
        if token[2] is None:
            literal += f"{{{token[1]}}}"
        else:
            parts += [literal, Hole(token[2])] if literal else [Hole(token[2])]
            literal = ""
    literal += text[place:]
    return (*parts, literal) if literal else tuple(parts)


def names(text: str) -> list[str]:
    """The names of a text's holes, each once."""
    return list(dict.fromkeys(part.name for part in parse(text) if isinstance(part, Hole)))


def fill(text: str, values: Mapping[str, str], encode: Callable[[str], str] = str) -> str:
    """The text with its holes filled; KeyError for a name that has no value."""
    return "".join(part if isinstance(part, str) else encode(values[part.name]) for part in parse(text))
