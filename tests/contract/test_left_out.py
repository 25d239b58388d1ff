"""The servers that serve no face of the twins: why, as seen on real sockets."""

import re
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from loadtests.subjects.atlas.left_out import LEFT_OUT, LeftOut
from loadtests.subjects.atlas.rows import ROWS
from loadtests.subjects.subject import Launch
from tests.contract.conftest import PAIR
from tests.servers import free_port, running, running_command

SERVED = ("granian", "gunicorn", "uvicorn")  # by rows of the table


def answer(port: int, sent: bytes) -> bytes:
    """All that comes without a pause, or until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        received = connection.recv(65536)
        connection.settimeout(0.5)
        with suppress(OSError):
            while block := connection.recv(65536):
                received += block
    return received


@pytest.mark.parametrize("left", LEFT_OUT, ids=lambda left: left.server)
def test_why_a_server_is_left_out(left: LeftOut, tmp_path: Path) -> None:
    """Where this fails with a new release, the server may keep the contract now, and become a row."""
    (tmp_path / "a.txt").write_text("hello")
    port = free_port()
    face = f"{left.interface}_app"
    faces = {"named": f"{face}:app", "made": f"{face}.application:make_app()"}
    command = [part.format(python=sys.executable, port=port, **faces) for part in left.command]
    line = Launch(command, {"TWINS_FILES": str(tmp_path)})
    with running_command(left.server, line, port, {"TWINS_TOKEN": "t"}):
        for breach in left.breaches:
            told = answer(port, breach.sent)
            assert re.search(breach.seen, told), told
            assert not re.search(breach.right, told), told


@pytest.mark.parametrize("name", PAIR)
def test_what_they_are_left_out_for_the_faces_keep(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with running(name, tmp_path, environment={"TWINS_TOKEN": "t"}) as server:
        for breach in {breach for left in LEFT_OUT for breach in left.breaches}:
            told = answer(server.port, breach.sent)
            assert re.search(breach.right, told), told


def test_every_other_server_of_the_atlas_is_a_row() -> None:
    left = {left.server for left in LEFT_OUT}
    assert {name for name in ROWS if name not in left} == {n for n in ROWS if n.startswith(SERVED)}
