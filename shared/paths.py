"""One reading of a request's path for routes and names alike: below the prefix, percent-decoded once."""

import re
from urllib.parse import quote, unquote, unquote_to_bytes

ABSOLUTE = re.compile(rb"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)


def origin_form(target: bytes) -> bytes:
    """A target in absolute-form, of whatever scheme, as if it had only its path (RFC 9112 section 3.2.2)."""
    authority = ABSOLUTE.match(target)
    if authority is None:
        return target
    rest = target[authority.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest


def read_path(raw_path: bytes, prefix: str) -> bytes:
    """The path that routes and names see: percent-decoded, without the prefix that the service is mounted at.

    The prefix is taken off where it stands, once, however it is percent-encoded: some servers put it before
    every path, and some proxies have taken it off already.
    """
    written = prefix.rstrip("/").encode()
    if not written:
        return _decode(raw_path)
    if _is_below(raw_path, written):
        return _decode(raw_path[len(written) :])
    path, decoded = _decode(raw_path), unquote_to_bytes(written)
    return (path[len(decoded) :] or b"/") if _is_below(path, decoded) else path


def _decode(raw_path: bytes) -> bytes:
    """What begins with no slash is no path, whatever it would be once decoded."""
    path = origin_form(raw_path) or b"/"
    return unquote_to_bytes(path) if path.startswith(b"/") else path


def _is_below(path: bytes, prefix: bytes) -> bool:
    rest = path[len(prefix) :]
    return path.startswith(prefix) and (
        rest in (b"", b"*") or rest.startswith(b"/") or ABSOLUTE.match(rest) is not None
    )


def write_prefix(prefix: str) -> str:
    """The prefix as it stands in an address: percent-encoded, without a slash at its end."""
    return quote(unquote(prefix.rstrip("/")))
