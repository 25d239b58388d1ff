"""Header values as they are meant: the blanks around them, and what a Host may be."""

import itertools

import pytest

from loadtests.subjects.twins.servers import SERVERS
from shared.admission import usable_host
from tests.contract.conftest import AUTHORIZED, Writable
from tests.wire import Answer, ask, exchange, request_bytes

BLANKS = ("", " ", "\t", " \t  ")
numbers = itertools.count()


@pytest.fixture
def etag(writable: Writable) -> str:
    (writable.folder / "field.txt").write_bytes(b"content of the file")
    return ask(writable.port, "HEAD", "/files/field.txt").header("etag") or ""


def test_an_underscore_is_no_dash(writable: Writable, etag: str) -> None:
    """Over WSGI both would be one: gunicorn leaves such fields out, granian does not (docs/limits.md)."""
    dashed = writable.server.name == "granian-wsgi"
    for name, value, status in (("If_None_Match", etag, 304), ("If_Match", '"other"', 412)):
        answer = ask(writable.port, "GET", "/files/field.txt", [(name, value)])
        assert answer.status == (status if dashed else 200)


@pytest.mark.parametrize("after", BLANKS[1:], ids=["space", "tab", "several"])
@pytest.mark.parametrize("before", BLANKS, ids=["none", "space", "tab", "several"])
def test_blanks_around_a_value_are_not_of_it(writable: Writable, etag: str, before: str, after: str) -> None:
    """RFC 9112 section 5: for every header that the service looks at, of itself or of its server."""

    def answer(name: str, value: str, method: str = "GET", target: str = "/files/field.txt") -> Answer:
        line = f"{name}:{before}{value}{after}\r\n".encode()
        host = b"" if name == "Host" else b"Host: a\r\n"
        return exchange(
            writable.port, f"{method} {target} HTTP/1.1\r\n".encode() + host + line + b"\r\n", method
        )

    assert answer("Host", "a:80").status == 200
    assert answer("Range", "bytes=0-0").status == 206
    assert answer("Range", "bytes=0-0,2-3").status == 206
    assert answer("If-None-Match", etag).status == 304
    assert answer("If-Match", '"other"').status == 412
    assert answer("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT").status == 412
    assert answer("If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT").status == 304
    assert answer("Last-Event-ID", "2", target="/stream?format=events&count=3&interval_ms=1").body.startswith(
        b"id: 3"
    )
    assert (
        answer("Accept", "text/event-stream", target="/stream?count=1").header("content-type") or ""
    ).startswith("text/event-stream")
    assert answer("Authorization", "Bearer t", "DELETE", "/files/nothing").status == 404
    assert answer("Content-Encoding", "identity", "POST", "/process").status in (400, 415, 422)


@pytest.mark.parametrize("after", BLANKS[1:], ids=["space", "tab", "several"])
def test_blanks_after_what_an_upload_says(writable: Writable, after: str) -> None:
    name = f"field-{next(numbers)}.txt"
    digest = "sha-256=:7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=:"
    length = [("Content-Length", "7" + after)]
    tab = "\t" in after and SERVERS[writable.server.name].parser == "httptools"  # see the docs/limits.md
    coding = [("Transfer-Encoding", "chunked" + after.replace("\t", " ") if tab else "chunked" + after)]
    framings = [(length, b"content"), (coding, b"7\r\ncontent\r\n0\r\n\r\n")]
    for framing, body in framings if writable.takes_chunks else framings[:1]:
        fields = [
            ("Authorization", "Bearer t" + after),
            ("Content-Digest", digest + after),
            ("Content-Encoding", "identity" + after),
            ("Expect", "100-continue" + after),
            ("Connection", "close" + after),
            *framing,
        ]
        answer = exchange(writable.port, request_bytes("PUT", f"/files/{name}", fields) + body, "PUT")
        assert answer.status in (201, 204)
        assert (writable.folder / name).read_bytes() == b"content"
        wrong = [
            (key, digest.replace("7X", "8X") + after if key == "Content-Digest" else value)
            for key, value in fields
        ]
        assert (
            exchange(writable.port, request_bytes("PUT", f"/files/{name}", wrong) + body, "PUT").status == 400
        )


