"""What the suites of faults tried and what survived: counted while they run, a table at the end."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TORTURE = bool(os.environ.get("TWINS_TORTURE"))
"""Whether the suites run in full, as `make torture` does."""


Row = tuple[str, str, int, int]  # family, server, tried, survived


@dataclass
class Count:
    tried: int = 0
    survived: int = 0


COUNTS: dict[tuple[str, str], Count] = {}


def record(family: str, server: str, tried: int, survived: int) -> None:
    """Add cases of a family (`SIGKILL of a server worker`) on a server; AssertionError where one was lost."""
    note((family, server, tried, survived))
    assert survived == tried, f"{server} lost {tried - survived} of {tried} cases of {family!r}"


@contextmanager
def case(family: str, server: str) -> Iterator[None]:
    """Count the block as one case: lost where it raises, which it still does."""
    try:
        yield
    except BaseException:
        note((family, server, 1, 0))
        raise
    record(family, server, 1, 1)


def note(row: Row) -> None:
    """Add a row, and append it to the file of `TWINS_TALLY`, of which docs/faults.md's tables are made."""
    add([row])
    if path := os.environ.get("TWINS_TALLY"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def rows() -> list[Row]:
    """The counts, as one process that runs tests hands them to the one that reports."""
    return [(family, server, count.tried, count.survived) for (family, server), count in COUNTS.items()]


def add(rows: Iterable[Row]) -> None:
    """Take over the counts of another process."""
    for family, server, tried, survived in rows:
        count = COUNTS.setdefault((family, server), Count())
        count.tried += tried
        count.survived += survived


def table() -> list[str]:
    """The lines of a Markdown table, families by their name; none without a case."""
    if not COUNTS:
        return []
    lines = ["| case | server | tried | survived | lost |", "|---|---|--:|--:|--:|"]
    for (family, server), count in sorted(COUNTS.items()):
        lost = count.tried - count.survived
        lines.append(f"| {family} | {server} | {count.tried:,} | {count.survived:,} | {lost:,} |")
    return lines
