"""Takes secrets out of texts that go into an archive: logs of servers, reasons, values of answers (pure)."""

import base64
import re
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import quote, quote_plus

from loadtests.subjects.own.secrets import sounds_secret

HIDDEN = "(a secret)"
SHORTEST = 4
"""Letters of a value; shorter ones stand in any text by chance."""

_NAMED = re.compile(
    r"""(?P<head>\b(?P<field>Authorization|Proxy-Authorization|Set-Cookie|Cookie)["']?\s*[:=,]\s*["']?)[^\r\n"']+"""
    r"""|(?P<pair>["']?(?P<name>[A-Za-z][A-Za-z0-9_.-]*)["']?\s*[:=]\s*)(?:"[^"\r\n]*"|'[^'\r\n]*'|[^\s&"',;)}\]]+)"""
    r"""|(?P<scheme>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}""",
    re.IGNORECASE,
)


def forms(values: Iterable[str]) -> list[str]:
    """The values, and what becomes of them in addresses, forms, JSON and Basic; the longest first."""
    found: set[str] = set()
    for value in values:
        if len(value) >= SHORTEST:
            found |= {
                value,
                quote(value, safe=""),
                quote(value),
                quote_plus(value),
                base64.b64encode(value.encode("utf-8", "surrogateescape")).decode(),
                value.encode("unicode_escape").decode(),
                value.replace("\\", "\\\\").replace('"', '\\"'),
            }
    return sorted(found, key=len, reverse=True)


def without(text: str, hidden: Collection[str]) -> str:
    """The text without the forms `hidden`, and nothing else taken out."""
    for form in hidden:
        text = text.replace(form, HIDDEN)
    return text


def redacted(text: str, hidden: Collection[str] = ()) -> str:
    """A text of a log without secrets: the forms `hidden`, and whatever a name before it calls one."""
    return _NAMED.sub(_replaced, without(text, hidden))


def _replaced(found: re.Match[str]) -> str:
    if found["head"]:
        return found["head"] + HIDDEN
    if found["scheme"]:
        return found["scheme"] + HIDDEN
    return found["pair"] + HIDDEN if sounds_secret(found["name"]) else found[0]


def unnamed(document: Any) -> Any:
    """A document of JSON without the texts whose names say that they are secrets."""
    if isinstance(document, dict):
        return {
            name: HIDDEN if isinstance(value, str) and value and sounds_secret(name) else unnamed(value)
            for name, value in document.items()
        }
    return [unnamed(value) for value in document] if isinstance(document, list) else document


def cleaned(document: Any, hidden: Collection[str]) -> Any:
    """A document of JSON with the forms `hidden` taken out of all its texts, names included."""
    if isinstance(document, str):
        return without(document, hidden)
    if isinstance(document, dict):
        return {cleaned(name, hidden): cleaned(value, hidden) for name, value in document.items()}
    if isinstance(document, list):
        return [cleaned(value, hidden) for value in document]
    return document
