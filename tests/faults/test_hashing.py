"""First downloads: nobody waits for the digest of another's file, and a huge file has none."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from loadtests.subjects.twins.servers import SERVERS
from shared.settings import DIGESTED_BYTES
from tests import tally
from tests.contract.conftest import DEEP, TWINS
from tests.faults.test_orphans import wait_for
from tests.servers import Running, running
from tests.wire import Answer, ask, exchange, request_bytes

TRIED = TWINS if tally.TORTURE else (*DEEP, "wsgi-gevent", "asgi-threadpool")
HUGE = 200 * 1024**3
NEW = 41
PATIENCE_S = 5.0  # ten times what any of this takes
TOKEN = ("Authorization", "Bearer t")
ALONE = ("wsgi-sync", "wsgi-forked")  # a process that waits for a digest serves nobody else


def plant(path: Path, size: int) -> None:
    """A sparse file: as long to hash as any of its size, and no room on the disk."""
    with open(path, "wb") as file:
        file.truncate(size)


def change(path: Path, content: bytes, offset: int = 0) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(content)


@contextmanager
def serving(name: str, folder: Path, **environment: str) -> Iterator[Running]:
    with running(name, folder, environment={"TWINS_TOKEN": "t", **environment}) as server:
        yield server


def get(server: Running, name: str, *headers: tuple[str, str], method: str = "GET") -> Answer:
    return ask(server.port, method, f"/files/{name}", [*headers])


def put(server: Running, name: str, body: bytes, *headers: tuple[str, str]) -> Answer:
    fields = [("Content-Length", str(len(body))), TOKEN, *headers]
    return ask(server.port, "PUT", f"/files/{name}", fields, body)


def assert_quick(server: Running, round: int) -> None:
    """What has nothing to do with the digests of others."""
    for method, target in (("GET", "/health"), ("GET", "/ready"), ("GET", "/files?limit=5")):
        start = time.monotonic()
        assert ask(server.port, method, target).status == 200
        assert time.monotonic() - start < PATIENCE_S, target
    start = time.monotonic()
    assert put(server, "stored", b"stored").status in (201, 204)
    assert put(server, "stored", b"again", ("If-Match", "*")).status == 204
    assert time.monotonic() - start < PATIENCE_S, "an upload"
    (FOLDERS[server.port] / f"new{round}").write_bytes(b"new%d" % round)
    start = time.monotonic()
    assert get(server, f"new{round}").body == b"new%d" % round
    assert time.monotonic() - start < PATIENCE_S, "the first download of a small file"


FOLDERS: dict[int, Path] = {}


@pytest.mark.parametrize("name", TRIED)
def test_a_huge_file_has_a_tag_of_its_version(name: str, tmp_path: Path) -> None:
    """At once, strong, the same in every process and after a start; another once anything changed."""
    huge = tmp_path / "huge"
    plant(huge, HUGE)
    change(huge, b"first", HUGE - 5)
    with serving(name, tmp_path) as server:
        start = time.monotonic()
        first = get(server, "huge", method="HEAD")
        assert time.monotonic() - start < PATIENCE_S
        etag = first.header("etag") or ""
        assert (first.status, first.header("content-length")) == (200, str(HUGE))
        assert first.header("repr-digest") is None
        assert etag.startswith('"')
        with ThreadPoolExecutor(8) as clients:
            tags = clients.map(lambda _: get(server, "huge", method="HEAD").header("etag"), range(24))
            assert set(tags) == {etag}
        end = ("Range", "bytes=-5")
        part = get(server, "huge", end, ("If-Range", etag))
        assert (part.status, part.body, part.header("etag")) == (206, b"first", etag)
        assert get(server, "huge", end, ("If-Match", etag)).status == 206
        assert get(server, "huge", ("If-None-Match", etag)).status == 304
    with serving(name, tmp_path) as server:
        assert get(server, "huge", method="HEAD").header("etag") == etag
        times = os.stat(huge)
        change(huge, b"other", HUGE - 5)
        os.utime(huge, ns=(times.st_atime_ns, times.st_mtime_ns))  # as if nothing had been
        changed = get(server, "huge", method="HEAD").header("etag")
        assert changed != etag
        whole = request_bytes("GET", "/files/huge", [end, ("If-Range", etag)])
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(whole)
            assert connection.recv(15).startswith(b"HTTP/1.1 200"), "old and new bytes would be mixed"
        assert get(server, "huge", end, ("If-Match", etag)).status == 412
        assert put(server, "huge", b"small", ("If-Match", etag)).status == 412
        assert put(server, "huge", b"small", ("If-Match", changed or "")).status == 204
        small = hashlib.sha256(b"small").hexdigest()[:32]
        assert get(server, "huge").header("etag") == f'"{small}"'


@pytest.mark.parametrize("name", TRIED)
def test_an_upload_too_large_for_a_digest(name: str, tmp_path: Path) -> None:
    """The tag of the answer to a PUT is that of the GET that follows, in every process."""
    with serving(name, tmp_path, TWINS_DIGESTED_BYTES="1000") as server:
        for size in (1000, 1001, 50_000):
            stored = put(server, "file", os.urandom(size))
            etag = stored.header("etag") or ""
            for _ in range(6):
                served = get(server, "file", ("If-Match", etag))
                assert (served.status, served.header("etag")) == (200, etag)
                assert (served.header("repr-digest") is None) == (size > 1000)
            again = put(server, "file", os.urandom(size), ("If-Match", etag))
            assert (again.status, again.header("etag") == etag) == (204, False)
            assert put(server, "file", b"x", ("If-Match", etag)).status == 412


@pytest.mark.parametrize("name", TRIED)
def test_nobody_waits_for_a_huge_file_and_many_new_ones(name: str, tmp_path: Path) -> None:
    plant(tmp_path / "huge", HUGE)
    for number in range(NEW):
        (tmp_path / f"file{number}").write_bytes(b"%d" % number * 1000)
    with serving(name, tmp_path) as server, ThreadPoolExecutor(NEW) as clients:
        FOLDERS[server.port] = tmp_path
        start = time.monotonic()
        huge = clients.submit(get, server, "huge", ("Range", "bytes=0-9"))
        answers = list(clients.map(lambda number: get(server, f"file{number}"), range(NEW)))
        assert [answer.body for answer in answers] == [b"%d" % number * 1000 for number in range(NEW)]
        assert huge.result().body == bytes(10)
        assert_quick(server, 0)
        assert time.monotonic() - start < 4 * PATIENCE_S
        tally.record("first downloads beside a huge file", name, NEW, NEW)


@contextmanager
def first_downloads(server: Running, number: int) -> Iterator[list[socket.socket]]:
    """So many clients that wait for the digests of files that take minutes."""
    with ExitStack() as stack:
        waiting = []
        for file in range(number):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            waiting.append(stack.enter_context(connection))
            connection.sendall(request_bytes("GET", f"/files/large{file}"))
        yield waiting


def read_files(server: Running) -> set[str]:
    """The large files that the server has open."""
    master = psutil.Process(server.process.pid)
    found = set()
    for process in (master, *master.children(recursive=True)):
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                found.add(Path(os.readlink(link)).name)
            except OSError:
                continue
    return {name for name in found if name.startswith("large")}


@pytest.mark.parametrize("name", [name for name in TRIED if name not in ALONE])
def test_nobody_waits_beside_many_that_take_minutes(name: str, tmp_path: Path) -> None:
    """And nothing is read for those who are gone (granian does not tell a WSGI application)."""
    row = SERVERS[name]
    holding = row.interface == "wsgi" and row.slot_kind == "thread"
    number = row.threads // 2 if holding else NEW
    for file in range(number):
        plant(tmp_path / f"large{file}", HUGE)
    with serving(name, tmp_path, TWINS_DIGESTED_BYTES=str(HUGE)) as server:
        FOLDERS[server.port] = tmp_path
        with first_downloads(server, number) as waiting:
            wait_for(lambda: len(read_files(server)) == number, "not every first download has begun")
            for round in range(3):
                assert_quick(server, round)
            assert len(read_files(server)) == number
            others = [request_bytes("GET", "/files/large0")] * (3 if holding else 10)
            for request in others:  # who asks for the same file waits for the same reading
                connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
                connection.sendall(request)
                waiting.append(connection)
            assert_quick(server, 3)
            for connection in waiting:
                connection.close()
            if name != "granian-wsgi":
                wait_for(lambda: not read_files(server), "files are read for clients that are gone")
                assert_quick(server, 4)
                tally.record("first downloads given up", name, number, number)


@pytest.mark.parametrize("name", TRIED)
def test_those_who_wait_for_one_file_all_get_it(name: str, tmp_path: Path) -> None:
    """Whoever of them leaves meanwhile."""
    content = os.urandom(1024) * 1024 * 48
    (tmp_path / "file").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()[:32]
    request = request_bytes("GET", "/files/file", [("Range", "bytes=0-99")])
    with serving(name, tmp_path) as server, ThreadPoolExecutor(12) as clients:

        def come(number: int) -> Answer | None:
            if number % 3 == 0:
                with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
                    connection.sendall(request)
                return None
            return exchange(server.port, request)

        for answer in clients.map(come, range(24)):
            if answer is not None:
                assert (answer.status, answer.body) == (206, content[:100])
                assert answer.header("etag") == f'"{digest}"'


@pytest.mark.parametrize("name", TRIED)
def test_a_condition_on_a_new_file_is_judged_by_its_digest(name: str, tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"file{number}").write_bytes(b"there")
    etag = f'"{hashlib.sha256(b"there").hexdigest()[:32]}"'
    with serving(name, tmp_path) as server:
        assert put(server, "file0", b"new", ("If-Match", '"other"')).status == 412
        assert put(server, "file1", b"new", ("If-Match", etag)).status == 204
        assert put(server, "file2", b"new", ("If-None-Match", etag)).status == 412
        assert ask(server.port, "DELETE", "/files/file3", [TOKEN, ("If-Match", etag)]).status == 204
        assert get(server, "file0").body == get(server, "file2").body == b"there"
        assert get(server, "file1").body == b"new"


def test_all_servers_say_the_same_of_a_huge_file(tmp_path: Path) -> None:
    plant(tmp_path / "huge", HUGE)
    plant(tmp_path / "just", DIGESTED_BYTES + 1)
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(name, tmp_path)) for name in DEEP]
        for headers in ([], [("Range", "bytes=0-1,5-6")], [("If-Match", '"x"')], [("Range", "bytes=-1")]):
            for name in ("huge", "just"):
                for method in ("HEAD", "GET") if headers else ("HEAD",):
                    request = request_bytes(method, f"/files/{name}", headers)
                    first, *others = (exchange(server.port, request).comparable() for server in servers)
                    assert others == [first] * len(others), (method, name, headers)


def test_the_tag_of_a_version_is_the_same_for_all_who_ask(tmp_path: Path) -> None:
    """A crowd at a small and a large file that are replaced all the while gets whole versions only."""
    over = threading.Event()
    path = tmp_path / "file"
    path.write_bytes(b"0" * 3000)

    def replace() -> None:
        number = 0
        while not over.is_set():
            number = (number + 1) % 10
            (tmp_path / "next").write_bytes(b"%d" % number * 3000)
            os.replace(tmp_path / "next", path)
            time.sleep(0.002)

    for name in DEEP:
        with serving(name, tmp_path, TWINS_DIGESTED_BYTES="1000", TWINS_KEPT_BYTES="0") as server:
            over.clear()
            replacer = threading.Thread(target=replace, daemon=True)
            replacer.start()
            try:
                for _ in range(100):
                    first = get(server, "file", ("Range", "bytes=0-999"))
                    rest = get(
                        server, "file", ("Range", "bytes=1000-"), ("If-Range", first.header("etag") or "")
                    )
                    whole = first.body + rest.body if rest.status == 206 else rest.body
                    assert len(whole) == 3000
                    assert len(set(whole)) == 1, "bytes of two versions"
            finally:
                over.set()
                replacer.join()
