"""When a connection ends: by its options, by HTTP/1.0, and where a client waits to be told to go on."""

import itertools
import shutil
import socket
import subprocess

import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests.conftest import require
from tests.contract.conftest import AUTHORIZED, Writable
from tests.wire import exchange, read_answer, request_bytes

SOON_S = 5.0  # ten times what an answer takes; a connection that is kept, is kept for 30 s
STREAM = "/stream?format=chunks&count=3&interval_ms=10&size=3"
EVENTS = "/stream?format=events&count=3&interval_ms=10"
numbers = itertools.count()

CLOSING = {
    "alone": ["close"],
    "last": ["TE, close"],
    "first": ["close, TE"],
    "in capitals": ["TE,CLOSE"],
    "with blanks": ["TE ,\t close \t, Trailer"],
    "twice": ["close", "close"],
    "second line": ["TE", "close"],
    "first line": ["close", "TE"],
    "beside keep-alive": ["keep-alive, close"],
    "behind keep-alive": ["keep-alive", "close"],
    "empty elements": [", ,close,"],
}
KEPT = {
    "none": [],
    "keep-alive": ["keep-alive"],
    "other options": ["TE, Trailer"],
    "none at all": [""],
}


def old(method: str, target: str, *fields: tuple[str, str], body: bytes = b"") -> bytes:
    """A request in HTTP/1.0, whose Host may be missing."""
    data = request_bytes(method, target, list(fields), body, host=None)
    return data.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)


