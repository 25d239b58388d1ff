"""Upstream addresses: read strictly, held against the operator's list, and again once their name is resolved.

An address is read by one narrow grammar, so that no two parsers can understand it differently: what a browser
would repair (a backslash, a host in octal, a missing slash) is refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urljoin

PORTS = {"http": 80, "https": 443}
MAX_ADDRESS_CHARACTERS = 2048
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last four bytes
ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:[/?](?:[a-z0-9._~!$&'()*+,;=:@/?-]|%[0-9a-f]{2})*)?)(?:#.*)?",
    re.IGNORECASE,
)


class BadAddress(ValueError):
    """Why a text is no address that could be fetched, in a sentence."""


@dataclass(frozen=True)
class Origin:
    """`host` is a name in lower case, or an IP address as `ipaddress` writes it.

    A name with a dot at its end is another one than without: it is looked up as it stands.
    """

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of a Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_ip(self) -> bool:
        return ":" in self.host or ends_in_a_number(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True)
class UpstreamAddress:
    """An upstream address: where it is, and the request target there (path and query, from its slash)."""

    origin: Origin
    target: str

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"


def read_address(text: str) -> UpstreamAddress:
    """Parse an absolute http or https address (RFC 3986, ASCII only, without user information)."""
    if len(text) > MAX_ADDRESS_CHARACTERS:
        raise BadAddress(f"The address has more than {MAX_ADDRESS_CHARACTERS} characters.")
    parts = ADDRESS.fullmatch(text)
    if parts is None and not text.isascii():
        raise BadAddress("The address has letters beyond ASCII: a name is written as xn--…, all else as %XX.")
    if parts is None:
        raise BadAddress(
            "The address is not http:// or https://, a host without user information, an optional port, "
            "and a path and query whose other characters are percent-encoded."
        )
    scheme = parts["scheme"].lower()
    port = PORTS[scheme] if parts["port"] is None else int(parts["port"])
    if not 1 <= port <= 65535:
        raise BadAddress(f"The port {port} is not one from 1 to 65535.")
    target = parts["target"] or "/"
    origin = Origin(scheme, _read_host(parts["host"].lower()), port)
    return UpstreamAddress(origin, target if target.startswith("/") else "/" + target)


def _read_host(host: str) -> str:
    try:
        if host.startswith("["):
            return str(IPv6Address(host[1:-1]))
        if ends_in_a_number(host):
            return str(IPv4Address(host))
    except AddressValueError:
        raise BadAddress("The host is neither a name nor an IP address in its usual form.") from None
    name = host.removesuffix(".")  # absolute, which Kubernetes' names are often written as
    if len(name) > 253 or any(not 1 <= len(label) <= 63 for label in name.split(".")):
        raise BadAddress("The host is not a name: a part of it is empty or too long.")
    return host


def ends_in_a_number(host: str) -> bool:
    """Whether a host would be read as an IPv4 address, in whatever notation (WHATWG URL, section 3.5)."""
    last = host.rstrip(".").rpartition(".")[2]
    return last.isdecimal() or last.startswith("0x")


def read_onward(address: UpstreamAddress, location: str) -> UpstreamAddress:
    """Where a redirect leads: `location` may be relative (RFC 9110 section 10.2.2)."""
    if not location.isascii() or not location.isprintable() or "\\" in location or " " in location:
        raise BadAddress("The redirect's Location has characters that no address has.")
    return read_address(urljoin(str(address), location))


def read_origins(text: str) -> frozenset[Origin]:
    """Origins separated by commas or blanks, such as `https://a.example http://10.0.0.5:8080`; BadAddress."""
    origins = set()
    for word in text.replace(",", " ").split():
        address = read_address(word)
        if address.target != "/":
            raise BadAddress(f"{word!r} is more than an origin: a scheme, a host and a port.")
        origins.add(address.origin)
    return frozenset(origins)


def connectable(origin: Origin, ips: Iterable[str], allowed: frozenset[Origin]) -> list[str]:
    """Of the IP addresses a name was resolved to, those that may be connected to, in their order.

    An address may be that is public, or that stands in the list itself under this scheme and port.
    """
    chosen = []
    for text in ips:
        ip = ip_address(text.partition("%")[0])
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if is_public(ip) or Origin(origin.scheme, str(ip), origin.port) in allowed:
            chosen.append(str(ip))
    return list(dict.fromkeys(chosen))


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the whole internet's, and so is every IPv4 address inside it."""
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)
