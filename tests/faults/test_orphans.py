"""Process pools end with their server process, however that ends."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.contract.test_processing import JSON
from tests.servers import Running, running, stop
from tests.wire import ask, request_bytes

GONE_S = 20.0


def keep_busy(server: Running) -> socket.socket:
    """A request whose work goes on in a pool process for some seconds."""
    steps = [{"operation": "compress", "path": "big.txt", "level": 9, "where": "processes"}] * 8
    body = json.dumps({"operation": "pipeline", "steps": steps}).encode()
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(request_bytes("POST", "/process", [JSON], body))
    return connection


def pool_processes(server: Running) -> list[psutil.Process]:
    """Spawned processes below the server processes; uvicorn's own server processes are spawned too."""
    master = psutil.Process(server.process.pid)
    family = [child for child in master.children(recursive=True) if "spawn_main" in " ".join(child.cmdline())]
    return [child for child in family if child.ppid() in {parent.pid for parent in family}] or [
        child for child in family if not server.name.endswith("uvicorn-forked")
    ]


def server_process_of(server: Running) -> int:
    health = json.loads(ask(server.port, "GET", "/health").body)
    pid: int = health["pid"]
    return pid


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + GONE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.parametrize(
    "name", ["wsgi-sync", "wsgi-gthread", "wsgi-gevent", "wsgi-forked", "asgi-uvicorn", "asgi-uvicorn-forked"]
)
def test_no_orphan_and_a_free_port(name: str, tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(os.urandom(1 << 20) * 100)
    with running(name, tmp_path) as server:
        victim = server_process_of(server)
        with keep_busy(server):
            wait_for(lambda: pool_processes(server), "no pool process was started")
            pools = pool_processes(server)
            parents = {pool.ppid() for pool in pools}
            for parent in parents:
                os.kill(parent, signal.SIGKILL)
            assert victim in parents or name.endswith("forked")
            wait_for(
                lambda: not any(pool.is_running() for pool in pools), "a pool process outlived its server"
            )
        stop(server)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", server.port))


def test_server_processes_end_with_their_master(library: Path) -> None:
    for name in ("wsgi-gthread-forked", "asgi-uvicorn-forked"):
        with running(name, library) as server:
            family = psutil.Process(server.process.pid).children(recursive=True)
            server.process.kill()
            wait_for(lambda: not any(child.is_running() for child in family), "a server process outlived")  # noqa: B023


@pytest.mark.parametrize("name", ["wsgi-gthread", "wsgi-gevent", "asgi-uvicorn"])
def test_a_killed_pool_process_costs_one_answer(name: str, tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(os.urandom(1 << 20) * 100)
    with running(name, tmp_path) as server, keep_busy(server) as connection:
        wait_for(lambda: pool_processes(server), "no pool process was started")
        for pool in pool_processes(server):
            pool.kill()
        assert connection.recv(1024).startswith(b"HTTP/1.1 503")
        document = {"operation": "digest", "path": "big.txt", "where": "processes"}
        assert ask(server.port, "POST", "/process", [JSON], json.dumps(document).encode()).status == 200
