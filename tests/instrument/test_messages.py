"""Heads, bodies, targets and scenario parameters, without a socket."""

import hashlib
import re
from argparse import Namespace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.generator.options import read_options
from loadtests.lab.calibration import choose
from loadtests.model.protocol import request_target, wrong_status
from loadtests.model.samples import KINDS
from loadtests.subjects.registry import SCENARIOS
from loadtests.wire.bodies import BodyCheck
from loadtests.wire.failures import WireFailure
from loadtests.wire.head import ChunkedBody, Head, parse_head
from loadtests.wire.message import Expectation, build_request, parse_address


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        ("200 OK\r\nContent-Length: 0", Head(200, 0, False, True)),
        ("200 OK\r\nContent-Length: 9\r\nConnection: close", Head(200, 9, False, False)),
        ("200 OK\r\nTransfer-Encoding: chunked", Head(200, None, True, True)),
        ("200 OK", Head(200, None, False, False)),
        ("204 No Content", Head(204, None, False, True)),
        ("103 Early Hints", Head(103, None, False, True)),
    ],
)
def test_heads(fields: str, head: Head) -> None:
    assert parse_head(f"HTTP/1.1 {fields}\r\n\r\n".encode()) == head


@pytest.mark.parametrize(
    "raw",
    [
        b"HTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: one\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_head_that_is_none_is_a_protocol_failure(raw: bytes) -> None:
    with pytest.raises(WireFailure, match=r"^protocol"):
        parse_head(raw)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 30))
def test_chunks_are_joined_however_they_arrive(pieces: list[bytes], step: int) -> None:
    raw = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nX-Sum: 1\r\n\r\n"
    body, seen = ChunkedBody(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), b""
    for start in range(0, len(raw), step):
        assert not body.complete
        seen += b"".join(body.feed(memoryview(raw)[start : start + step]))
    assert body.complete
    assert seen == b"".join(pieces)


@given(st.binary(max_size=200), st.binary(max_size=200), st.integers(1, 50))
def test_a_body_is_right_only_if_it_is_the_same(body: bytes, expected: bytes, step: int) -> None:
    digest = hashlib.sha256(expected).digest()
    for expectation in (Expectation(body=expected), Expectation(length=len(expected), digest=digest)):
        check = BodyCheck(expectation, True)
        for start in range(0, len(body), step):
            check.feed(memoryview(body)[start : start + step])
        kind = KINDS[check.verdict()]
        assert kind == ("ok" if body == expected else "length" if len(body) != len(expected) else "body")


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000, "127.0.0.1:8000"),
        ("https://[::1]:1/base/", "::1", 1, "[::1]:1"),
        ("http://user:secret@host", "host", 80, "host"),
        ("localhost:81", "localhost", 81, "localhost:81"),
    ],
)
def test_targets(url: str, host: str, port: int, authority: str) -> None:
    target = parse_address(url)
    assert (target.host, target.port, target.authority) == (host, port, authority)


@pytest.mark.parametrize(
    ("url", "authority", "base"),
    [
        ("http://münchen.example:81/äh b", "xn--mnchen-3ya.example:81", "/%C3%A4h%20b"),
        ("http://127.0.0.1/a%20b/", "127.0.0.1", "/a%20b"),
    ],
)
def test_targets_beyond_ascii(url: str, authority: str, base: str) -> None:
    target = parse_address(url)
    assert (target.authority, target.base_path) == (authority, base)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/files/größe.txt", "/files/gr%C3%B6%C3%9Fe.txt"),
        ("/a b", "/a%20b"),
        ("/a%20b%2Fc", "/a%20b%2Fc"),
        ("/100%", "/100%25"),
        ("/%zz?q=%5", "/%25zz?q=%255"),
        ("/?q=a b&r=ü#x", "/?q=a%20b&r=%C3%BC%23x"),
        ("/a\r\nHost: evil", "/a%0D%0AHost:%20evil"),
        ("/\udcff", "/%FF"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/a;b,c=(d)@e:!$&'*+~-._[]", "/a;b,c=(d)@e:!$&'*+~-._[]"),
    ],
)
def test_what_a_target_cannot_hold_is_percent_encoded(path: str, target: str) -> None:
    assert request_target(path) == target
    request = build_request(parse_address("http://127.0.0.1"), "GET", path)
    assert request.wire.startswith(f"GET {target} HTTP/1.1\r\n".encode())
    assert request.name == path, "reports show it as it was given"


