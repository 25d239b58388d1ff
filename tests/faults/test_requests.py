"""Hostile bodies and header values: a clear 4xx, in work that grows no faster than the input."""

import gzip
import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from shared.admission import usable_host
from shared.conditions import http_date, matches
from shared.decoding import decode
from shared.entries import content_disposition
from shared.errors import ServiceError
from shared.integrity import read_digests
from shared.ranges import parse_ranges, satisfy
from tests.contract.conftest import DEEP
from tests.servers import Running
from tests.wire import ask

JSON = ("Content-Type", "application/json")
BODIES = {
    "deep lists": (b"[" * 200_000, 400),
    "deep objects": (b'{"a":' * 200_000, 400),
    "deep but closed": (b'{"operation":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "NaN": (b'{"operation":"wait","duration_ms":NaN}', 400),
    "infinity": (b'{"operation":"wait","duration_ms":-Infinity}', 400),
    "an infinite exponent": (b'{"operation":"wait","duration_ms":1e999}', 422),
    "a fraction": (b'{"operation":"wait","duration_ms":0.5}', 422),
    "a huge whole number": (b'{"operation":"wait","duration_ms":' + b"9" * 100_000 + b"}", 400),
    "an integer of 64 bits and more": (b'{"operation":"wait","duration_ms":18446744073709551616}', 422),
    "a negative number": (b'{"operation":"wait","duration_ms":-1}', 422),
    "a number as text": (b'{"operation":"wait","duration_ms":"1"}', 422),
    "truth as a number": (b'{"operation":"wait","duration_ms":true}', 422),
    "a name twice": (b'{"operation":"wait","duration_ms":0,"duration_ms":9}', 400),
    "UTF-16": ('{"operation":"wait","duration_ms":0}'.encode("utf-16"), 400),
    "a byte order mark": (b'\xef\xbb\xbf{"operation":"wait","duration_ms":0}', 400),
    "bytes that are no text": (b'{"operation":"\xff"}', 400),
    "an overlong NUL": (b'{"operation":"\xc0\x80"}', 400),
    "a lone surrogate": (b'{"operation":"\\ud800"}', 422),
    "a NUL in a path": (b'{"operation":"digest","path":"a\\u0000b"}', 400),
    "a surrogate in a path": (b'{"operation":"digest","path":"\\udcff"}', 400),
    "a path that leads out": (b'{"operation":"digest","path":"../x"}', 400),
    "a comment": (b'{"operation":"wait"/**/}', 400),
    "two documents": (b"{}{}", 400),
    "nothing": (b"", 400),
    "a list": (b"[]", 422),
    "an operation that is an object": (b'{"operation":{}}', 422),
    "2 MiB and one byte": (b" " * (2 * 1024 * 1024 + 1), 413),
    "too many steps": (
        json.dumps(
            {"operation": "pipeline", "steps": [{"operation": "wait", "duration_ms": 0}] * 9}
        ).encode(),
        422,
    ),
    "a pipeline in itself": (b'{"operation":"pipeline","steps":[{"operation":"pipeline","steps":[]}]}', 422),
}


@pytest.fixture(params=DEEP)
def server(request: pytest.FixtureRequest, serve: Callable[[str], Running]) -> Running:
    return serve(request.param)


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_cannot_be_used(server: Running, case: str) -> None:
    body, status = BODIES[case]
    answer = ask(server.port, "POST", "/process", [JSON, ("Content-Length", str(len(body)))], body)
    assert answer.status == status, answer.body
    assert answer.header("content-type") == "application/problem+json"
    assert len(answer.body) < 1000


def test_a_body_is_never_unpacked(server: Running) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
        answer = ask(server.port, "POST", "/process", [JSON, ("Content-Encoding", coding)], bomb)
        assert (answer.status, answer.header("accept-encoding")) == (415, "identity")
    good = b'{"operation":"wait","duration_ms":0}'
    assert ask(server.port, "POST", "/process", [JSON, ("Content-Encoding", "identity")], good).status == 200


def work(action: Callable[[], object]) -> int:
    """Lines of Python that an action runs: a measure of work that no busy machine disturbs."""
    lines = 0

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        action()
    except (ServiceError, ValueError):
        pass
    finally:
        sys.settrace(before)
    return lines


GROWING: dict[str, Callable[[int], object]] = {
    "ranges": lambda n: satisfy(
        parse_ranges("bytes=" + ",".join(f"{i}-{i}" for i in range(0, 2 * n, 2))) or [], 10**6
    ),
    "commas in ranges": lambda n: parse_ranges("bytes=" + "," * n),
    "dashes in ranges": lambda n: parse_ranges("bytes=" + "-" * n),
    "digits in ranges": lambda n: parse_ranges("bytes=" + "9" * n + "-"),
    "spaces in ranges": lambda n: parse_ranges("bytes=" + " " * n + "0-1"),
    "tags": lambda n: matches(", ".join(['"x"'] * n), '"y"', weak=True),
    "an open tag": lambda n: matches('"' + "x" * n, '"y"', weak=True),
    "spaces in tags": lambda n: matches(" " * n + "x", '"y"', weak=True),
    "commas in tags": lambda n: matches("," * n, '"y"', weak=True),
    "weak marks": lambda n: matches("W/" * n, '"y"', weak=True),
    "a date": lambda n: http_date("Sun, " * n),
    "a host": lambda n: usable_host("a" * n),
    "colons in a host": lambda n: usable_host("[" + ":" * n),
    "a digest": lambda n: read_digests("Content-Digest", "sha-256=:" + "A" * n),
    "digests": lambda n: read_digests("Content-Digest", ",".join(["x=:AAAA:"] * n)),
    "a name": lambda n: content_disposition('"' * n),
    "names in JSON": lambda n: decode(json.dumps({str(i): 0 for i in range(n)}).encode()),
    "spaces in JSON": lambda n: decode(b" " * n),
}


@pytest.mark.parametrize("case", GROWING)
def test_ten_times_the_input_is_ten_times_the_work(case: str) -> None:
    small, large = (work(lambda size=size: GROWING[case](size)) for size in (500, 5000))  # type: ignore[misc]
    assert large <= 12 * small + 100


def test_the_longest_values_that_are_read_are_read_at_once(server: Running) -> None:
    """On the wire, at the limit of 60 KiB a field, in what no expression that backtracks could do."""
    size = 60_000
    for name, value in (
        ("Range", "bytes=" + "0-0," * (size // 4)),
        ("Range", "bytes=" + " " * size + "x"),
        ("If-None-Match", '"' * size),
        ("If-None-Match", 'W/"' * (size // 3)),
        ("If-Match", '"a" ' * (size // 4)),
        ("If-Range", '"' + "x" * size),
        ("If-Modified-Since", "Sun, " * (size // 5)),
        ("Accept", "text/" * (size // 5)),
        ("Host", "a" * size),
    ):
        host = None if name == "Host" else "test"
        answer = ask(server.port, "GET", "/files/odd%20names/empty.bin", [(name, value)], host=host)
        assert answer.status in (200, 400, 412, 416), name
