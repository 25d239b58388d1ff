"""Values that no file of a run may hold: a plan names the variable of the environment they come from (pure).

A value `env:NAME` is the variable's, and in a header also the end of one, as in `Bearer env:NAME`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from loadtests.model.placeholders import names

_WHOLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_IN_HEADER = re.compile(r"(?:.*[ \t])?env:([A-Za-z_][A-Za-z0-9_]*)", re.DOTALL)
_NAMED = re.compile(
    r"pass(word|wd|phrase|code)?$|^pwd$|secret|token|api[-_]?key|credential|^authorization$|^proxy-authorization$"
    r"|^cookie$|^auth$|session[-_]?id|^sid$|signature|private[-_]?key|access[-_]?key",
    re.IGNORECASE,
)


def variable(text: str, *, header: bool = False) -> str | None:
    """The variable that a value comes from; None for any other value."""
    found = (_IN_HEADER if header else _WHOLE).fullmatch(text)
    return found[1] if found else None


def sounds_secret(name: str) -> bool:
    """Whether a name says that its value is to be kept from others, as `password` or `X-Api-Key`."""
    return _NAMED.search(name) is not None


def refuse_secrets(key: str, given: Any) -> None:
    """ValueError for a value that is written out though its name says that it is a secret."""
    for name, value in _named_values(given):
        if sounds_secret(name) and value and not names(value) and variable(value, header=True) is None:
            raise ValueError(
                f"{key}.{name} is written out, and files of a run must not hold a secret: put it into a "
                f"variable of the environment and write '{_instead(key, value)}'"
            )


def _instead(key: str, value: str) -> str:
    scheme, space, rest = value.partition(" ")
    return f"{scheme} env:NAME" if key == "headers" and space and rest else "env:NAME"


def _named_values(given: Any) -> Iterator[tuple[str, str]]:
    if isinstance(given, Mapping):
        for name, value in given.items():
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, str):
                    yield name, inner
        inside: Iterable[Any] = given.values()
    else:
        inside = given if isinstance(given, list) else ()
    for value in inside:
        yield from _named_values(value)