@given(st.text(max_size=50))
def test_any_path_is_a_target(path: str) -> None:
    target = request_target(path)
    assert target.isascii()
    assert all("!" <= character <= "~" for character in target)
    assert request_target(target) == target
    if "%" not in path:
        assert unquote(target) == path


@pytest.mark.parametrize(
    ("status", "asked", "wrong"),
    [
        (200, (), ""),
        (203, (), ""),
        (204, (), "answers with status 204, not a success with a whole body"),
        (206, (), "answers with status 206, not a success with a whole body"),
        (302, (), "answers with status 302 to /login, not a success with a whole body"),
        (304, (), "answers with status 304 to /login, not a success with a whole body"),
        (302, (302,), ""),
        (404, (404,), ""),
        (200, (404, 410), "answers with status 200, not 404 or 410"),
    ],
)
def test_the_page_is_measured_and_nothing_in_its_place(
    status: int, asked: tuple[int, ...], wrong: str
) -> None:
    assert wrong_status(status, asked, "/login") == wrong


@pytest.mark.parametrize("url", ["ftp://host", "http://host:99999", "http://", ""])
def test_no_target(url: str) -> None:
    with pytest.raises(ValueError, match=r"^the host '.*\.$"):
        parse_address(url)


def test_a_request_is_written_once() -> None:
    target = parse_address("http://127.0.0.1:8000/base")
    request = build_request(target, "POST", "/process", headers=[("A", "b")], body=b"{}", close=True)
    assert request.wire == (
        b"POST /base/process HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: twins\r\n"
        b"A: b\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    )


def test_parameters_become_locusts_options() -> None:
    wait = SCENARIOS["process-wait"]
    assert wait.arguments({"wait_ms": "20", "think_ms": 1.5}) == [
        *("--twins-wait-ms", "20", "--twins-think-ms", "1.5")
    ]
    assert wait.resolve({}) == {"wait_ms": 50, "think_ms": 0.0}


@pytest.mark.parametrize(
    ("scenario", "name", "value", "near"),
    [
        ("get", "pth", "/", "'path'"),
        ("process-wait", "wait_ms", "soon", "a number in ms, such as 50"),
        ("process-wait", "wait_ms", "1.5", "nearest valid value is 2"),
        ("process-wait", "wait_ms", "-1", "nearest valid value is 0"),
        ("process-cpu", "where", "thread", "'threads'"),
        ("process-cpu", "operation", "digests", "'digest'"),
    ],
)
def test_a_wrong_parameter_names_the_nearest(scenario: str, name: str, value: str, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        SCENARIOS[scenario].arguments({name: value})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("connections", "keep", "--twins-connections is 'keep': the nearest valid value is 'keepalive'."),
        ("rate", "fast", "the rate 'fast' cannot be read: it looks like 2000, 100x10,500x5 or 100>500x10."),
        ("warmup", "-1", "--twins-warmup is -1: the nearest valid value is 0."),
        ("drain", "soon", "--twins-drain is 'soon': it is a number, 0 or more."),
        ("seed", "1.5", "--twins-seed is 1.5: the nearest valid value is 2."),
        ("duration", "0", "--twins-duration is 0: a measurement lasts longer than 0 s."),
        ("client", "fast", "--twins-client is 'fast': the nearest valid value is 'fasthttp'."),
        (
            "arrivals",
            "often",
            "--twins-arrivals is 'often', which is no file: it is poisson, constant or a file.",
        ),
    ],
)
def test_a_wrong_option_names_a_valid_value(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read_options(Namespace(**{f"twins_{name}": value}))


def test_options_by_default() -> None:
    options = read_options(Namespace())
    assert (options.open_loop, options.client, options.requests_per_connection) == (False, "wire", None)
    assert read_options(Namespace(twins_rate="3000")).in_flight == 6_000
    assert read_options(Namespace(twins_rate="3000", twins_connections="user")).requests_per_connection == 1


def test_the_preferred_backend_is_chosen_among_those_near_the_best() -> None:
    def backend(rate: float, floor: float) -> dict[str, float]:
        return {"ceiling_requests_per_s": rate, "latency_floor_us": floor}

    assert choose({"select": backend(100, 50), "epoll": backend(95, 55)}) == "epoll"
    assert choose({"select": backend(100, 50), "epoll": backend(95, 90)}) == "select"
    assert choose({"select": backend(100, 50), "epoll": backend(70, 50)}) == "select"
    assert choose({"select": backend(100, 90), "epoll": backend(50, 50)}) == "select"
