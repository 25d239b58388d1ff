"""An upload cut by the death of its server leaves no partial file, and no temporary one after a restart."""

import os
import random
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from shared.settings import UPLOADS_FOLDER
from tests.contract.conftest import DEEP
from tests.servers import running
from tests.wire import ask, request_bytes

ROUNDS = 50 if os.environ.get("TWINS_TORTURE") else 4
SIZE = 8 * 1024 * 1024
WRITES = {"TWINS_TOKEN": "t"}


@pytest.mark.parametrize("name", DEEP)
def test_killed_while_storing(name: str, tmp_path: Path) -> None:
    before, after = b"o" * SIZE, b"n" * SIZE
    (tmp_path / "file").write_bytes(before)
    chance = random.Random(1)  # noqa: S311 - where to cut, no secret
    for _ in range(ROUNDS):
        with running(name, tmp_path, environment=WRITES) as server:
            family = [server.process.pid, *(p.pid for p in psutil.Process(server.process.pid).children())]
            head = request_bytes(
                "PUT", "/files/file", [("Authorization", "Bearer t"), ("Content-Length", str(SIZE))]
            )
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(head + after[: chance.randrange(SIZE)])
                time.sleep(chance.random() * 0.02)
                assert ask(server.port, "GET", "/files/file").body == before
                for pid in reversed(family):
                    os.kill(pid, signal.SIGKILL)
        with running(name, tmp_path, environment=WRITES) as server:
            assert ask(server.port, "GET", "/files/file").body == before
            assert os.listdir(tmp_path / UPLOADS_FOLDER) == []
