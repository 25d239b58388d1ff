"""Paging through the catalogue in the order of its paths, without reading more of it than the page needs."""

import heapq
import os
import re
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from typing import Any

from shared.catalogue import MAX_NAME_BYTES, Catalogue
from shared.dates import modified_s
from shared.errors import EXHAUSTED, BadRequest
from shared.numbers import read_whole
from shared.settings import MAX_PAGE, UPLOADS_FOLDER

DEFAULT_PAGE = 100
MAX_CURSOR = 2 * MAX_NAME_BYTES
CURSOR_PATTERN = "^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$"  # base64url (RFC 4648 section 5)


def read_page_query(query: Mapping[str, str]) -> tuple[int, tuple[str, ...]]:
    """(limit, parts of the path to go on after) from a query's values; BadRequest names what is wrong."""
    limit = read_limit(query)
    after = query.get("after", "")
    return limit, read_cursor(after) if after else ()


def read_limit(query: Mapping[str, str]) -> int:
    """How many a page may have; BadRequest for what is no such number."""
    text = query.get("limit", str(DEFAULT_PAGE))
    limit = read_whole(text)
    if limit is None or not 1 <= limit <= MAX_PAGE:
        raise BadRequest(f"limit is {text[:40]!r}; it must be a whole number from 1 to {MAX_PAGE}.")
    return limit


def list_page(catalogue: Catalogue, limit: int, after: tuple[str, ...]) -> dict[str, Any]:
    """The next `limit` regular files after a path, and the cursor of the page that follows, or null."""
    files: list[dict[str, Any]] = []
    for parts, facts in _walk(catalogue.root, (), after):
        if len(files) == limit:
            return {"files": files, "next": make_cursor(files[-1]["path"])}
        files.append(
            {
                "path": "/".join(parts),
                "size": facts.st_size,
                "modified": formatdate(modified_s(facts), usegmt=True),
            }
        )
    return {"files": files, "next": None}


def make_cursor(path: str) -> str:
    return urlsafe_b64encode(path.encode("utf-8")).decode("ascii").rstrip("=")


def read_cursor(cursor: str) -> tuple[str, ...]:
    """The path that a cursor names, in parts: any bytes are a place in the order to go on from."""
    if not re.fullmatch(CURSOR_PATTERN, cursor) or len(cursor) > MAX_CURSOR:
        raise BadRequest("after is not a cursor that a page of this catalogue ended with.")
    path = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    return tuple(path.decode("utf-8", "surrogateescape").split("/"))


def _walk(
    root: str, above: tuple[str, ...], after: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], os.stat_result]]:
    """Files below root/above whose path comes after `after`, compared part by part.

    Links to files inside the root are followed, links to folders are not: they can form loops.
    What has no address is left out: names that are not UTF-8 or have a line feed, paths that are too long.
    """
    folder = os.path.join(root, *above)
    try:
        with os.scandir(folder) as entries:
            heap = [entry.name for entry in entries if not after or entry.name >= after[0]]
    except OSError as error:
        if error.errno in EXHAUSTED:  # a page without files would pass for the truth
            raise
        return
    heapq.heapify(heap)  # a page rarely needs all of a huge folder in order
    while heap:
        name = heapq.heappop(heap)
        if (
            "\\" in name
            or "\n" in name
            or name == UPLOADS_FOLDER
            or not _has_address("/".join((*above, name)))
        ):
            continue
        path = os.path.join(folder, name)
        follows = bool(after) and name == after[0]
        try:
            facts = os.lstat(path)
            if stat.S_ISLNK(facts.st_mode):
                facts = os.stat(path)
                if stat.S_ISDIR(facts.st_mode) or not os.path.realpath(path).startswith(root + os.sep):
                    continue
        except OSError:
            continue
        if stat.S_ISDIR(facts.st_mode):
            yield from _walk(root, (*above, name), after[1:] if follows else ())
        elif stat.S_ISREG(facts.st_mode) and not (follows and len(after) == 1):
            yield (*above, name), facts


def _has_address(path: str) -> bool:
    try:
        return len(path.encode("utf-8")) <= MAX_NAME_BYTES
    except UnicodeEncodeError:
        return False
