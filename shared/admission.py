"""What every request must satisfy before any route sees it: its framing, its size, and a usable Host."""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

from shared.errors import (
    BadFraming,
    BadHost,
    ExpectationFailed,
    FieldsTooLarge,
    TargetTooLong,
    UnsupportedMediaType,
)
from shared.settings import MAX_FIELD_BYTES, MAX_FIELDS, MAX_FIELDS_BYTES, MAX_TARGET_BYTES

PLAIN = r"[A-Za-z0-9._~!$&'()*+,;=-]"  # unreserved and sub-delims (RFC 3986 section 2)
ENCODED = "%[0-9A-Fa-f]{2}"
NAME = re.compile(f"(?:{PLAIN}|{ENCODED})+")
FUTURE_LITERAL = re.compile(f"[vV][0-9A-Fa-f]+\\.(?:{PLAIN}|:)+")
ZONE = re.compile(f"(?:[A-Za-z0-9._~-]|{ENCODED})+")
MAX_HOST_BYTES = 300
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


def admit_expectation(expectation: str) -> None:
    """Raise ExpectationFailed for any but `100-continue` (RFC 9110 section 10.1.1), as gunicorn does."""
    if any(member.strip(" \t").lower() != "100-continue" for member in expectation.split(",")):
        raise ExpectationFailed(
            f"The request expects {expectation[:40]!r}; only 100-continue can be expected."
        )


def admit_coding(coding: str | None) -> None:
    """Raise UnsupportedMediaType for a compressed body: none is unpacked (RFC 9110 section 15.5.16)."""
    if coding is not None and coding.strip(" \t").lower() not in ("", "identity"):
        raise UnsupportedMediaType(
            f"The body's Content-Encoding is {coding[:40]!r}; bodies are taken as they are.",
            (("Accept-Encoding", "identity"),),
        )


@lru_cache(maxsize=1024)
def usable_host(host: str) -> bool:
    """Whether a Host value is `uri-host [":" port]` (RFC 9110 section 7.2), the host not empty."""
    if host.startswith("["):
        literal, bracket, rest = host[1:].partition("]")
        if not bracket or not usable_literal(literal):
            return False
        colon, port = rest[:1], rest[1:]
        return colon in ("", ":") and usable_port(port)
    name, _, port = host.partition(":")
    return NAME.fullmatch(name) is not None and usable_port(port)


def usable_literal(literal: str) -> bool:
    """Whether it is an IPv6 address, its zone encoded (RFC 6874), or of a future version (RFC 3986)."""
    if FUTURE_LITERAL.fullmatch(literal):
        return True
    address, percent, zone = literal.partition("%25")
    if "%" in address or (percent and not ZONE.fullmatch(zone)):
        return False
    try:
        IPv6Address(address)
    except AddressValueError:
        return False
    return True


def usable_port(port: str) -> bool:
    return not port or (port.isascii() and port.isdecimal() and int(port) <= 65535)


def asks_to_close(connection: str) -> bool:
    """Whether a Connection header has the option `close` (RFC 9112 section 9.6)."""
    value = connection.lower()
    return "close" in value and any(option.strip(" \t") == "close" for option in value.split(","))
