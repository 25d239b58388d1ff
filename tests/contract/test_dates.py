"""Dates: of a file, of its answer, and what they may decide (RFC 9110 sections 8.8.2 and 13)."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.contract.conftest import DEEP, TWINS
from tests.servers import Running, running
from tests.wire import Answer, ask

TOKEN = ("Authorization", "Bearer t")
OLD_S = 1_600_000_000
OLD, BEFORE_OLD, AFTER_OLD = (f"Sun, 13 Sep 2020 12:26:{second} GMT" for second in (40, 39, 41))
NEVER = "Fri, 31 Dec 9999 23:59:59 GMT"
WRITERS = DEEP if DEEP == TWINS else ["wsgi-gthread", "asgi-uvicorn", "asgi-uvicorn-asyncio", "asgi-gunicorn"]
"""Each way in which a server writes its Date."""

FOLDERS: dict[int, Path] = {}


@pytest.fixture(scope="module", params=WRITERS)
def dated(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A server over a folder in memory where there is one, whose files can have dates of any year."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - a folder is made in it
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=memory)))
        server = stack.enter_context(running(request.param, folder, environment={"TWINS_TOKEN": "t"}))
        FOLDERS[server.port] = folder
        yield server


def get(server: Running, name: str, *headers: tuple[str, str]) -> Answer:
    return ask(server.port, "GET", f"/files/{name}", list(headers))


def put(server: Running, name: str, body: bytes, *headers: tuple[str, str]) -> Answer:
    return ask(
        server.port, "PUT", f"/files/{name}", [TOKEN, ("Content-Length", str(len(body))), *headers], body
    )


def delete(server: Running, name: str, *headers: tuple[str, str]) -> Answer:
    return ask(server.port, "DELETE", f"/files/{name}", [TOKEN, *headers])


def plant(server: Running, name: str, content: bytes, modified_ns: int) -> None:
    """Put a file in place whole, with a date of its own."""
    fresh = FOLDERS[server.port] / f"{name}.new"
    fresh.write_bytes(content)
    os.utime(fresh, ns=(modified_ns, modified_ns))
    os.replace(fresh, FOLDERS[server.port] / name)


def moment(answer: Answer, name: str) -> datetime:
    text = answer.header(name)
    assert text, answer
    return parsedate_to_datetime(text)


def test_no_file_is_later_than_its_answer(dated: Running) -> None:
    """Asked for right after it was replaced, by PUT and on the disk, across two ends of a second."""
    until_s = int(time.time()) + 2.2
    while time.time() < until_s:
        number = str(time.time_ns()).encode()
        assert put(dated, "put.txt", number).status in (201, 204)
        plant(dated, "planted.txt", number, time.time_ns())
        for name in ("put.txt", "planted.txt"):
            for method in ("GET", "HEAD"):
                answer = ask(dated.port, method, f"/files/{name}")
                assert moment(answer, "last-modified") <= moment(answer, "date")
                assert answer.body == (number if method == "GET" else b"")


def test_a_date_is_of_the_moment_when_a_slow_answer_begins(dated: Running) -> None:
    """Not of the one when its request came, nor of before the loop was busy."""
    body = json.dumps({"operation": "wait", "duration_ms": 1500}).encode()
    start = int(time.time())
    answer = ask(dated.port, "POST", "/process", [("Content-Type", "application/json")], body)
    assert moment(answer, "date").timestamp() >= start + 1


@pytest.mark.parametrize(
    ("modified_ns", "told"),
    [
        (253_402_300_800 * 10**9, None),  # the year 10000
        (253_402_300_799 * 10**9, None),  # the second before
        (2**62, None),
        (2**33 * 10**9 + 5, None),  # the year 2242
        (-(10**9), "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-(2**33) * 10**9, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-62_135_596_801 * 10**9 // 10, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (OLD_S * 10**9 + 999_999_999, OLD),
        (OLD_S * 10**9 - 1, BEFORE_OLD),
        (2**31 * 10**9 - 1, None),
    ],
)
def test_whatever_date_a_file_has_it_is_served_and_listed(
    dated: Running, modified_ns: int, told: str | None
) -> None:
    """Where nothing is told, the date is still to come, and that of the file's arrival stands for it."""
    start = int(time.time())
    plant(dated, "odd.txt", b"odd", modified_ns)
    answer = get(dated, "odd.txt")
    assert (answer.status, answer.body) == (200, b"odd")
    text = answer.header("last-modified") or ""
    assert text == told or (told is None and start <= moment(answer, "last-modified").timestamp())
    assert moment(answer, "last-modified") <= moment(answer, "date")
    assert get(dated, "odd.txt", ("If-Modified-Since", text)).status == 304
    assert get(dated, "odd.txt", ("If-Unmodified-Since", text)).status == 200
    listing = ask(dated.port, "GET", "/files")
    assert listing.status == 200
    (file,) = [file for file in json.loads(listing.body)["files"] if file["path"] == "odd.txt"]
    assert file["modified"] == text
    assert put(dated, "odd.txt", b"even", ("If-Unmodified-Since", text)).status == 204


