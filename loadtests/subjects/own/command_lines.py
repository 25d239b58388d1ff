"""What a plan's command leaves open, such as {port}, and how it is filled in (pure)."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from loadtests.model import placeholders

COMMAND = ("host", "port", "processes", "threads", "files", "python")
"""What a command may leave open."""
PREPARE = ("python",)
"""What the preparing of a revision may leave open."""


def names(command: Sequence[str]) -> set[str]:
    """The names that a command leaves open."""
    return {name for part in command for name in placeholders.names(part)}


def unknown(command: Sequence[str], known: Sequence[str]) -> str | None:
    """The end of a sentence about the first name that nothing fills in; None where there is none."""
    for name in sorted(names(command) - set(known)):
        near = get_close_matches(name, known, 1, 0.5)
        hint = f"did you mean {{{near[0]}}}?" if near else "valid are " + _listed(known)
        return f"{{{name}}} is filled in by nothing; {hint} Braces that stay are written {{{{{name}}}}}"
    return None


def filled(command: Sequence[str], values: Mapping[str, object]) -> list[str]:
    """The command with all its names filled in; KeyError for one that has no value."""
    texts = {name: str(value) for name, value in values.items()}
    return [placeholders.fill(part, texts) for part in command]


def _listed(known: Sequence[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in known) + "."
