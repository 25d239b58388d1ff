"""Ranges and conditions case by case (RFC 9110 sections 13 and 14), on a file of twenty bytes."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests.contract.conftest import DEEP
from tests.servers import Running
from tests.wire import ask, exchange, read_answer, request_bytes

NAME = "twenty.txt"
DATA = b"0123456789abcdefghij"
MODIFIED_S = 1_600_000_000
MODIFIED = "Sun, 13 Sep 2020 12:26:40 GMT"
EARLIER, LATER = "Sun, 13 Sep 2020 12:26:39 GMT", "Sun, 13 Sep 2020 12:26:41 GMT"
Fields = list[tuple[str, str]]


@pytest.fixture(params=DEEP)
def twenty(request: pytest.FixtureRequest, serve: Callable[[str], Running], library: Path) -> Running:
    """A server with the file, of a known time."""
    if not (library / NAME).exists():
        (library / NAME).write_bytes(DATA)
        os.utime(library / NAME, (MODIFIED_S, MODIFIED_S))
    return serve(request.param)


def tagged(server: Running, fields: Fields) -> Fields:
    tag = ask(server.port, "HEAD", "/files/" + NAME).header("etag") or ""
    return [(name, value.replace("TAG", tag)) for name, value in fields]


@pytest.mark.parametrize(
    ("value", "status", "body"),
    [
        ("bytes=0-8", 206, DATA[:9]),
        ("bytes=9-", 206, DATA[9:]),
        ("bytes=-9", 206, DATA[-9:]),
        ("bytes=19-", 206, DATA[19:]),
        ("bytes=-1", 206, DATA[19:]),
        ("bytes=-20", 206, DATA),
        ("bytes=-21", 206, DATA),
        ("bytes=0-19", 206, DATA),
        ("bytes=0-20", 206, DATA),
        ("bytes=19-99", 206, DATA[19:]),
        ("bytes=5-5", 206, DATA[5:6]),
        ("bytes=\t5 - 6", 416, None),
        ("bytes= 5-6 ", 206, DATA[5:7]),
        ("bytes=00005-0006", 206, DATA[5:7]),
        ("bytes=20-", 416, None),
        ("bytes=20-30", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=9223372036854775807-", 416, None),
        ("bytes=99999999999999999999999999-", 416, None),
        ("bytes=20-,30-40", 416, None),
        ("bytes=-0,20-", 416, None),
        ("bytes=-18446744073709551616", 206, DATA),
        ("bytes=0-18446744073709551616", 206, DATA),
        ("bytes=8-0", 200, DATA),
        ("bytes=0-1,8-0", 200, DATA),
        ("bytes=+1-2", 416, None),
        ("bytes=0x1-2", 416, None),
        ("bytes=1.0-2", 416, None),
        ("bytes=1-2;3-4", 416, None),
        ("bytes=-", 416, None),
        ("bytes:0-1", 200, DATA),
        ("0-1", 200, DATA),
        ("bites=0-1", 200, DATA),
        ("bytes 0-1", 200, DATA),
        ("", 200, DATA),
        ("bytes=0-9,10-19", 206, DATA),
        ("bytes=0-18,-1", 206, DATA),
        ("bytes=0-18,-2", 200, DATA),
        ("bytes=0-10001, 0-0", 200, DATA),
        ("bytes=20-,0-0", 206, DATA[:1]),
    ],
)
def test_one_part(twenty: Running, value: str, status: int, body: bytes | None) -> None:
    answer = ask(twenty.port, "GET", "/files/" + NAME, [("Range", value)])
    assert answer.status == status
    if status == 416:
        assert answer.header("content-range") == "bytes */20"
        return
    assert answer.body == body
    assert (answer.header("content-range") is None) == (status == 200)
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("etag")
    assert answer.header("last-modified") == MODIFIED


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("bytes=0-1,8-9", [DATA[:2], DATA[8:10]]),
        ("bytes=0-0,-1", [DATA[:1], DATA[19:]]),
        ("bytes=15-,0-1", [DATA[15:], DATA[:2]]),
        ("bytes=0-1,4-5,99-", [DATA[:2], DATA[4:6]]),
        ("bytes= 0-1 ,\t,8-9,", [DATA[:2], DATA[8:10]]),
    ],
)
def test_several_parts(twenty: Running, value: str, parts: list[bytes]) -> None:
    answer = ask(twenty.port, "GET", "/files/" + NAME, [("Range", value)])
    assert answer.status == 206
    assert answer.header("content-range") is None
    kind = answer.header("content-type") or ""
    boundary = kind.removeprefix("multipart/byteranges; boundary=").encode()
    found = answer.body.split(b"\r\n--" + boundary)[1:-1]
    assert [part.split(b"\r\n\r\n", 1)[1] for part in found] == parts
    for part in found:
        assert b"content-type: text/plain" in part.lower()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        # If-Range: the strong tag, or the very second
        ([("Range", "bytes=0-1"), ("If-Range", "TAG")], 206),
        ([("Range", "bytes=0-1"), ("If-Range", " TAG\t")], 206),
        ([("Range", "bytes=0-1"), ("If-Range", "W/TAG")], 200),
        ([("Range", "bytes=0-1"), ("If-Range", "TAG, TAG")], 200),
        ([("Range", "bytes=0-1"), ("If-Range", '"x"')], 200),
        ([("Range", "bytes=0-1"), ("If-Range", '""')], 200),
        ([("Range", "bytes=0-1"), ("If-Range", "*")], 200),
        ([("Range", "bytes=0-1"), ("If-Range", "")], 200),
        ([("Range", "bytes=0-1"), ("If-Range", "x")], 200),
        ([("Range", "bytes=0-1"), ("If-Range", MODIFIED)], 206),
        ([("Range", "bytes=0-1"), ("If-Range", EARLIER)], 200),
        ([("Range", "bytes=0-1"), ("If-Range", LATER)], 200),
        ([("Range", "bytes=99-"), ("If-Range", "TAG")], 416),
        ([("Range", "bytes=99-"), ("If-Range", '"x"')], 200),
        ([("Range", "bytes=0-1,5-6"), ("If-Range", '"x"')], 200),
        ([("If-Range", "TAG")], 200),
        # If-Modified-Since and If-Unmodified-Since: whole seconds, ignored where they are no date
        ([("If-Modified-Since", MODIFIED)], 304),
        ([("If-Modified-Since", LATER)], 304),
        ([("If-Modified-Since", "Tue, 19 Jan 2038 03:14:07 GMT")], 304),
        ([("If-Modified-Since", "Tue, 19 Jan 2038 03:14:08 GMT")], 304),
        ([("If-Modified-Since", "Fri, 25 Feb 2174 09:42:23 GMT")], 304),
        ([("If-Modified-Since", EARLIER)], 200),
        ([("If-Modified-Since", "")], 200),
        ([("If-Modified-Since", "0")], 200),
        ([("If-Modified-Since", "Sun, 31 Feb 2021 00:00:00 GMT")], 200),
        ([("If-Modified-Since", "Sunday, 13-Sep-20 12:26:40 GMT")], 304),
        ([("If-Modified-Since", "Sun Sep 13 12:26:40 2020")], 304),
        ([("If-Modified-Since", MODIFIED), ("Range", "bytes=0-1")], 304),
        ([("If-Modified-Since", EARLIER), ("Range", "bytes=0-1")], 206),
        ([("If-Unmodified-Since", MODIFIED)], 200),
        ([("If-Unmodified-Since", LATER)], 200),
        ([("If-Unmodified-Since", EARLIER)], 412),
        ([("If-Unmodified-Since", "x")], 200),
        ([("If-Unmodified-Since", LATER), ("If-Modified-Since", LATER)], 304),
        ([("If-Unmodified-Since", EARLIER), ("If-Modified-Since", LATER)], 412),
        ([("If-Unmodified-Since", EARLIER), ("Range", "bytes=0-1")], 412),
        # If-None-Match: weak comparison
        ([("If-None-Match", "TAG")], 304),
        ([("If-None-Match", "W/TAG")], 304),
        ([("If-None-Match", '"a", "b" ,TAG')], 304),
        ([("If-None-Match", '"a",W/TAG,"b"')], 304),
        ([("If-None-Match", ", ,TAG")], 304),
        ([("If-None-Match", "*")], 304),
        ([("If-None-Match", "\t*")], 304),
        ([("If-None-Match", '"a"')], 200),
        ([("If-None-Match", '""')], 200),
        ([("If-None-Match", "")], 200),
        ([("If-None-Match", "x")], 200),
        ([("If-None-Match", "w/TAG")], 200),
        ([("If-None-Match", '"a"TAG')], 200),
        ([("If-None-Match", '"a"'), ("If-Modified-Since", LATER)], 200),
        ([("If-None-Match", "TAG"), ("If-Modified-Since", EARLIER)], 304),
        ([("If-None-Match", '"a"'), ("Range", "bytes=0-1")], 206),
        ([("If-None-Match", '"a"'), ("If-None-Match", "TAG")], 304),
        # If-Match: strong comparison
        ([("If-Match", "TAG")], 200),
        ([("If-Match", '"a", TAG')], 200),
        ([("If-Match", '"a", "b", \tTAG , "c"')], 200),
        ([("If-Match", "*")], 200),
        ([("If-Match", "W/TAG")], 412),
        ([("If-Match", '"a"')], 412),
        ([("If-Match", "")], 412),
        ([("If-Match", "x")], 412),
        ([("If-Match", "TAG"), ("Range", "bytes=0-1")], 206),
        ([("If-Match", '"a"'), ("Range", "bytes=0-1")], 412),
        ([("If-Match", "TAG"), ("If-None-Match", "TAG")], 304),
        ([("If-Match", "TAG"), ("If-Unmodified-Since", EARLIER)], 200),
        ([("If-Match", '"a"'), ("If-Unmodified-Since", LATER)], 412),
    ],
)
def test_conditions(twenty: Running, fields: Fields, status: int) -> None:
    fields = tagged(twenty, fields)
    answer = ask(twenty.port, "GET", "/files/" + NAME, fields)
    assert answer.status == status
    assert answer.body == {200: DATA, 206: DATA[:2], 304: b""}.get(status, answer.body)
    head = ask(twenty.port, "HEAD", "/files/" + NAME, fields)
    assert head.status == {206: 200, 416: 200}.get(status, status)  # Range is defined for GET alone
    assert head.body == b""
    if status == 304:
        assert answer.header("etag")
        assert answer.header("content-type") is None
        assert answer.header("content-length") is None


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "If-Modified-Since", "If-Range", "Range"])
def test_conditions_on_what_is_not_there_change_nothing(twenty: Running, name: str) -> None:
    """RFC 9110 section 13.2.1: they are ignored where the answer without them is no success."""
    assert ask(twenty.port, "GET", "/files/none", [(name, '"a"')]).status == 404


def test_conditions_hold_in_http_1_0(twenty: Running) -> None:
    request = f"GET /files/{NAME} HTTP/1.0\r\nIf-Modified-Since: {LATER}\r\n\r\n".encode()
    assert exchange(twenty.port, request).status == 304


@pytest.mark.parametrize(
    "twenty", [name for name in DEEP if SERVERS[name].worker_class != "sync"], indirect=True
)
def test_a_connection_is_kept_through_all_of_them(twenty: Running) -> None:
    """Every status frames its body so that the next answer is found."""
    with socket.create_connection(("127.0.0.1", twenty.port), timeout=20) as connection:
        for fields, status in (
            ([("Range", "bytes=0-1")], 206),
            ([("If-None-Match", "*")], 304),
            ([("Range", "bytes=99-")], 416),
            ([("If-Match", '"a"')], 412),
            ([("Range", "bytes=0-1,5-6")], 206),
            ([], 200),
        ):
            connection.sendall(request_bytes("GET", "/files/" + NAME, fields))
            assert read_answer(connection, "GET").status == status
