"""Files that change while they are served."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.conftest import DEEP, PAIR
from tests.servers import Running, running
from tests.wire import ask, request_bytes

SIZE = 32 * 1024 * 1024  # several times what the kernel holds of it
OWN_SENDING = ("wsgi-gevent", "asgi-threadpool")  # these send large bodies by a way of their own


@pytest.mark.parametrize("name", [*PAIR, *OWN_SENDING])
def test_a_download_under_way_ends_with_the_old_bytes(name: str, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(b"o" * SIZE)
    with running(name, tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(request_bytes("GET", "/files/big.bin"))
            received = connection.recv(4096)
            (tmp_path / "new").write_bytes(b"n" * SIZE)
            os.replace(tmp_path / "new", tmp_path / "big.bin")
            fresh = ask(server.port, "GET", "/files/big.bin", [("Range", "bytes=0-9")])
            assert fresh.body == b"n" * 10
            _, _, body = received.partition(b"\r\n\r\n")
            total = len(body)
            while total < SIZE:
                block = connection.recv(1 << 20)
                assert block
                assert block.count(b"o") == len(block)
                total += len(block)
        assert total == SIZE
        (tmp_path / "big.bin").unlink()
        assert ask(server.port, "GET", "/files/big.bin").status == 404


@pytest.mark.parametrize("name", ["wsgi-forked", "asgi-uvicorn-forked"])
def test_every_server_process_answers_alike(
    name: str, serve: Callable[[str], Running], library: Path
) -> None:
    server = serve(name)
    for number in range(20):
        (library / "next.tmp").write_bytes(str(number).encode())
        os.replace(library / "next.tmp", library / "changing.txt")
        answers = [ask(server.port, "GET", "/files/changing.txt") for _ in range(6)]
        assert {answer.body for answer in answers} == {str(number).encode()}
        assert len({answer.header("etag") for answer in answers}) == 1
    (library / "changing.txt").unlink()


def test_a_file_cut_short_while_sent_breaks_the_connection(tmp_path: Path) -> None:
    """Changing a file in place is outside the contract; what is sent must still never pass for whole."""
    for name in DEEP:
        path = tmp_path / "big.bin"
        path.write_bytes(b"o" * SIZE)
        with running(name, tmp_path) as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall(request_bytes("GET", "/files/big.bin"))
                connection.recv(4096)
                os.truncate(path, 1024)
                total = 4096
                while block := connection.recv(1 << 20):
                    total += len(block)
            assert total < SIZE
            path.write_bytes(b"x")
            assert ask(server.port, "GET", "/files/big.bin").status == 200
