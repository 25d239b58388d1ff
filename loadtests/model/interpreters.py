"""What a server says of its interpreter, and what turned the global interpreter lock (GIL) on (pure).

A free-threaded CPython turns it on when an extension module is imported that does not say it can do without,
and warns once, by name, on standard error (PEP 703).
"""

import re
from collections.abc import Mapping
from typing import Any

TURNED_ON = re.compile(r"global interpreter lock \(GIL\) has been enabled to load module '([^']+)'")


def turned_on_by(log: str) -> str | None:
    """The module that turned the GIL on, by the warning in a server's log."""
    named = TURNED_ON.search(log)
    return named[1] if named else None


def interpreter_words(health: Mapping[str, Any], module: str | None) -> str | None:
    """`Python 3.13.5, free-threaded, GIL off`; None of a server that does not say it."""
    versions, free, gil = health.get("versions"), health.get("free_threaded"), health.get("gil")
    python = versions.get("python") if isinstance(versions, Mapping) else None
    if not isinstance(python, str):
        return None
    if not isinstance(free, bool) or not isinstance(gil, bool):
        return f"Python {python}"
    if not free:
        return f"Python {python}, a build with GIL"
    told = f"on, turned on by the module {module}" if module else "on"
    return f"Python {python}, free-threaded, GIL {told if gil else 'off'}"


def gil_came_on(
    before: Mapping[str, Any], after: Mapping[str, Any] | None, module_before: str | None, module: str | None
) -> str | None:
    """Why a cell is invalid whose server ran without the GIL at its begin, and not at its end.

    Told by what the server says of itself before and after, or by a module that its log names only now.
    """
    says_so = before.get("gil") is False and after is not None and after.get("gil") is True
    if not says_so and (module is None or module == module_before):
        return None
    by = f": the module {module} turned it on" if module else ""
    return f"the GIL came on while the server was measured{by}"
