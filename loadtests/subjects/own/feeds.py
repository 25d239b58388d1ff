"""Feeds: files of values, and the order in which their rows are taken (pure but for reading the file)."""

import csv
import hashlib
import io
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.subjects.own.requests import PlanFeed

LARGEST_BYTES = 256 * 2**20
Row = dict[str, Any]


@dataclass(frozen=True)
class Feed:
    """The rows of a file; every one has all the columns. A CSV has texts, JSON lines any values."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    sha256: str


def read_feed(path: Path) -> Feed:
    """Read `.csv`, `.tsv`, or JSON lines of any other ending; raises ValueError with one plain sentence."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"the feed {path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_BYTES:
        raise ValueError(f"the feed {path.name} is larger than {LARGEST_BYTES // 2**20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the feed {path.name} is not text in UTF-8: {error}") from None
    digest = hashlib.sha256(content).hexdigest()
    if path.suffix.lower() in (".csv", ".tsv"):
        return parse_csv(text, path.name, digest, "\t" if path.suffix.lower() == ".tsv" else ",")
    return parse_lines(text, path.name, digest)


def parse_csv(text: str, name: str, sha256: str = "", delimiter: str = ",") -> Feed:
    """RFC 4180, the first line being the columns' names; empty lines are left out. Raises ValueError."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    columns: tuple[str, ...] = ()
    try:
        for fields in reader:
            if not fields:
                continue
            if not columns:
                columns = _columns([field.strip() for field in fields], name)
                continue
            if len(fields) != len(columns):
                raise ValueError(
                    f"the feed {name} has {len(fields)} values in line {reader.line_num}, "
                    f"and {len(columns)} columns"
                )
            rows.append(dict(zip(columns, fields, strict=True)))
    except csv.Error as error:
        raise ValueError(f"the feed {name} is no CSV in line {reader.line_num}: {error}") from None
    return _feed(columns, rows, name, sha256)


def parse_lines(text: str, name: str, sha256: str = "") -> Feed:
    """JSON lines: one object each, all of the same members. Raises ValueError."""
    rows: list[Row] = []
    columns: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the feed {name} has no JSON in line {number}: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"the feed {name} has no object in line {number}: each line is one")
        columns = columns or _columns(list(row), name)
        if set(row) != set(columns):
            odd = sorted(set(row) ^ set(columns))[0]
            raise ValueError(f"the feed {name} has other members in line {number} than above: '{odd}'")
        rows.append(row)
    return _feed(columns, rows, name, sha256)


def _columns(names: list[str], name: str) -> tuple[str, ...]:
    for column in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", column):
            raise ValueError(
                f"the feed {name} has a column {column!r}: names are of lower-case letters, digits and _, "
                "as they stand in braces"
            )
        if names.count(column) > 1:
            raise ValueError(f"the feed {name} has two columns {column!r}")
    return tuple(names)


def _feed(columns: tuple[str, ...], rows: list[Row], name: str, sha256: str) -> Feed:
    if not rows:
        raise ValueError(f"the feed {name} holds no row")
    return Feed(columns, tuple(rows), sha256)


def order(feed: Feed, planned: PlanFeed, seed: int, part: int = 0, parts: int = 1) -> Iterator[Row]:
    """The rows as they are taken: shuffled by the seed, or as in the file; again and again, or once.

    Of `parts` Locust workers each takes every `parts`-th row.
    """
    numbers = list(range(len(feed.rows)))
    if planned.order == "shuffled":
        random.Random(f"feed/{seed}").shuffle(numbers)  # noqa: S311 - repeatable, no secret
    mine = numbers[part::parts] or (numbers if planned.end == "wrap" else [])
    rows = [feed.rows[number] for number in mine]
    while True:
        yield from rows
        if planned.end == "stop" or not rows:
            return
