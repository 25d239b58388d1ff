"""Digest fields of a request (RFC 9530): what a body is held against."""

import hashlib
from typing import Any

from http_sf import StructuredFieldError, parse

from shared.errors import BadRequest

ALGORITHMS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
"""Those that are checked; of the others RFC 9530 section 2 lets a recipient ignore any."""
MEMBER_PATTERN = "[a-z*][a-z0-9_.*-]*=:(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?:"
FIELD_PATTERN = f"^(?:{MEMBER_PATTERN}(?:[ \t]*,[ \t]*{MEMBER_PATTERN})*)?$"
"""A field without parameters, as a regular expression of JSON Schema."""


def read_digests(name: str, field: str) -> dict[str, bytes]:
    """The digests of a Content-Digest or Repr-Digest field that can be checked, by algorithm; BadRequest.

    The field is a dictionary of byte sequences (RFC 9651 section 3.2 and 3.3.5): without padding as with it,
    with any parameters, over several lines; where an algorithm stands twice, its last digest holds.
    """
    try:
        members: Any = parse(field.strip(" \t").encode("latin-1"), tltype="dictionary")
    except StructuredFieldError as error:
        raise BadRequest(f"{name} is no structured dictionary (RFC 9651 section 3.2): {error}.") from None
    digests: dict[str, bytes] = {}
    for algorithm, (digest, _) in members.items():
        if not isinstance(digest, bytes):
            raise BadRequest(f"{name} has no byte sequence for {algorithm!r} (RFC 9530 section 2).")
        if algorithm in ALGORITHMS:
            digests[algorithm] = digest
    return digests
