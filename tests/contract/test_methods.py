"""Methods that an address has, has not, and that nobody knows; and what is logged of ordinary requests."""

import itertools
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from shared.routes import ROUTES
from tests.contract.conftest import AUTHORIZED, Writable
from tests.faults.talking import IDLE_S, statuses
from tests.wire import ask, exchange, request_bytes

STANDARD = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY")
UNKNOWN = (
    "BREW",
    "CONNECT",
    "PROPFIND",
    "MKCOL",
    "PURGE",
    "get",
    "Get",
    "gET",
    "X",
    "M-SEARCH",
    "FOO!BAR",
    "A" * 30,
    "GETS",
)
ADDRESSES = {
    "/health": "/health",
    "/ready": "/ready",
    "/files": "/files",
    "/files/{path}": "/files/a.txt",
    "/process": "/process",
    "/jobs": "/jobs",
    "/jobs/{id}": "/jobs/x",
    "/fetch": "/fetch",
    "/stream": "/stream?count=1",
    "/openapi.json": "/openapi.json",
}


@pytest.mark.parametrize("route", ROUTES)
def test_allow_names_all_that_an_address_answers(writable: Writable, route: str) -> None:
    allow = ", ".join(sorted((*ROUTES[route], "OPTIONS")))
    target = ADDRESSES[route]
    answer = ask(writable.port, "OPTIONS", target)
    assert (answer.status, answer.header("allow")) == (204, allow)
    for method in STANDARD:
        if method not in ROUTES[route] and method != "OPTIONS":
            answer = ask(writable.port, method, target, [AUTHORIZED])
            assert (answer.status, answer.header("allow")) == (405, allow)
            assert method == "HEAD" or f"it answers {allow}." in json.loads(answer.body)["detail"]


@pytest.mark.parametrize("method", UNKNOWN)
def test_a_method_that_nobody_knows(writable: Writable, method: str) -> None:
    for target in ("/health", "/files/a.txt", "/process", "/nothing", "/"):
        answer = ask(writable.port, method, target)
        assert answer.status == 501, answer.body
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("allow") is None
        assert json.loads(answer.body) == {
            "type": "about:blank",
            "title": "Not Implemented",
            "status": 501,
            "detail": f"{method!r} is not a method that this service knows.",
        }


def test_an_unknown_method_with_a_body_changes_nothing(writable: Writable) -> None:
    (writable.folder / "kept.txt").write_bytes(b"kept")
    for method in ("MOVE", "BREW", "put", "Delete"):
        answer = ask(writable.port, method, "/files/kept.txt", [AUTHORIZED], b"content")
        assert answer.status == 501
    assert (writable.folder / "kept.txt").read_bytes() == b"kept"


