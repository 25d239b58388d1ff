"""What every request must satisfy before any route sees it: its framing, its size, and a usable Host."""

from functools import lru_cache

from shared.errors import BadFraming, BadHost, FieldsTooLarge, TargetTooLong, UnsupportedMediaType
from shared.settings import MAX_FIELD_BYTES, MAX_FIELDS, MAX_FIELDS_BYTES, MAX_TARGET_BYTES

# the comma, legal in a name, is left out: it is how a repeated Host looks once joined
NAME_BYTES = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+;=%")
MAX_HOST_BYTES = 300
LITERAL_BYTES = frozenset("0123456789abcdefABCDEF:.")
BINARY_VERSIONS = (
    "2",
    "3",
)  # as servers that speak them write them: a request line with 2.0 is none of these


def admit(target_bytes: int, host: str | None, field_sizes: list[int], version: str) -> None:
    """Raise the ServiceError of a request that no route should see.

    `target_bytes`: length of the request target; `field_sizes`: bytes of name and value of each
    header by name, repeated lines joined with a comma; `host`: its value, None where missing;
    `version`: of HTTP, such as 1.1.
    """
    if not version.startswith("1.") and version not in BINARY_VERSIONS:
        raise BadFraming(f"The request says that it is HTTP/{version[:10]}, which is not spoken here.")
    if target_bytes > MAX_TARGET_BYTES:
        raise TargetTooLong(
            f"The request target has {target_bytes} bytes; at most {MAX_TARGET_BYTES} are read."
        )
    if len(field_sizes) > MAX_FIELDS or sum(field_sizes) > MAX_FIELDS_BYTES:
        raise FieldsTooLarge(
            f"The request's {len(field_sizes)} headers have {sum(field_sizes)} bytes; "
            f"at most {MAX_FIELDS} headers of {MAX_FIELDS_BYTES} bytes together are read."
        )
    if field_sizes and max(field_sizes) > MAX_FIELD_BYTES:
        raise FieldsTooLarge(
            f"A header of the request has {max(field_sizes)} bytes; at most {MAX_FIELD_BYTES} are read."
        )
    if host is None:
        if version != "1.0":
            raise BadHost("The request has no Host header (RFC 9112 section 3.2).")
    elif len(host) > MAX_HOST_BYTES or not usable_host(host):
        raise BadHost("The Host header is not a host name with an optional port (RFC 9112 section 3.2).")


def admit_framing(coding: str, has_length: bool, version: str) -> None:
    """Raise BadFraming for a Transfer-Encoding whose end could be read in two ways (RFC 9112 section 6.1)."""
    if has_length:
        raise BadFraming("The request has a Content-Length beside its Transfer-Encoding.")
    if coding.strip(" \t").lower() != "chunked":
        raise BadFraming(f"The request's transfer coding is {coding[:40]!r}; only chunked is read.")
    if version == "1.0":
        raise BadFraming("HTTP/1.0 has no transfer codings.")


def admit_coding(coding: str | None) -> None:
    """Raise UnsupportedMediaType for a compressed body: none is unpacked (RFC 9110 section 15.5.16)."""
    if coding is not None and coding.strip(" \t").lower() not in ("", "identity"):
        raise UnsupportedMediaType(
            f"The body's Content-Encoding is {coding[:40]!r}; bodies are taken as they are.",
            (("Accept-Encoding", "identity"),),
        )


@lru_cache(maxsize=1024)
def usable_host(host: str) -> bool:
    """Whether a Host value is `uri-host [":" port]` (RFC 9110 section 7.2)."""
    if host.startswith("["):
        literal, bracket, rest = host[1:].partition("]")
        name_is_good = bool(bracket) and ":" in literal and LITERAL_BYTES.issuperset(literal)
        port = rest[1:] if rest.startswith(":") else None
        return name_is_good and (not rest or port is not None) and usable_port(port)
    name, colon, rest = host.partition(":")
    return bool(name) and NAME_BYTES.issuperset(name) and usable_port(rest if colon else None)


def usable_port(port: str | None) -> bool:
    return not port or (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535)
