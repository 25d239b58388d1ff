"""What every request must satisfy before a route sees it."""

from hypothesis import given
from hypothesis import strategies as st

from shared.admission import usable_host, usable_port


@given(st.text(max_size=40))
def test_a_usable_host_has_no_byte_that_means_something_elsewhere(text: str) -> None:
    if usable_host(text):
        assert text.isascii()
        assert not set(text) & set('/\\?#@ "<>^`{|}\t\r\n')


@given(st.integers(0, 70000))
def test_ports(port: int) -> None:
    assert usable_port(str(port)) == (port <= 65535)
    assert usable_host(f"example.org:{port}") == (port <= 65535)
    assert usable_host(f"[::1]:{port}") == (port <= 65535)


def test_shapes_of_hosts() -> None:
    assert usable_host("example.org")
    assert usable_host("example.org:")
    assert usable_host("[2001:db8::1]")
    for text in ("", ":80", "[::1", "::1", "[]", "a:b", "a:80:80", "[::1]x", "a:٣"):
        assert not usable_host(text), text
