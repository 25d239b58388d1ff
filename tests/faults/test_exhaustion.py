"""No descriptors left, files that cannot be read: a clear answer, and service again without a restart."""

import json
import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests import tally
from tests.conftest import require
from tests.contract.conftest import DEEP, TWINS
from tests.servers import Running, running, wait_until_all_serve
from tests.wire import Answer, ask, read_answer, request_bytes

TRIED = TWINS if tally.TORTURE else DEEP
PROBLEM = "application/problem+json"
WORK = json.dumps({"operation": "digest", "path": "file", "where": "processes"}).encode()
JSON = ("Content-Type", "application/json")
TOKEN = ("Authorization", "Bearer t")
NEED_DESCRIPTORS = {
    "download": request_bytes("GET", "/files/file"),
    "listing": request_bytes("GET", "/files"),
    "upload": request_bytes("PUT", "/files/new", [TOKEN], b"new"),
    "process pool": request_bytes("POST", "/process", [JSON], WORK),
    "deletion": request_bytes("DELETE", "/files/file", [TOKEN]),
}


def limit_descriptors(server: Running, *, none_left: bool) -> None:
    """Let no process that serves open one more, or as many as it might."""
    for process in serving(server):
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        used = {int(name.name) for name in Path(f"/proc/{process.pid}/fd").iterdir()}
        lowest_free = min(set(range(len(used) + 1)) - used)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (lowest_free if none_left else hard, hard))


def serving(server: Running) -> list[psutil.Process]:
    """Its processes; gunicorn's master serves nobody."""
    master = psutil.Process(server.process.pid)
    return master.children() if SERVERS[server.name].server == "gunicorn" else [master, *master.children()]


def wait_for_connections(server: Running, number: int) -> None:
    """Until it has no more of them: one that it closes later would leave a descriptor free."""
    deadline = time.monotonic() + 30
    while number < sum(
        connection.status != psutil.CONN_LISTEN
        for process in serving(server)
        for connection in process.net_connections("tcp")
    ):
        assert time.monotonic() < deadline, "connections of clients that are gone are kept"
        time.sleep(0.05)


def on(connection: socket.socket, data: bytes) -> Answer:
    connection.sendall(data)
    return read_answer(connection, data.split(b" ", 1)[0].decode())


@pytest.mark.parametrize("name", [name for name in TRIED if name not in ("wsgi-sync", "wsgi-forked")])
def test_no_descriptor_is_left(name: str, tmp_path: Path) -> None:
    """On a connection that is open already: gunicorn's sync server workers keep none."""
    require(hasattr(resource, "prlimit"), "lowering a running server's limits needs Linux")
    (tmp_path / "file").write_bytes(b"there")
    with ExitStack() as stack:
        server = stack.enter_context(running(name, tmp_path, environment={"TWINS_TOKEN": "t"}))
        wait_until_all_serve(server)
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        assert on(connection, request_bytes("GET", "/health")).status == 200
        wait_for_connections(server, 1)
        limit_descriptors(server, none_left=True)
        for what, data in NEED_DESCRIPTORS.items():
            with tally.case("no descriptor left (EMFILE)", name):
                answer = on(connection, data)
                assert (what, answer.status, answer.header("content-type")) == (what, 503, PROBLEM)
        limit_descriptors(server, none_left=False)
        for what, data in NEED_DESCRIPTORS.items():
            assert on(connection, data).status < 300, what


@pytest.mark.parametrize("name", TRIED)
def test_connections_when_no_descriptor_is_left(name: str, tmp_path: Path) -> None:
    require(hasattr(resource, "prlimit"), "lowering a running server's limits needs Linux")
    (tmp_path / "file").write_bytes(b"there")
    with running(name, tmp_path) as server:
        wait_until_all_serve(server)
        wait_for_connections(server, 0)
        limit_descriptors(server, none_left=True)
        waiting = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(5)]
        for connection in waiting:
            connection.sendall(request_bytes("GET", "/files/file"))
        time.sleep(1)
        for connection in waiting:
            connection.close()
        limit_descriptors(server, none_left=False)
        deadline = time.monotonic() + 30
        while not serves(server):
            assert time.monotonic() < deadline, server.log.read_text()[-2000:]
            time.sleep(0.1)
        assert server.process.poll() is None
        tally.record("connections with no descriptor left", name, 5, 5)


def serves(server: Running) -> bool:
    try:
        return ask(server.port, "GET", "/files/file").body == b"there"
    except OSError:
        return False


@pytest.mark.parametrize("name", TRIED)
def test_a_file_that_cannot_be_read(name: str) -> None:
    """The kernel answers EIO to a read of a process' memory where there is none."""
    require(Path("/proc/self/mem").exists(), "a file whose read fails is had from /proc")
    with running(name, Path("/proc/self")) as server:
        answer = ask(server.port, "GET", "/files/mem")
        assert (answer.status, answer.header("content-type")) == (503, PROBLEM)
        assert ask(server.port, "GET", "/health").status == 200
        tally.record("a file whose read fails (EIO)", name, 1, 1)
