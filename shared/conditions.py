"""Conditional requests: RFC 9110 section 13, evaluated in the order of section 13.2.2."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate
from enum import Enum
from functools import lru_cache

from shared.entries import Entry
from shared.errors import PreconditionFailed

# opaque-tag of RFC 9110 section 8.8.3; linear, since no two alternatives can match the same byte
ENTITY_TAG = re.compile(r'[ \t]*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(?:,|\Z)')
HTTP_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d GMT"
    r"|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d\d-[A-Z][a-z][a-z]-\d\d \d\d:\d\d:\d\d GMT"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d \d{4}",
    re.ASCII,
)

LONGEST_DATE = 40


class Decision(Enum):
    PERFORM = "perform"  # answer in full, a Range header ignored
    PERFORM_RANGE = "perform range"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


def evaluate(entry: Entry, method: str, headers: Mapping[str, str]) -> Decision:
    """What the preconditions in `headers` (lower-case names) make of a GET or HEAD of `entry`."""
    if_match = headers.get("if-match")
    if if_match is not None:
        if not matches(if_match, entry.etag, weak=False):
            return Decision.FAILED
    elif (since := http_date(headers.get("if-unmodified-since"))) is not None and entry.modified_s > since:
        return Decision.FAILED
    if_none_match = headers.get("if-none-match")
    if if_none_match is not None:
        if matches(if_none_match, entry.etag, weak=True):
            return Decision.NOT_MODIFIED
    elif (since := http_date(headers.get("if-modified-since"))) is not None and entry.modified_s <= since:
        return Decision.NOT_MODIFIED
    if method == "GET" and "range" in headers and range_applies(headers.get("if-range"), entry):
        return Decision.PERFORM_RANGE
    return Decision.PERFORM


def check_change(entry: Entry | None, headers: Mapping[str, str]) -> None:
    """The preconditions of a PUT or DELETE of `entry`, None where there is no file; PreconditionFailed.

    A date is looked at only where no If-Match is given, and only of a file that is there (section 13.1.4).
    """
    if_match, if_none_match = headers.get("if-match"), headers.get("if-none-match")
    if if_match is not None:
        if entry is None or not matches(if_match, entry.etag, weak=False):
            raise PreconditionFailed("The file is not the one that If-Match names.")
    elif entry is not None:
        since = http_date(headers.get("if-unmodified-since"))
        if since is not None and entry.modified_s > since:
            raise PreconditionFailed("The file was modified after the date of If-Unmodified-Since.")
    if if_none_match is not None and entry is not None and matches(if_none_match, entry.etag, weak=True):
        raise PreconditionFailed("There is such a file already, and If-None-Match asks for none.")


def compares_tags(headers: Mapping[str, str]) -> bool:
    """Whether a precondition of a change names an entity tag, and not only any."""
    return any(headers.get(name, "*").strip(" \t") != "*" for name in ("if-match", "if-none-match"))


def matches(field: str, etag: str, *, weak: bool) -> bool:
    """Whether an If-Match or If-None-Match field names `etag`, by weak or strong comparison.

    A field that breaks the syntax matches nothing from the fault on.
    """
    if field.strip(" \t") == "*":
        return True
    position = 0
    while position < len(field):
        tag = ENTITY_TAG.match(field, position)
        if tag is None:
            return False
        if tag[2] is not None and f'"{tag[2]}"' == etag and (weak or tag[1] is None):
            return True
        position = tag.end()
    return False


def range_applies(if_range: str | None, entry: Entry) -> bool:
    """If-Range (RFC 9110 section 13.1.5): an entity tag by strong comparison, or the very date."""
    if if_range is None:
        return True
    validator = if_range.strip(" \t")
    if validator.endswith('"'):
        return validator == entry.etag
    return entry.settled and http_date(validator) == entry.modified_s


def http_date(field: str | None) -> int | None:
    """Seconds since the epoch of an HTTP-date in any of its three forms; None for anything else."""
    return None if field is None or len(field) > LONGEST_DATE else _parse_date(field)


@lru_cache(maxsize=4096)
def _parse_date(field: str) -> int | None:
    parts = parsedate(field) if HTTP_DATE.fullmatch(field) else None
    if parts is None:
        return None
    try:
        return int(datetime(*parts[:6], tzinfo=UTC).timestamp())
    except ValueError:
        return None
