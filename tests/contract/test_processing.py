"""`/process`: every operation, wherever its work runs, and every way to ask for it wrongly."""

import hashlib
import json
import socket
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shared.settings import MAX_JSON_BYTES
from tests.contract.test_downloads import DATA
from tests.servers import Running
from tests.wire import Answer, ask, exchange, read_answer, request_bytes

JSON = ("Content-Type", "application/json")


def process(server: Running, document: Any, *headers: tuple[str, str]) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ask(server.port, "POST", "/process", [JSON, *headers], body)


def result(server: Running, document: Any) -> Any:
    answer = process(server, document)
    assert answer.status == 200, answer.body
    assert answer.header("content-type") == "application/json"
    return json.loads(answer.body)


@pytest.mark.parametrize("where", ["inline", "threads", "processes"])
def test_digest(any_server: Running, where: str) -> None:
    asked = {"operation": "digest", "path": "blob.bin", "where": where}
    digest = hashlib.sha256(DATA).hexdigest()
    assert result(any_server, asked) == {"operation": "digest", "bytes": len(DATA), "sha256": digest}


def test_compress(any_server: Running, library: Path) -> None:
    text = "to be or not to be " * 500
    packed = zlib.compress(text.encode(), 9)
    assert result(any_server, {"operation": "compress", "text": text, "level": 9}) == {
        "operation": "compress",
        "bytes": len(text),
        "compressed_bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
    }
    assert result(any_server, {"operation": "compress", "path": "blob.bin"})["bytes"] == len(DATA)


def test_words(any_server: Running, library: Path) -> None:
    text = (library / "this.py").read_text()
    counts = Counter(text.lower().split())
    answer = result(any_server, {"operation": "words", "path": "this.py", "top": 3, "where": "threads"})
    assert answer["words"] == counts.total()
    assert answer["distinct"] == len(counts)
    assert [item["count"] for item in answer["top"]] == [count for _, count in counts.most_common(3)]


def test_a_wait_is_waited_for(any_server: Running) -> None:
    start = time.monotonic()
    assert result(any_server, {"operation": "wait", "duration_ms": 120}) == {
        "operation": "wait",
        "waited_ms": 120,
    }
    assert time.monotonic() - start >= 0.12


def test_pipeline(any_server: Running) -> None:
    steps = [
        {"operation": "wait", "duration_ms": 1},
        {"operation": "digest", "path": "blob.bin", "where": "processes"},
        {"operation": "words", "text": "a b a"},
    ]
    answer = result(any_server, {"operation": "pipeline", "steps": steps})
    assert [step["operation"] for step in answer["results"]] == ["wait", "digest", "words"]
    assert answer["results"][2]["top"] == [{"word": "a", "count": 2}, {"word": "b", "count": 1}]


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "UTF-8"),
        (b'{"operation": NaN}', 400, "NaN"),
        (b'{"operation":"wait","operation":"wait","duration_ms":1}', 400, "twice"),
        (b"[" * 100_000, 400, "nested"),
        (b'{"operation":"wait","duration_ms":' + b"9" * 5000 + b"}", 400, "digits"),
        (b"[]", 422, "object"),
        ({}, 422, "operation"),
        ({"operation": 5}, 422, "operation"),
        ({"operation": "digset"}, 422, "'digest'"),
        ({"operation": "wait"}, 422, "duration_ms"),
        ({"operation": "wait", "duration_ms": "5"}, 422, "duration_ms"),
        ({"operation": "wait", "duration_ms": -1}, 422, "duration_ms"),
        ({"operation": "wait", "duration_ms": 10_001}, 422, "duration_ms"),
        ({"operation": "wait", "duration_ms": 1, "colour": "red"}, 422, "colour"),
        ({"operation": "wait", "duration_ms": 1, "where": "elsewhere"}, 422, "where"),
        ({"operation": "words"}, 422, "either path"),
        ({"operation": "words", "text": "a", "path": "b"}, 422, "either path"),
        ({"operation": "words", "text": "a" * (1024 * 1024 + 1)}, 422, "text"),
        ({"operation": "digest", "path": "none"}, 404, "none"),
        ({"operation": "digest", "path": "../x"}, 400, ".."),
        ({"operation": "digest", "path": "none", "where": "processes"}, 404, "none"),
        ({"operation": "pipeline", "steps": []}, 422, "steps"),
        (
            {"operation": "pipeline", "steps": [{"operation": "wait", "duration_ms": 1}] * 3},
            422,
            "first or the last",
        ),
        ({"operation": "pipeline", "steps": [{"operation": "pipeline", "steps": []}]}, 422, "steps"),
        (b" " * (2 * 1024 * 1024 + 1), 413, "2097152"),
    ],
)
def test_what_is_refused(server: Running, document: Any, status: int, said: str) -> None:
    answer = process(server, document)
    assert answer.header("content-type") == "application/problem+json"
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"]) == (status, status), problem
    assert said in problem["detail"]


def test_only_json_is_taken(server: Running) -> None:
    body = b'{"operation":"wait","duration_ms":0}'
    assert ask(server.port, "POST", "/process", [("Content-Type", "text/plain")], body).status == 415
    assert ask(server.port, "POST", "/process", [], body).status == 415
    kind = ("Content-Type", "Application/JSON; charset=utf-8")
    assert ask(server.port, "POST", "/process", [kind], body).status == 200


def test_a_chunked_body_is_read_and_bounded(server: Running) -> None:
    head = b"POST /process HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    small = (
        b"Transfer-Encoding: chunked\r\n\r\n24\r\n"
        + b'{"operation":"wait","duration_ms":0}'
        + b"\r\n0\r\n\r\n"
    )
    assert exchange(server.port, head + small).status == 200
    block = b"10000\r\n" + b" " * 65536 + b"\r\n"
    large = b"Transfer-Encoding: chunked\r\n\r\n" + block * 33 + b"0\r\n\r\n"
    assert exchange(server.port, head + large).status == 413


def test_a_body_announced_too_large_is_refused_before_it_comes(server: Running) -> None:
    head = request_bytes("POST", "/process", [JSON, ("Content-Length", str(MAX_JSON_BYTES + 1))])
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head)
        assert read_answer(connection, "POST").status == 413