USABLE = (
    "a",
    "a.b-c_d~e",
    "a:",
    "a:0",
    "a:00080",
    "a:65535",
    "a!$&'()*+;=b",
    "%41",
    "%e2%82%ac.example",
    "xn--e1aybc",
    "1.2.3.4:5",
    "999.999.1",
    "[::]",
    "[::1]",
    "[2001:DB8::1:0]:443",
    "[::ffff:192.0.2.1]",
    "[1:2:3:4:5:6:7:8]",
    "[fe80::1%25eth0]",
    "[fe80::1%25eth0]:80",
    "[fe80::1%25a%2Fb]",
    "[v1.a]",
    "[V1f.a:b]:8000",
    "[vA.!$&'()*+;=~_-]",
)
WITH_A_COMMA = ("a,b", "a!$&'()*+,;=", "[v1.a,b]:80")
UNUSABLE = (
    "",
    ":80",
    "a b",
    "a/b",
    "a?b",
    "a#b",
    "u@a",
    "a\\b",
    "a|b",
    "a^b",
    "a`b",
    'a"b',
    "<a>",
    "{a}",
    "a%",
    "a%4",
    "a%zz",
    "a%g1",
    "a:b",
    "a:-1",
    "a:+1",
    "a:65536",
    "a:80:80",
    "a[",
    "[",
    "[]",
    "[::1",
    "::1",
    "[::1]a",
    "[::1]80",
    "[::1]:x",
    "[1.2.3.4]",
    "[12345::]",
    "[1::2::3]",
    "[:::]",
    "[1:2:3:4:5:6:7:8:9]",
    "[zz::]",
    "[fe80::1%eth0]",
    "[fe80::1%25]",
    "[fe80::1%25a/b]",
    "[%25eth0]",
    "[v.a]",
    "[v1.]",
    "[v1]",
    "[vg.a]",
    "[v1.a/b]",
    "[v1.%41]",
)


@pytest.mark.parametrize("host", [*USABLE, *WITH_A_COMMA])
def test_a_host_that_rfc_3986_knows(host: str) -> None:
    assert usable_host(host)


@pytest.mark.parametrize("host", [*UNUSABLE, "a" * 301, "\u0661", "a:\u0661", "ä", "a\n", "a:1\n", "[::1]\n"])
def test_a_host_that_it_does_not_know(host: str) -> None:
    assert len(host) > 300 or not usable_host(host)


def test_every_server_takes_the_same_hosts(writable: Writable) -> None:
    commas = [] if writable.server.name == "granian-wsgi" else WITH_A_COMMA  # see the docs/limits.md
    for host in (*USABLE, *commas):
        assert ask(writable.port, "GET", "/health", host=host).status == 200, host
    for host in UNUSABLE:
        assert ask(writable.port, "GET", "/health", host=host).status == 400, host


@pytest.mark.parametrize("second", ["a", "b", "", "a,b"])
def test_two_hosts_are_none(writable: Writable, second: str) -> None:
    request = f"GET /health HTTP/1.1\r\nHost: a\r\nX: y\r\nHOST: {second}\r\n\r\n".encode()
    assert exchange(writable.port, request).status == 400


def test_the_fields_of_the_service_are_those_of_the_request_alone(writable: Writable) -> None:
    """A trailer says nothing of the request that it ends."""
    if not writable.takes_chunks:
        pytest.skip("this server takes uploads only with a length")
    fields = [AUTHORIZED, ("Transfer-Encoding", "chunked"), ("Connection", "close")]
    body = b'7\r\ncontent\r\n0\r\nIf-Match: "x"\r\nX-Trailer: a \t\r\n\r\n'
    answer = exchange(writable.port, request_bytes("PUT", "/files/trailer.txt", fields) + body, "PUT")
    assert answer.status in (201, 204)
