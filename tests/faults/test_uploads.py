"""Uploads cut by the death of their server, by their client and by a full disk leave no file behind."""

import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.settings import UPLOADS_FOLDER
from tests import tally
from tests.contract.conftest import DEEP, PAIR, TWINS
from tests.disks import mounted, remount
from tests.servers import Running, running
from tests.wire import ask, read_answer, request_bytes

CUTS = 50 if tally.TORTURE else 15
SIZE = 8 * 1024 * 1024
TRIED = TWINS if tally.TORTURE else DEEP
WRITES = {"TWINS_TOKEN": "t"}
TOKEN = ("Authorization", "Bearer t")
BEFORE, AFTER = b"o" * SIZE, b"n" * SIZE
BIG_BYTES = 2 * 1024**3 if tally.TORTURE else 128 * 1024**2
GROWN_BYTES = 32 * 1024**2


def head(size: int = SIZE, name: str = "file") -> bytes:
    return request_bytes("PUT", f"/files/{name}", [TOKEN, ("Content-Length", str(size))])


def nothing_is_left(folder: Path) -> None:
    """The server may clean up a moment after its client is gone."""
    deadline = time.monotonic() + 20
    while left := os.listdir(folder / UPLOADS_FOLDER):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", DEEP)
def test_the_server_is_killed_while_it_stores(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BEFORE)
    chance = random.Random(1)  # noqa: S311 - where to cut, no secret
    for _ in range(50 if tally.TORTURE and name in PAIR else 2):  # each starts the server twice
        with tally.case("upload cut by SIGKILL of the server", name):
            with running(name, tmp_path, environment=WRITES) as server:
                workers = psutil.Process(server.process.pid).children()
                with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                    connection.sendall(head() + AFTER[: chance.randrange(SIZE)])
                    time.sleep(chance.random() * 0.02)
                    assert ask(server.port, "GET", "/files/file").body == BEFORE
                    for process in workers:
                        process.kill()
                    server.process.kill()
                    psutil.wait_procs(
                        workers, timeout=20
                    )  # one that is killed within fsync lives on until its end
            with running(name, tmp_path, environment=WRITES) as server:
                assert ask(server.port, "GET", "/files/file").body == BEFORE
                assert os.listdir(tmp_path / UPLOADS_FOLDER) == []


@pytest.mark.parametrize("name", TRIED)
def test_the_client_goes_away_while_it_sends(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BEFORE)
    chance = random.Random(2)  # noqa: S311 - where to cut, no secret
    with running(name, tmp_path, environment=WRITES) as server:
        for number in range(CUTS):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(head() + AFTER[: chance.randrange(SIZE)])
                if number % 2:  # a reset where there was a polite end
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if number % 10 == 0:
                assert ask(server.port, "GET", "/files/file").body == BEFORE
        nothing_is_left(tmp_path)
        assert ask(server.port, "GET", "/files/file").body == BEFORE
        tally.record("upload cut by its client", name, CUTS, CUTS)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four files' room."""
    with mounted(tmp_path / "disk", 4 * SIZE) as folder:
        yield folder


@pytest.mark.parametrize("name", TRIED)
def test_the_disk_is_full(name: str, small_disk: Path) -> None:
    (small_disk / "file").write_bytes(BEFORE)
    chance = random.Random(3)  # noqa: S311 - how much room is left, no secret
    with running(name, small_disk, environment=WRITES) as server:
        for number in range(CUTS):
            with tally.case("upload to a full disk", name):
                free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
                (small_disk / "ballast").write_bytes(bytes(free - chance.randrange(SIZE)))
                with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                    connection.sendall(head())
                    sending = threading.Thread(target=send_all, args=(connection, AFTER))
                    sending.start()
                    answer = read_answer(connection, "PUT")
                sending.join()
                assert answer.status == 507, answer
                assert answer.header("content-type") == "application/problem+json"
                if number % 10 == 0:
                    assert ask(server.port, "GET", "/files/file").body == BEFORE
                    assert ask(server.port, "GET", "/health").status == 200
                    assert ask(server.port, "GET", "/ready").status == 200  # what it has it still serves
                (small_disk / "ballast").unlink()
        nothing_is_left(small_disk)
        assert ask(server.port, "GET", "/files/file").body == BEFORE
        assert ask(server.port, "PUT", "/files/file", [TOKEN], AFTER).status == 204
        assert ask(server.port, "GET", "/files/file").body == AFTER


def send_all(connection: socket.socket, data: bytes) -> None:
    """Send what the server still takes."""
    try:
        connection.sendall(data)
    except OSError:
        return


@pytest.mark.parametrize("name", TRIED)
def test_the_disk_is_read_only_and_then_not(name: str, small_disk: Path) -> None:
    (small_disk / "file").write_bytes(b"there")
    with running(name, small_disk, environment=WRITES) as server:
        remount(small_disk, "ro")
        for method in ("PUT", "DELETE"):
            answer = ask(server.port, method, "/files/file", [TOKEN], b"other")
            assert (answer.status, answer.header("content-type")) == (503, "application/problem+json")
        assert ask(server.port, "GET", "/files/file").body == b"there"
        remount(small_disk, "rw")
        assert ask(server.port, "PUT", "/files/file", [TOKEN], b"other").status == 204
        assert ask(server.port, "DELETE", "/files/file", [TOKEN]).status == 204


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TRIED)
def test_a_large_upload_needs_little_memory(name: str, tmp_path: Path) -> None:
    block = os.urandom(1024 * 1024)
    with running(name, tmp_path, environment=WRITES) as server:
        assert ask(server.port, "PUT", "/files/small", [TOKEN], block).status == 201
        before = peak_bytes(server)
        with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
            connection.sendall(head(BIG_BYTES, "big"))
            for _ in range(BIG_BYTES // len(block)):
                connection.sendall(block)
            assert read_answer(connection, "PUT").status == 201
        grown = peak_bytes(server) - before
        assert grown < GROWN_BYTES, f"{grown / 2**20:.1f} MiB"
        tally.record(f"upload of {BIG_BYTES // 2**20} MiB within 32 MiB of memory", name, 1, 1)
    assert (tmp_path / "big").stat().st_size == BIG_BYTES
    (tmp_path / "big").unlink()


def peak_bytes(server: Running) -> int:
    """The sum of the largest that each of the server's processes ever was in memory."""
    master = psutil.Process(server.process.pid)
    texts = [
        Path(f"/proc/{process.pid}/status").read_text()
        for process in (master, *master.children(recursive=True))
    ]
    return sum(int(text.partition("VmHWM:")[2].split()[0]) * 1024 for text in texts)
