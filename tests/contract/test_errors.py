"""Refusals: the same problem documents from both faces, and the table of what a server refuses first."""

import json
import socket
from collections.abc import Callable

import pytest

from shared.settings import MAX_HEAD_BYTES
from tests.servers import Running
from tests.wire import ask, exchange, read_answer, request_bytes


def test_unknown_route(any_server: Running) -> None:
    for target in (
        "/",
        "/nothing",
        "/health/",
        "/files/../nothing",
        "//health",
        "/Health",
        "/files/{path}/x",
    ):
        answer = ask(any_server.port, "GET", target)
        assert answer.status in (400, 404), target
        assert answer.header("content-type") == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/health", "GET, HEAD, OPTIONS"),
        ("DELETE", "/process", "OPTIONS, POST"),
        ("GET", "/process", "OPTIONS, POST"),
        ("HEAD", "/process", "OPTIONS, POST"),
        ("PATCH", "/files/blob.bin", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("TRACE", "/files", "GET, HEAD, OPTIONS"),
    ],
)
def test_wrong_method(any_server: Running, method: str, target: str, allow: str) -> None:
    answer = ask(any_server.port, method, target)
    assert (answer.status, answer.header("allow")) == (405, allow)
    if method != "HEAD":
        assert method in json.loads(answer.body)["detail"]


def test_options(any_server: Running) -> None:
    answer = ask(any_server.port, "OPTIONS", "/files/blob.bin")
    assert (answer.status, answer.header("allow"), answer.body) == (
        204,
        "DELETE, GET, HEAD, OPTIONS, PUT",
        b"",
    )
    assert answer.header("content-length") is None
    assert ask(any_server.port, "OPTIONS", "/nothing").status == 404


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "user@host", "[::1", "[zz::]", "a:b", "a:99999", "a?b", "a%zz"]
)
def test_malformed_host(any_server: Running, host: str) -> None:
    answer = ask(any_server.port, "GET", "/health", host=host)
    assert answer.status == 400, answer.body


@pytest.mark.parametrize("host", ["test", "test:8000", "127.0.0.1", "[::1]:80", "a-b.example.", "xn--e1aybc"])
def test_usable_host(server: Running, host: str) -> None:
    assert ask(server.port, "GET", "/health", host=host).status == 200


def test_missing_host(any_server: Running) -> None:
    assert ask(any_server.port, "GET", "/health", host=None).status == 400
    assert exchange(any_server.port, b"GET /health HTTP/1.0\r\n\r\n").status == 200


def test_long_targets_and_fields(any_server: Running) -> None:
    port = any_server.port
    assert ask(port, "GET", "/files?" + "a" * 4000).status == 200
    assert ask(port, "GET", "/files?" + "a" * 4091).status == 414
    assert ask(port, "GET", "/" + "a" * 7000).status == 414
    assert ask(port, "GET", "/health", [("X-Long", "a" * 61000)]).status == 200
    assert ask(port, "GET", "/health", [("X-Long", "a" * 61440)]).status == 431
    assert ask(port, "GET", "/health", [(f"X-{n}", "a" * 1000) for n in range(66)]).status == 431
    assert ask(port, "GET", "/health", [(f"X-{n}", "a") for n in range(90)]).status == 431
    assert ask(port, "GET", "/health", [(f"X-{n}", "a") for n in range(70)]).status == 200


@pytest.mark.parametrize(("name", "status"), [("asgi-uvicorn", 431), ("asgi-uvicorn-asyncio", 400)])
def test_a_head_without_an_end_is_refused_while_it_comes(
    serve: Callable[[str], Running], name: str, status: int
) -> None:
    """gunicorn does so by itself, after 100 times its limit for a field."""
    server = serve(name)
    head = b"GET /health HTTP/1.1\r\nHost: a\r\nX-Long: "
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + b"a" * MAX_HEAD_BYTES)
        assert read_answer(connection, "GET").status == status


def test_repeated_fields_are_joined(server: Running) -> None:
    fields = [("Range", "bytes=0-0"), ("Range", "5-6")]
    answer = ask(server.port, "GET", "/files/blob.bin", fields)
    assert (answer.header("content-type") or "").startswith("multipart/byteranges")


@pytest.mark.parametrize(
    "fields",
    [
        [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")],
        [("X-Forwarded-Proto", "https"), ("X-Forwarded-Ssl", "off")],
        [("X-Forwarded-For", "not an address"), ("Forwarded", "for=;;")],
        [("Script_Name", "/files"), ("Path_Info", "/none")],
    ],
)
def test_nobody_speaks_for_a_client(any_server: Running, fields: list[tuple[str, str]]) -> None:
    """By themselves gunicorn would trust this machine to say scheme and path, uvicorn to say its address."""
    answer = ask(any_server.port, "GET", "/files/this.py", fields)
    assert answer.comparable() == ask(any_server.port, "GET", "/files/this.py").comparable()
    assert answer.status == 200


def test_paging_refuses_what_it_cannot_use(server: Running) -> None:
    for query in ("limit=0", "limit=1001", "limit=x", "limit=", "after=!!", "after=YQ==", "after=A"):
        answer = ask(server.port, "GET", "/files?" + query)
        assert answer.status == 400, query
        assert query.partition("=")[0] in json.loads(answer.body)["detail"]


PARSING = (
    "wsgi-gthread",
    "asgi-uvicorn",
    "asgi-uvicorn-asyncio",
    "asgi-gunicorn",
    "granian-wsgi",
    "granian-asgi",
)
BY_PARSER = {
    # what the servers' own parsers refuse first: the request, and the answer of each server above in turn
    "duplicate Host": (
        b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        (400, 400, 400, 400, 400, 400),
    ),
    "duplicate Content-Type": (
        b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n",
        (400, 400, 400, 400, 200, 400),
    ),
    "field over 64 KiB": (
        request_bytes("GET", "/health", [("X-Long", "a" * 66000)]),
        (431, 431, 431, 431, 431, 431),
    ),
    "target over 8 KiB": (
        request_bytes("GET", "/" + "a" * 9000),
        (414, 414, 414, 414, 414, 414),
    ),
    "over 100 fields": (
        request_bytes("GET", "/health", [(f"X-{n}", "a") for n in range(120)]),
        (431, 431, 431, 431, 431, 431),
    ),
    "unknown expectation": (
        request_bytes("GET", "/health", [("Expect", "foo")]),
        (417, 417, 417, 417, 417, 417),
    ),
    "HTTP/1.2": (
        b"GET /health HTTP/1.2\r\nHost: a\r\n\r\n",
        (200, 200, 200, 400, 400, 400),
    ),
    "HTTP/2.0": (
        b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n",
        (400, 400, 400, 400, 400, 400),
    ),
    "space before colon": (
        b"GET /health HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
        (400, 400, 400, 400, 400, 400),
    ),
}


@pytest.mark.parametrize("case", BY_PARSER)
@pytest.mark.parametrize("name", PARSING)
def test_what_the_servers_own_parsers_refuse(case: str, name: str, serve: Callable[[str], Running]) -> None:
    data, expected = BY_PARSER[case]
    assert exchange(serve(name).port, data).status == expected[PARSING.index(name)], case
