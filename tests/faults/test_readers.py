"""Who takes anything is never cut, however slowly; who takes nothing is given up."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests.conftest import require
from tests.contract.conftest import TWINS
from tests.faults.proxied import behind_proxy
from tests.servers import Running, running
from tests.wire import ask, read_answer, request_bytes
from wsgi_app.streams import wait

TORTURE = bool(os.environ.get("TWINS_TORTURE"))
DIFFERENT = (
    "wsgi-sync",
    "wsgi-gthread",
    "wsgi-gevent",
    "asgi-uvicorn",
    "asgi-uvicorn-asyncio",
    "asgi-gunicorn",
)
NAMES = TWINS if TORTURE else DIFFERENT
# granian has no timeout for what is not taken, and none that could be set
GIVING_UP = [name for name in NAMES if SERVERS[name].server != "granian"]
TIMEOUT_S = 2.0  # more than a system takes to tell of what such a reader took
STEADY_S = 8.0 if TORTURE else 6.0  # longer than the worker's patience
SOON_S = 20.0
BIG_BYTES = 64 * 1024 * 1024
SMALL_BYTES = 2 * 1024 * 1024  # less than the kernel takes of a response
RATES = {  # of a reader: its receive buffer, where it is not the system's own, and bytes a second
    "10 KiB/s": (8 * 1024, 10 * 1024),
    "25 KiB/s": (16 * 1024, 25 * 1024),
    "100 KiB/s": (None, 100 * 1024),
    "30 KiB/s out of a buffer of megabytes": (4 * 1024 * 1024, 30 * 1024),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    for name, size in (("big.bin", BIG_BYTES), ("small.bin", SMALL_BYTES)):
        with open(folder / name, "wb") as file:
            file.truncate(size)
    return folder


@pytest.fixture(scope="module", params=NAMES)
def hasty(request: pytest.FixtureRequest, files: Path) -> Iterator[Running]:
    """A server with a short patience for its clients, and, where it has one, with its worker."""
    environment = {"TWINS_CLIENT_TIMEOUT_S": str(TIMEOUT_S), "GUNICORN_CMD_ARGS": "--timeout 4"}
    with running(request.param, files, environment=environment) as server:
        for name in ("big.bin", "small.bin"):
            ask(server.port, "HEAD", f"/files/{name}")
        yield server


def connect(port: int, receive_bytes: int | None) -> socket.socket:
    client = socket.socket()
    if receive_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(SOON_S)
    client.connect(("127.0.0.1", port))
    return client


def read_steadily(port: int, receive_bytes: int | None, bytes_s: int, for_s: float) -> int:
    """Bytes read; OSError where the connection is cut."""
    total = 0
    with connect(port, receive_bytes) as client:
        client.sendall(request_bytes("GET", "/files/big.bin"))
        end = time.monotonic() + for_s
        while time.monotonic() < end:
            block = client.recv(bytes_s // 4)
            assert block, f"ended after {total} bytes"
            total += len(block)
            time.sleep(len(block) / bytes_s)
    return total


def test_a_steady_reader_is_never_cut(hasty: Running) -> None:
    """Not either where gunicorn's master ends a worker that gives no sign of life."""
    if SERVERS[hasty.name].worker_class == "sync" and SERVERS[hasty.name].processes == 1:
        rates = list(RATES.values()) if TORTURE else [RATES["25 KiB/s"]]
        for receive_bytes, bytes_s in rates:
            assert read_steadily(hasty.port, receive_bytes, bytes_s, STEADY_S) > 0
        return
    with ThreadPoolExecutor(len(RATES)) as pool:
        readings = [pool.submit(read_steadily, hasty.port, *rate, STEADY_S) for rate in RATES.values()]
        assert all(reading.result() > 0 for reading in readings)


def test_a_steady_sender_and_a_long_stream_are_never_cut(hasty: Running) -> None:
    body = b'{"operation":"wait","duration_ms":0}'
    with connect(hasty.port, None) as client:
        fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        client.sendall(request_bytes("POST", "/process", fields))
        for byte in body:
            client.sendall(bytes((byte,)))
            time.sleep(2 * TIMEOUT_S / len(body))
        assert read_answer(client, "POST").status == 200
    answer = ask(hasty.port, "GET", "/stream?count=6&interval_ms=1000&format=chunks")
    assert answer.status == 200