def test_a_date_that_is_not_strong_brings_no_range(dated: Running) -> None:
    """The second content of one second, right after and later, under each way to put it there."""
    while time.time() % 1 > 0.5:
        time.sleep(0.02)
    second = int(time.time())
    for first, then in (
        (lambda name: put(dated, name, b"first first"), lambda name: put(dated, name, b"second second")),
        (
            lambda name: plant(dated, name, b"first first", second * 10**9),
            lambda name: plant(dated, name, b"second second", second * 10**9 + 1),
        ),
    ):
        first("twice.txt")
        date = get(dated, "twice.txt").header("last-modified") or ""
        then("twice.txt")
        for pause_s in (0.0, 1.1):
            time.sleep(pause_s)
            answer = get(dated, "twice.txt", ("Range", "bytes=6-"), ("If-Range", date))
            assert (answer.status, answer.body) == (200, b"second second")
        tag = get(dated, "twice.txt").header("etag") or ""
        assert get(dated, "twice.txt", ("Range", "bytes=7-"), ("If-Range", tag)).body == b"second"


def test_a_date_of_old_brings_a_range(dated: Running) -> None:
    plant(dated, "old.txt", b"old", OLD_S * 10**9)
    for date, status in ((OLD, 206), (BEFORE_OLD, 200), (AFTER_OLD, 200), (f"{OLD} ", 206), (NEVER, 200)):
        assert get(dated, "old.txt", ("Range", "bytes=1-"), ("If-Range", date)).status == status
    forms = ("Sunday, 13-Sep-20 12:26:40 GMT", "Sun Sep 13 12:26:40 2020")
    for date in forms:
        assert get(dated, "old.txt", ("Range", "bytes=1-"), ("If-Range", date)).status == 206


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ([("If-Unmodified-Since", OLD)], True),
        ([("If-Unmodified-Since", AFTER_OLD)], True),
        ([("If-Unmodified-Since", BEFORE_OLD)], False),
        ([("If-Unmodified-Since", "Sunday, 13-Sep-20 12:26:39 GMT")], False),
        ([("If-Unmodified-Since", "Sun Sep 13 12:26:39 2020")], False),
        ([("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")], False),
        ([("If-Unmodified-Since", NEVER)], True),
        ([("If-Unmodified-Since", "yesterday")], True),  # what is no date is ignored
        ([("If-Unmodified-Since", "")], True),
        ([("If-Match", "TAG"), ("If-Unmodified-Since", BEFORE_OLD)], True),  # 13.2.2: the tag decides
        ([("If-Match", '"other"'), ("If-Unmodified-Since", AFTER_OLD)], False),
        ([("If-None-Match", '"other"'), ("If-Unmodified-Since", BEFORE_OLD)], False),
        ([("If-None-Match", '"other"'), ("If-Unmodified-Since", OLD)], True),
        ([("If-None-Match", "TAG"), ("If-Unmodified-Since", OLD)], False),
        ([("If-Match", "TAG"), ("If-None-Match", "TAG")], False),
        ([("If-Modified-Since", OLD)], True),  # of GET and HEAD alone
        ([("If-Range", '"other"'), ("Range", "bytes=0-0")], True),
    ],
)
def test_conditions_of_a_change(dated: Running, fields: list[tuple[str, str]], holds: bool) -> None:
    for change in ("PUT", "DELETE"):
        plant(dated, "old.txt", b"old", OLD_S * 10**9)
        tag = get(dated, "old.txt").header("etag") or ""
        named = [(name, value.replace("TAG", tag)) for name, value in fields]
        answer = (
            put(dated, "old.txt", b"new", *named) if change == "PUT" else delete(dated, "old.txt", *named)
        )
        assert answer.status == (204 if holds else 412), change
        after = get(dated, "old.txt")
        if not holds:
            assert (after.body, after.header("last-modified")) == (b"old", OLD)
        else:
            assert after.body != b"old"


def test_conditions_of_a_change_of_nothing(dated: Running) -> None:
    """What has no date is compared with none, and no condition changes an error into another."""
    assert put(dated, "fresh.txt", b"x", ("If-Unmodified-Since", BEFORE_OLD)).status == 201
    assert put(dated, "absent.txt", b"x", ("If-Match", "*")).status == 412
    for field in (
        ("If-Match", "*"),
        ("If-Match", '"a"'),
        ("If-Unmodified-Since", OLD),
        ("If-None-Match", "*"),
    ):
        assert delete(dated, "absent.txt", field).status == 404
    (FOLDERS[dated.port] / "folder").mkdir(exist_ok=True)
    assert put(dated, "folder", b"x", ("If-Match", "*")).status == 400
    assert put(dated, "fresh.txt/below", b"x", ("If-Match", "*")).status == 400


def test_a_kept_copy_is_asked_about_before_each_use(dated: Running) -> None:
    """What Cache-Control says of files, whole, in parts and unchanged (RFC 9111 section 5.2.2.4)."""
    plant(dated, "old.txt", b"old old", OLD_S * 10**9)
    tag = get(dated, "old.txt").header("etag") or ""
    for fields, status in (
        ([], 200),
        ([("Range", "bytes=0-1")], 206),
        ([("Range", "bytes=0-1,4-5")], 206),
        ([("If-None-Match", tag)], 304),
        ([("If-Modified-Since", OLD)], 304),
    ):
        answer = get(dated, "old.txt", *fields)
        assert (answer.status, answer.header("cache-control")) == (status, "no-cache")
    assert ask(dated.port, "HEAD", "/files/old.txt").header("cache-control") == "no-cache"
    assert datetime.fromtimestamp(OLD_S, UTC) == moment(get(dated, "old.txt"), "last-modified")