def receive(port: int, request: bytes, timeout_s: float = SOON_S) -> tuple[bytes, bool]:
    """What comes back, and whether the connection ended within the time."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(request)
        try:
            while block := connection.recv(65536):
                received += block
        except TimeoutError:
            return received, False
    return received, True


@pytest.mark.parametrize("case", CLOSING)
def test_who_asks_to_close_is_told_so_and_left(writable: Writable, case: str) -> None:
    fields = [("TE", "trailers"), *(("Connection", value) for value in CLOSING[case])]
    for target in ("/files/none", "/health", STREAM):
        request = request_bytes("GET", target, fields)
        received, ended = receive(writable.port, request + request_bytes("GET", "/health"))
        assert ended
        assert received.count(b"HTTP/1.1 ") == 1
        assert b"\r\nconnection: close" in received.lower()


@pytest.mark.parametrize("case", KEPT)
def test_all_others_are_kept(writable: Writable, case: str) -> None:
    if not writable.keeps_connections:
        pytest.skip("this server keeps no connection")
    request = request_bytes("GET", "/health", [("Connection", value) for value in KEPT[case]])
    with socket.create_connection(("127.0.0.1", writable.port), timeout=SOON_S) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert read_answer(connection, "GET").status == 200


@pytest.mark.parametrize("target", [STREAM, EVENTS, "/health", "/files/none", "/files?limit=1"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_http_1_0(writable: Writable, method: str, target: str) -> None:
    """No chunks, and a connection that ends with the answer: at once, and not in silence.

    granian alone keeps it for who asked, says so, and gives a length.
    """
    for wish in (None, "keep-alive", "Keep-Alive, TE", "close"):
        request = old(method, target, *([("Connection", wish)] if wish else []))
        received, ended = receive(writable.port, request, 0.5 if keeps(writable, wish) else SOON_S)
        head, _, body = received.partition(b"\r\n\r\n")
        lines = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
        fields = {name: value.strip() for name, _, value in lines}
        assert b"transfer-encoding" not in fields
        said = [option.strip() for option in fields.get(b"connection", b"").split(b",")]
        if keeps(writable, wish) and b"close" not in said:
            assert b"keep-alive" in said
            assert b"content-length" in fields or method == "HEAD"
        else:
            assert ended
            assert b"close" in said or SERVERS[writable.server.name].server == "granian"
        if method == "HEAD":
            assert body == b""
        elif target == STREAM:
            assert body == b"1 12 23 3"
        elif target == EVENTS:
            assert body.endswith(b'id: 3\ndata: {"number":3,"of":3}\n\n')


def keeps(writable: Writable, wish: str | None) -> bool:
    return SERVERS[writable.server.name].server == "granian" and "keep-alive" in (wish or "").lower()


def test_the_same_answer_in_http_1_0(writable: Writable) -> None:
    name = f"old-{next(numbers)}.bin"
    content = bytes(range(256)) * 4000
    answer = exchange(writable.port, old("PUT", f"/files/{name}", AUTHORIZED, body=content))
    assert (answer.status, answer.header("location")) == (201, f"/files/{name}")
    for method, fields in (
        ("GET", []),
        ("HEAD", []),
        ("GET", [("Range", "bytes=5-9")]),
        ("GET", [("Range", "bytes=5-9,100-300")]),
        ("GET", [("If-None-Match", answer.header("etag") or "")]),
        ("OPTIONS", []),
        ("PATCH", []),
    ):
        young = exchange(writable.port, request_bytes(method, f"/files/{name}", fields), method)
        aged = exchange(writable.port, old(method, f"/files/{name}", *fields), method)
        assert young.comparable() == aged.comparable()


def test_ab_keeps_no_server_waiting(writable: Writable) -> None:
    """ApacheBench speaks HTTP/1.0 and asks to keep the connection."""
    ab = shutil.which("ab")
    require(ab, "ab is not installed")
    (writable.folder / "ab.txt").write_bytes(b"content")
    streamed = [] if SERVERS[writable.server.name].server == "granian" else [STREAM]  # see the docs/limits.md
    for target in ("/files/ab.txt", "/health", *streamed):
        run = subprocess.run(  # noqa: S603 - found above
            [ab or "", "-k", "-n", "4", "-c", "2", f"{writable.server.url}{target}"],
            capture_output=True,
            text=True,
            timeout=10 * SOON_S,
            check=True,
        )
        lines = dict(line.split(":", 1) for line in run.stdout.splitlines() if ":" in line)
        assert lines["Complete requests"].strip() == "4"
        assert lines["Failed requests"].strip() == "0"


EXPECTED = [AUTHORIZED, ("Expect", "100-continue"), ("Content-Length", "7")]
REFUSED_FIRST = {
    # what can be told from the head: its fields, and the answer
    "a wrong token": ([("Authorization", "Bearer wrong"), *EXPECTED[1:]], "/files/{}", 401),
    "no token": (EXPECTED[1:], "/files/{}", 401),
    "a bad name": (EXPECTED, "/files/../{}", 400),
    "no such address": (EXPECTED, "/none/{}", 404),
    "a method it has not": (EXPECTED, "/health", 405),
    "too large": ([*EXPECTED[:2], ("Content-Length", "9" * 14)], "/files/{}", 413),
    "a coding": ([*EXPECTED, ("Content-Encoding", "gzip")], "/files/{}", 415),
    "a condition": ([*EXPECTED, ("If-Match", '"x"')], "/files/{}", 412),
    "in capitals": ([("Expect", "100-CONTINUE"), ("Content-Length", "7")], "/files/{}", 401),
}


@pytest.mark.parametrize("case", REFUSED_FIRST)
def test_who_is_refused_is_not_told_to_go_on(writable: Writable, case: str) -> None:
    fields, target, status = REFUSED_FIRST[case]
    request = request_bytes("PUT", target.format(f"expected-{next(numbers)}"), fields)
    with socket.create_connection(("127.0.0.1", writable.port), timeout=SOON_S) as connection:
        connection.sendall(request)
        received = connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 %d " % status), received


def test_who_is_not_refused_is_told_to_go_on(writable: Writable) -> None:
    """Once, and the connection is kept for the next request."""
    for number in range(2):
        name = f"expected-{next(numbers)}.txt"
        with socket.create_connection(("127.0.0.1", writable.port), timeout=SOON_S) as connection:
            for status in (201, 204):
                connection.sendall(request_bytes("PUT", f"/files/{name}", EXPECTED))
                told = connection.recv(65536)
                assert told.startswith(b"HTTP/1.1 100 ")
                assert told.count(b"HTTP/1.1") == 1
                for piece in (b"con", b"tent") if number else (b"content",):
                    connection.sendall(piece)
                assert read_answer(connection, "PUT").status == status
                if not writable.keeps_connections:
                    break
        assert (writable.folder / name).read_bytes() == b"content"


def test_who_does_not_wait_is_served_as_well(writable: Writable) -> None:
    """The body may come without the word, the whole of it at once; what comes behind it is not lost."""
    name = f"expected-{next(numbers)}.txt"
    request = request_bytes("PUT", f"/files/{name}", EXPECTED) + b"content"
    behind = request_bytes("GET", f"/files/{name}", [("Connection", "close")])
    received, ended = receive(writable.port, request + behind if writable.keeps_connections else request)
    assert ended
    assert (writable.folder / name).read_bytes() == b"content"
    assert b" 201 " in received
    assert received.endswith(b"content") or not writable.keeps_connections


def test_what_comes_behind_a_refusal_is_never_read_as_its_body(writable: Writable) -> None:
    """Who was refused may send a request or the body: the connection ends, or takes it for the body."""
    fields, target, _ = REFUSED_FIRST["a wrong token"]
    length = len(request_bytes("DELETE", "/files/kept.txt", [AUTHORIZED]))
    (writable.folder / "kept.txt").write_bytes(b"kept")
    request = request_bytes("PUT", target.format("refused"), [*fields[:2], ("Content-Length", str(length))])
    received, _ = receive(
        writable.port, request + request_bytes("DELETE", "/files/kept.txt", [AUTHORIZED]), 1.0
    )
    assert received.startswith(b"HTTP/1.1 401 ")
    assert (writable.folder / "kept.txt").read_bytes() == b"kept"


@pytest.mark.parametrize("value", ["foo", "100-continue, foo", "200-ok", "100-continued", "a=b"])
def test_what_cannot_be_expected(writable: Writable, value: str) -> None:
    request = request_bytes("PUT", "/files/expected.txt", [AUTHORIZED, ("Expect", value)], b"content")
    assert exchange(writable.port, request, "PUT").status == 417
    assert not (writable.folder / "expected.txt").exists()


@pytest.mark.parametrize("value", ["100-continue", "100-Continue"])
def test_http_1_0_knows_no_expectation(writable: Writable, value: str) -> None:
    name = f"expected-{next(numbers)}.txt"
    request = old("PUT", f"/files/{name}", AUTHORIZED, ("Expect", value), body=b"content")
    received, ended = receive(writable.port, request)
    assert ended
    assert b" 100 " not in received
    assert b" 201 " in received.split(b"\r\n")[0]
    assert (writable.folder / name).read_bytes() == b"content"
