"""What a plan's command leaves open, such as {port}, and how it is filled in (pure).

A brace counts only as `{name}` in lower-case letters and underscores. `{{name}}` writes `{name}`; every other
brace stands for itself, so that JSON, `${HOME}` and the like pass through.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

COMMAND = ("host", "port", "processes", "threads", "files", "python")
"""What a command may leave open."""
PREPARE = ("python",)
"""What the preparing of a revision may leave open."""
_NAME = re.compile(r"\{\{([a-z_]+)\}\}|\{([a-z_]+)\}")


def names(command: Sequence[str]) -> set[str]:
    """The names that a command leaves open."""
    return {found[2] for part in command for found in _NAME.finditer(part) if found[2]}


def unknown(command: Sequence[str], known: Sequence[str]) -> str | None:
    """The end of a sentence about the first name that nothing fills in; None where there is none."""
    for name in sorted(names(command) - set(known)):
        near = get_close_matches(name, known, 1, 0.5)
        hint = f"did you mean {{{near[0]}}}?" if near else "valid are " + _listed(known)
        return f"{{{name}}} is filled in by nothing; {hint} Braces that stay are written {{{{{name}}}}}"
    return None


def filled(command: Sequence[str], values: Mapping[str, object]) -> list[str]:
    """The command with all its names filled in; KeyError for one that has no value."""
    return [
        _NAME.sub(lambda found: f"{{{found[1]}}}" if found[1] else str(values[found[2]]), part)
        for part in command
    ]


def _listed(known: Sequence[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in known) + "."
