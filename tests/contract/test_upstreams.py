"""Answers of upstreams byte by byte: what both faces take, and what both call broken."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests.contract.conftest import DEEP
from tests.contract.test_fetching import other_server
from tests.servers import Running, running
from tests.wire import ask

JSON = ("Content-Type", "application/json")
TOGETHER = 16  # addresses of one request
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
GOOD = b"Content-Length: 4\r\n\r\ngood"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n"
WHOLE = HEAD + GOOD
Outcome = int | str


def fields(count: int, size: int = 1) -> bytes:
    return b"".join(b"X-%d: %b\r\n" % (number, b"a" * size) for number in range(count))


def status(line: bytes, rest: bytes = GOOD) -> bytes:
    return line + b"\r\nConnection: close\r\n" + rest


ANSWERS: dict[str, tuple[bytes, Outcome | dict[str, Outcome]]] = {
    "a plain answer": (WHOLE, 200),
    "a field of 9,000 bytes": (HEAD + fields(1, 9000) + GOOD, 200),
    "a field of 60,000 bytes": (HEAD + fields(1, 60_000) + GOOD, 200),
    "a field of 95,000 bytes": (HEAD + fields(1, 95_000) + GOOD, 200),
    "a name of 9,000 bytes": (HEAD + b"X" * 9000 + b": a\r\n" + GOOD, 200),
    "130 fields": (HEAD + fields(130) + GOOD, 200),
    "5,000 fields": (HEAD + fields(5000) + GOOD, 200),
    "150 cookies": (HEAD + b"Set-Cookie: a=b\r\n" * 150 + GOOD, 200),
    "a head of 90 KB": (HEAD + fields(90, 1000) + GOOD, 200),
    "a head of 99 KB": (HEAD + fields(98, 1000) + GOOD, "broken"),
    "a head of 200 KB": (HEAD + fields(200, 1000) + GOOD, "broken"),
    "a reason of 9,000 bytes": (status(b"HTTP/1.1 200 " + b"a" * 9000), 200),
    "no reason": (status(b"HTTP/1.1 200 "), 200),
    "no reason and no blank": (status(b"HTTP/1.1 200"), 200),
    "a reason in Latin-1": (status(b"HTTP/1.1 200 \xe9t\xe9"), 200),
    "a trailer": (HEAD + CHUNKED + fields(1) + b"\r\n", 200),
    "a trailer of 9,000 bytes": (HEAD + CHUNKED + fields(1, 9000) + b"\r\n", 200),
    "a trailer of 60,000 bytes": (HEAD + CHUNKED + fields(1, 60_000) + b"\r\n", 200),
    "130 trailers": (HEAD + CHUNKED + fields(130) + b"\r\n", 200),
    "extensions of chunks": (
        HEAD + CHUNKED.replace(b"4\r\n", b"4;a=" + b"b" * 9000 + b"\r\n") + b"\r\n",
        200,
    ),
    "chunk sizes with zeros": (HEAD + CHUNKED.replace(b"4\r\n", b"0004\r\n") + b"\r\n", 200),
    "a coding in capitals": (HEAD + CHUNKED.replace(b"chunked", b"CHUNKED") + b"\r\n", 200),
    "100 before it": (b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, 200),
    "102 thrice before it": (b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + WHOLE, 200),
    "103 before it": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + WHOLE, 200),
    "103 with 130 fields": (b"HTTP/1.1 103 Early Hints\r\n" + fields(130) + b"\r\n" + WHOLE, 200),
    "103 with a long field": (b"HTTP/1.1 103 Early Hints\r\n" + fields(1, 9000) + b"\r\n" + WHOLE, 200),
    "103 before chunks": (b"HTTP/1.1 103 Early Hints\r\n\r\n" + HEAD + CHUNKED + b"\r\n", 200),
    "100, 103 and 199": (
        b"HTTP/1.1 100 A\r\n\r\nHTTP/1.1 103 B\r\n\r\nHTTP/1.1 199 C\r\n\r\n" + WHOLE,
        200,
    ),
    "another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + WHOLE,
        "broken",
    ),
    "an offer of another protocol": (HEAD + b"Upgrade: h2,h2c\r\n" + GOOD, 200),
    "a folded field": (HEAD + b"X: a\r\n b\r\n\tc\r\n" + GOOD, 200),
    "a field in Latin-1": (HEAD + b"X: \xe9\r\n" + GOOD, 200),
    "a field without value": (HEAD + b"X:\r\n" + GOOD, 200),
    "a field between tabs": (HEAD + b"X:\ta\t\r\n" + GOOD, 200),
    "a field without name": (HEAD + b": a\r\n" + GOOD, "broken"),
    "a blank before the colon": (HEAD + b"X : a\r\n" + GOOD, "broken"),
    "lines that end in LF": (WHOLE.replace(b"\r\n", b"\n"), 200),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + GOOD, 200),
    "HTTP/1.0 until it closes": (b"HTTP/1.0 200 OK\r\n\r\ngood", 200),
    "HTTP/1.1 until it closes": (HEAD + b"\r\ngood", 200),
    "HTTP/1.2": (status(b"HTTP/1.2 200 OK"), "broken"),
    "HTTP/1.9": (status(b"HTTP/1.9 200 OK"), "broken"),
    "HTTP/2": (status(b"HTTP/2 200 OK"), "broken"),
    "a body in gzip": (HEAD + b"Content-Encoding: gzip\r\n" + GOOD, 200),
    "a transfer in gzip": (HEAD + CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n", "broken"),
    "a length and chunks": (HEAD + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n", "broken"),
    "two lengths": (HEAD + b"Content-Length: 5\r\n" + GOOD, "broken"),
    "a length with a sign": (HEAD + b"Content-Length: +4\r\n\r\ngood", "broken"),
    "204": (status(b"HTTP/1.1 204 No Content", b"\r\n"), 204),
    "204 with a length": (status(b"HTTP/1.1 204 No Content", b"Content-Length: 0\r\n\r\n"), 204),
    "304 with a length": (status(b"HTTP/1.1 304 Not Modified", b"Content-Length: 9\r\n\r\n"), 304),
    "status 999": (status(b"HTTP/1.1 999 x"), 999),
    # a line of docs/limits.md
    "the same length twice": (HEAD + b"Content-Length: 4\r\n" + GOOD, {"wsgi": 200, "asgi": "broken"}),
    "more than announced": (WHOLE + b"more", {"wsgi": 200, "asgi": "broken"}),
    "an empty line before it": (b"\r\n" + WHOLE, {"wsgi": "broken", "asgi": 200}),
}
NAMES = list(ANSWERS)


@pytest.fixture(scope="module")
def answering() -> Iterator[int]:
    """A port where `GET /N` is answered by the Nth of the answers."""

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            number = int(connection.recv(65536).split(b" ")[1].removeprefix(b"/"))
            connection.sendall(ANSWERS[NAMES[number]][0])
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)  # closed with bytes unread it would be a reset

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.fixture(scope="module", params=DEEP)
def asking(
    request: pytest.FixtureRequest, answering: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    environment = {"TWINS_UPSTREAMS": f"http://127.0.0.1:{answering}"}
    with running(request.param, tmp_path_factory.mktemp("files"), environment=environment) as server:
        yield server


def outcomes(server: Running, urls: list[str]) -> list[Outcome]:
    found: list[Outcome] = []
    for first in range(0, len(urls), TOGETHER):
        addresses = [{"url": url} for url in urls[first : first + TOGETHER]]
        answer = ask(server.port, "POST", "/fetch", [JSON], json.dumps({"addresses": addresses}).encode())
        assert answer.status == 200
        for result in json.loads(answer.body)["results"]:
            found.append(result["status"] if "status" in result else result["error"]["code"])
            assert result.get("bytes", 0) in ((0,) if result.get("status") in (204, 304) else (0, 4))
    return found


def test_both_faces_judge_an_answer_alike(asking: Running, answering: int) -> None:
    interface = SERVERS[asking.name].interface
    urls = [f"http://127.0.0.1:{answering}/{number}" for number in range(len(NAMES))]
    expected = [
        told[interface] if isinstance(told, dict) else told for told in (ANSWERS[name][1] for name in NAMES)
    ]
    assert dict(zip(NAMES, outcomes(asking, urls), strict=True)) == dict(zip(NAMES, expected, strict=True))


def test_an_absolute_name_is_an_upstream(asking: Running, answering: int, tmp_path: Path) -> None:
    """With a dot at its end, as Kubernetes' names are written: another origin than without."""
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"name.test.": [["127.0.0.1"]], "name.test": [["127.0.0.1"]]}))
    upstreams = f"http://NAME.test.:{answering}/ http://127.0.0.1:{answering}"
    with other_server(asking, upstreams, names) as server:
        urls = [f"http://{name}:{answering}/0" for name in ("name.test.", "Name.Test.", "name.test")]
        assert outcomes(server, urls) == [200, 200, "not-allowed"]
