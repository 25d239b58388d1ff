"""The reading of a path, as a property of every path and prefix."""

from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entries import address
from shared.paths import origin_form, read_path, write_prefix

paths = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FFF), max_size=20).map(
    lambda text: "/" + quote(text, safe="/%~!$&'()*+,;=:@")
)
prefixes = st.lists(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FFF, exclude_characters="/%*:"), min_size=1),
    min_size=1,
    max_size=3,
).map(lambda parts: "/" + "/".join(parts))


@given(paths)
def test_without_a_prefix_the_path_is_decoded_once(path: str) -> None:
    assert read_path(path.encode(), "") == unquote_to_bytes(path)
    assert read_path(b"http://a:80" + path.encode(), "/") == unquote_to_bytes(path)


@given(paths, prefixes)
def test_a_prefix_is_taken_off_once_however_it_is_written(path: str, prefix: str) -> None:
    """As it is given, as it is percent-encoded, and every byte of it percent-encoded."""
    everywhere = "/" + "".join(f"%{byte:02x}" for byte in prefix.encode()[1:])
    for written in (prefix.encode(), quote(prefix).encode(), everywhere.encode()):
        for given_prefix in (prefix, prefix + "/", quote(prefix)):
            assert read_path(written + path.encode(), given_prefix) == unquote_to_bytes(path)


@given(prefixes)
def test_a_prefix_is_written_in_one_way(prefix: str) -> None:
    assert write_prefix(prefix) == write_prefix(quote(prefix)) == write_prefix(prefix + "/") == quote(prefix)
    assert address("a b", write_prefix(prefix)) == quote(prefix) + "/files/a%20b"


@pytest.mark.parametrize(
    ("path", "prefix", "read"),
    [
        ("/files/x", "/api", "/files/x"),
        ("/api/files/x", "/api", "/files/x"),
        ("/apix/files/x", "/api", "/apix/files/x"),
        ("/api", "/api", "/"),
        ("/api/", "/api", "/"),
        ("/files/files/x", "/files", "/files/x"),
        ("/api/api/files/x", "/api", "/api/files/x"),
        ("/apihttp://a/files/x", "/api", "/files/x"),
        ("http://a/api/files/x", "/api", "/files/x"),
        ("http://a", "/api", "/"),
        ("/api*", "/api", "*"),
        ("*", "/api", "*"),
        ("%2Ffiles/x", "", "%2Ffiles/x"),
        ("%2Fapi/files/x", "/api", "%2Fapi/files/x"),
        ("%2A", "", "%2A"),
        ("", "", "/"),
        ("/%2561", "", "/%61"),
        ("/a%20b/%25/x", "/a b/%", "/x"),
    ],
)
def test_what_stands_below_a_prefix(path: str, prefix: str, read: str) -> None:
    assert read_path(path.encode(), prefix) == read.encode()


@pytest.mark.parametrize(
    ("target", "form"),
    [
        (b"http://a", b"/"),
        (b"http://a?x=/y", b"/?x=/y"),
        (b"HTTPS://u@a:1/x?y", b"/x?y"),
        (b"/http://a", b"/http://a"),
        (b"ftp://a/x", b"/x"),
        (b"x:/a", b"x:/a"),
        (b"*", b"*"),
        (b"a:80", b"a:80"),
    ],
)
def test_the_absolute_form_is_read_as_its_path(target: bytes, form: bytes) -> None:
    assert origin_form(target) == form