IDLE = {
    "a little, and then nothing": ("big.bin", 4096, 100_000),
    "nothing, with a small buffer": ("big.bin", 4096, 0),
    "nothing, with the system's buffer": ("big.bin", None, 0),
    "nothing of what the kernel holds": ("small.bin", 4096, 0),
}


@pytest.mark.parametrize("ending", ["keep-alive", "close"] if TORTURE else ["close"])
def test_who_takes_nothing_is_given_up(hasty: Running, ending: str) -> None:
    if hasty.name not in GIVING_UP:
        pytest.skip("granian has no timeout for it")
    with ExitStack() as stack:
        clients = {}
        sequential = SERVERS[hasty.name].worker_class == "sync"
        for case, (name, receive_bytes, first_bytes) in IDLE.items():
            client = stack.enter_context(connect(hasty.port, receive_bytes))
            client.sendall(request_bytes("GET", f"/files/{name}", [("Connection", ending)]))
            taken = 0
            while taken < first_bytes:
                taken += len(client.recv(65536))
            clients[case] = (client, BIG_BYTES if name == "big.bin" else SMALL_BYTES, taken)
        time.sleep((2.5 + 1.5 * (len(IDLE) - 1) * sequential) * TIMEOUT_S)
        for case, (client, size, taken) in clients.items():
            total = taken
            try:
                while block := client.recv(1 << 20):
                    total += len(block)
            except ConnectionResetError:
                pass
            assert total < size, case
    assert ask(hasty.port, "GET", "/health").status == 200
    assert "Traceback" not in hasty.log.read_text()


@pytest.mark.skipif(not TORTURE, reason="it stores and reads gigabytes")
@pytest.mark.parametrize("name", ["wsgi-sync", "wsgi-gthread", "asgi-uvicorn"])
def test_a_download_beyond_what_the_proxy_stores(name: str, tmp_path: Path) -> None:
    """By a client that is slower than the server for much longer than either bears silence."""
    size = 1300 * 1024 * 1024
    with open(tmp_path / "huge.bin", "wb") as file:
        file.truncate(size)
    environment = {"TWINS_CLIENT_TIMEOUT_S": str(TIMEOUT_S)}
    with behind_proxy(name, tmp_path, TIMEOUT_S, environment) as (server, proxy):
        ask(server.port, "HEAD", "/files/huge.bin")
        with connect(proxy.port, None) as client:
            client.sendall(request_bytes("GET", "/files/huge.bin"))
            total, start = 0, time.monotonic()
            while total < size and (block := client.recv(1 << 20)):
                total += len(block)
                time.sleep(max(0.0, total / 60e6 - (time.monotonic() - start)))
        assert total >= size


@pytest.mark.skipif(not TORTURE, reason="the system's own buffers are tried above")
def test_with_send_buffers_of_33_mb() -> None:
    """All of the above in a network of its own, whose buffers are as large as some systems make them."""
    unshare = shutil.which("unshare")
    require(unshare and os.geteuid() == 0, "only root makes a network of its own")
    inside = (
        "ip link set lo up && echo 4096 16384 33554432 > /proc/sys/net/ipv4/tcp_wmem"
        f" && exec {sys.executable} -m pytest -q -n 0 -p no:cacheprovider {__file__}"
        " -k 'steady or nothing_is_given_up'"
    )
    tried = subprocess.run(  # noqa: S603 - our own tests
        [unshare or "", "--net", "sh", "-c", inside],
        env={key: value for key, value in os.environ.items() if key != "TWINS_TORTURE"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert tried.returncode == 0, tried.stdout[-3000:]


def test_a_stream_waits_for_a_client_of_any_descriptor() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(2048, hard)), hard))
    require(hard == resource.RLIM_INFINITY or hard >= 1200, "no descriptor above 1,023 is to be had")
    ours, theirs = socket.socketpair()
    try:
        with theirs, socket.socket(fileno=os.dup2(ours.fileno(), 1100)) as client:
            assert wait(0.01, client)
            threading.Timer(0.05, theirs.sendall, (b"x",)).start()
            assert wait(0.2, client)
            theirs.close()
            client.recv(1)
            assert not wait(5.0, client)
    finally:
        ours.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
