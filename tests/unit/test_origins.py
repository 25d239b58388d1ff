"""Upstream addresses: what is read, what is refused, and where a name may lead."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.fetching import wire
from shared.origins import BadAddress, Origin, connectable, is_public, read_address, read_onward, read_origins

NONE: frozenset[Origin] = frozenset()
HOSTS = st.one_of(
    st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z][a-z0-9-]{0,5}){0,3}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}]"),
)


@given(
    st.sampled_from(("http", "HTTPS")),
    HOSTS,
    st.none() | st.integers(1, 65535),
    st.from_regex(r"(/[a-z%2F]{0,3}){0,3}(\?[a-z=&]*)?", fullmatch=True),
)
def test_an_address_is_read_as_the_standard_library_reads_it(
    scheme: str, host: str, port: int | None, target: str
) -> None:
    text = f"{scheme}://{host}{'' if port is None else f':{port}'}{target}"
    try:
        address = read_address(text)
    except BadAddress:
        assert "%" in target  # cut in the middle
        return
    parts = urlsplit(text)
    assert (address.origin.scheme, address.origin.host) == (parts.scheme, str_ip(parts.hostname or ""))
    assert address.origin.port == (parts.port or {"http": 80, "https": 443}[parts.scheme])
    assert read_address(str(address)) == address


def str_ip(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return host


@given(st.text(max_size=60) | st.text(max_size=40).map("http://".__add__))
@example("http://0x7f.1/")
@example("http://127.0.0.1\n/")
@example("http://a\N{FULLWIDTH FULL STOP}b/")
def test_any_text_is_an_address_or_refused_in_a_sentence(text: str) -> None:
    try:
        address = read_address(text)
    except BadAddress as error:
        assert str(error).endswith(".")  # noqa: PT017 - either is right, whatever the text
        return
    assert str(address).isascii()
    assert str(address).isprintable()
    assert "@" not in address.origin.authority
    if address.origin.is_ip:
        ip_address(address.origin.host)


@pytest.mark.parametrize(
    "text",
    [
        "http://1.2.3/",
        "http://1.2.3.4.5/",
        "http://1.2.3.256/",
        "http://a.0x1/",
        "http://a..b/",
        "http://a../",
        "http://./",
        "http://.a/",
        "http://127.0.0.1./",
        "http://0x7f.0.0.1./",
        "http://b\u00fccher.example/",
        "http://[1.2.3.4]/",
        "http://[::1",
        "http://a:/",
        "http://a:0/",
        "http://a:65536/",
        "http://:80/",
        "http://",
    ],
)
def test_hosts_and_ports_that_are_none(text: str) -> None:
    with pytest.raises(BadAddress):
        read_address(text)


@given(st.ip_addresses(v=4))
@example(IPv4Address("127.0.0.1"))
@example(IPv4Address("169.254.169.254"))
def test_an_address_inside_another_is_judged_alike(ip: IPv4Address) -> None:
    number = int(ip)
    inside = (
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(0x0064_FF9B << 96 | number),
        IPv6Address(0x2002 << 112 | number << 80),
    )
    assert [is_public(outer) for outer in inside] == [is_public(ip)] * 3


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::7f00:1",
        "198.18.0.1",
        "192.0.2.1",
    ],
)
def test_what_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))
    assert connectable(Origin("http", "a", 80), [text], NONE) == []
    listed = frozenset({Origin("http", text, 80)})
    assert connectable(Origin("http", "a", 80), [text], listed) == [text]
    assert connectable(Origin("http", "a", 81), [text], listed) == []
    assert connectable(Origin("https", "a", 80), [text], listed) == []


def test_public_addresses_are_kept_in_their_order() -> None:
    found = ["10.0.0.1", "2606:4700::1111", "8.8.8.8", "::ffff:8.8.8.8", "::1"]
    assert connectable(Origin("http", "a", 80), found, NONE) == ["2606:4700::1111", "8.8.8.8"]


def test_redirects_are_read_against_the_address_before() -> None:
    before = read_address("http://a.example:8080/x/y?z")
    for location, found in (
        ("w", "http://a.example:8080/x/w"),
        ("/w?v", "http://a.example:8080/w?v"),
        ("//b.example/", "http://b.example/"),
        ("https://c.example", "https://c.example/"),
        ("", "http://a.example:8080/x/y?z"),
    ):
        assert str(read_onward(before, location)) == found
    for location in ("/\\b.example", "ht\ttp://b", "javascript:1", "http://user@b/", " /x"):
        with pytest.raises(BadAddress):
            read_onward(before, location)


def test_a_list_of_origins() -> None:
    assert read_origins("") == NONE
    assert read_origins("http://a.example, https://B.example:443/ http://[::1]:9") == {
        Origin("http", "a.example", 80),
        Origin("https", "b.example", 443),
        Origin("http", "::1", 9),
    }
    for text in ("a.example", "http://a.example/x", "http://a.example?x", "*", "http://*.example"):
        with pytest.raises(BadAddress):
            read_origins(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://name.:9000", Origin("http", "name.", 9000)),
        ("http://api.ns.svc.cluster.local.:9000/", Origin("http", "api.ns.svc.cluster.local.", 9000)),
        ("HTTP://API.Example.:80", Origin("http", "api.example.", 80)),
        ("https://name.", Origin("https", "name.", 443)),
        ("http://name:80/", Origin("http", "name", 80)),
        ("http://[2001:DB8:0::1]:9000", Origin("http", "2001:db8::1", 9000)),
        ("http://xn--bcher-kva.example", Origin("http", "xn--bcher-kva.example", 80)),
        ("http://" + ".".join(["a" * 62] * 4) + ".", Origin("http", ".".join(["a" * 62] * 4) + ".", 80)),
    ],
)
def test_an_origin_in_each_of_its_spellings(text: str, origin: Origin) -> None:
    assert read_origins(f" {text},") == {origin}
    assert read_address(str(origin)).origin == origin


def test_an_absolute_name_is_looked_up_as_it_stands_and_certified_without_its_dot() -> None:
    address = read_address("https://name.:9000/x")
    sent = wire(address, "192.0.2.1")
    assert sent.url == "https://192.0.2.1:9000/x"
    assert ("Host", "name.:9000") in sent.headers
    assert sent.server_name == "name"
    assert read_address("https://name:9000/x").origin != address.origin