def test_what_is_no_method_is_refused(writable: Writable) -> None:
    for line in (
        b"G ET /health HTTP/1.1",
        b"G\x80T /health HTTP/1.1",
        b"GE,T /health HTTP/1.1",
        b"(GET) / HTTP/1.1",
    ):
        with socket.create_connection(("127.0.0.1", writable.port), timeout=10) as connection:
            connection.sendall(line + b"\r\nHost: a\r\n\r\n")
            assert connection.recv(65536)[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")


def test_the_methods_of_the_service_itself(writable: Writable) -> None:
    for fields in ([], [("Content-Length", "0")], [("Max-Forwards", "0")]):
        answer = ask(writable.port, "OPTIONS", "*", fields)
        assert (answer.status, answer.header("allow"), answer.body) == (
            204,
            "DELETE, GET, HEAD, OPTIONS, POST, PUT",
            b"",
        )
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert ask(writable.port, method, "*", [AUTHORIZED]).status in (400, 404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("target", ["http://a", "http://a:80", "HTTP://a?x=1"])
def test_an_absolute_address_without_a_path_is_that_of_a_slash(
    writable: Writable, target: str, method: str
) -> None:
    answer, slash = (ask(writable.port, method, one) for one in (target, "/"))
    assert answer.comparable() == slash.comparable()
    assert answer.status == 404


HEADS = (
    "/health",
    "/ready",
    "/files",
    "/jobs",
    "/openapi.json",
    "/stream?count=1",
    "/stream?count=0",
    "/files/none",
    "/files/..",
    "/nothing",
    "/process",
    "/files/head.txt",
)


def test_a_head_is_that_of_get_and_nothing_is_logged(writable: Writable) -> None:
    (writable.folder / "head.txt").write_bytes(b"content")
    before = writable.server.log.read_text(errors="replace")
    for target in HEADS:
        got, head = (ask(writable.port, method, target) for method in ("GET", "HEAD"))
        assert head.body == b""
        if target == "/process":  # which names the method in its answer
            assert (got.status, head.status) == (405, 405)
        elif target == "/jobs":  # whose answer grows with the jobs
            assert got.status == head.status
        else:
            assert (head.status, sorted(head.headers)) == (
                got.status,
                sorted(same_time(got.headers, head.headers)),
            )
    for fields in ([("If-None-Match", "*")], [("If-Match", '"x"')], [("Range", "bytes=99-")]):
        assert ask(writable.port, "HEAD", "/files/head.txt", fields).body == b""
    assert ask(writable.port, "BREW", "/health").status == 501
    assert writable.server.log.read_text(errors="replace") == before


def same_time(got: tuple[tuple[str, str], ...], head: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """The headers of a GET with those of a HEAD where the server may differ: its clock, and its framing."""
    own = {"date", "transfer-encoding", "connection"}
    return [field for field in got if field[0] not in own] + [field for field in head if field[0] in own]


@pytest.mark.parametrize("lines", [b"\r\n", b"\r\n\r\n\r\n"])
def test_empty_lines_before_a_request(writable: Writable, lines: bytes) -> None:
    """RFC 9112 section 2.2: one at least is passed over, before a first request and before a later one."""
    request = request_bytes("GET", "/health")
    answer = exchange(writable.port, lines + request)
    if lines == b"\r\n":
        assert answer.status == 200
        pieces = [b"\r", b"\n", request[:10], request[10:]]
        with socket.create_connection(("127.0.0.1", writable.port), timeout=10) as connection:
            for piece in pieces:
                connection.sendall(piece)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    else:
        assert answer.status in (200, 400)


def test_an_empty_line_behind_a_body(writable: Writable) -> None:
    """Old clients send one that is not counted."""
    if not writable.keeps_connections:
        pytest.skip("this server keeps no connection")
    put = request_bytes("PUT", "/files/line.txt", [AUTHORIZED], b"content") + b"\r\n"
    with socket.create_connection(("127.0.0.1", writable.port), timeout=10) as connection:
        connection.sendall(put + request_bytes("GET", "/files/line.txt", [("Connection", "close")]))
        received = b""
        while block := connection.recv(65536):
            received += block
    assert statuses(received) in ((201, 200), (204, 200))


BROKEN = {
    "no number": b"zz\r\n",
    "no end": b"5\r\nhelloX\r\n",
    "a sign": b"-1\r\n",
    "a bad line": b"5;\x00\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
def test_a_broken_chunk_gets_one_answer_and_no_traceback(writable: Writable, later: bool) -> None:
    """To an address that reads no body, to one that refuses it, and to one that reads it."""
    before = writable.server.log.read_text(errors="replace").count("Traceback")

    def judge(pair: tuple[str, str]) -> str | None:
        received = send_chunk(writable.port, pair[0], BROKEN[pair[1]], later=later)
        answers = statuses(received)
        return None if len(answers) == 1 and 400 <= answers[0] < 500 else f"{pair}: {received!r}"

    pairs = itertools.product(["/nothing", "/health", "/files/a.txt", "/process", "*"], BROKEN)
    with ThreadPoolExecutor(8) as pool:
        wrong = [line for line in pool.map(judge, pairs) if line]
    assert not wrong, "\n".join(wrong)
    assert writable.server.log.read_text(errors="replace").count("Traceback") == before


def send_chunk(port: int, target: str, chunk: bytes, *, later: bool) -> bytes:
    """All that comes back; `later`: the chunk is sent behind the answer where that waits for no body."""
    fields = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")]
    head = request_bytes("POST", target, fields)
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head if later else head + chunk)
        if later:
            if target != "/process":
                received = connection.recv(65536)
            with suppress(OSError):
                connection.sendall(chunk)
        with suppress(TimeoutError, ConnectionResetError):
            connection.settimeout(IDLE_S if received else 10)
            while block := connection.recv(65536):
                received += block
                connection.settimeout(IDLE_S)
    return received
