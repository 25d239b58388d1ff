"""What a server refuses, and how it ends a connection: the answer is read, alone and behind the proxy."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from loadtests.subjects.twins.servers import SERVERS
from shared.settings import BACKLOG
from tests.conftest import require
from tests.contract.conftest import TWINS
from tests.faults.proxied import behind_proxy
from tests.servers import Running
from tests.wire import ask, exchange, read_answer, request_bytes

DIFFERENT = (
    "wsgi-sync",
    "wsgi-gthread",
    "wsgi-gevent",
    "asgi-uvicorn",
    "asgi-uvicorn-asyncio",
    "asgi-gunicorn",
    "granian-wsgi",
    "granian-asgi",
)
NAMES = TWINS if os.environ.get("TWINS_TORTURE") else DIFFERENT
BODY_BYTES = 4 * 1024 * 1024  # more than the kernel holds of it for a server that does not read
BLOCK = b"x" * 65536
TIMEOUT_S = 2.0
SOON_S = (
    1.5  # less than what a server that waits for somebody to leave takes, and a hundred times what is typical
)
TOKEN = ("Authorization", "Bearer t")


@pytest.fixture(scope="module", params=NAMES)
def doors(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Running]]:
    """One server, and its proxy."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "a.bin").write_bytes(bytes(range(256)) * 40)
    environment = {"TWINS_TOKEN": "t", "TWINS_CLIENT_TIMEOUT_S": str(TIMEOUT_S)}
    with behind_proxy(request.param, folder, TIMEOUT_S, environment) as (server, proxy):
        yield {"alone": server, "proxy": proxy}


JSON = ("Content-Type", "application/json")
REFUSALS = {
    "no token": ("PUT", "/files/new.bin", [], 401),
    "a digest that is none": ("PUT", "/files/new.bin", [TOKEN, ("Content-Digest", "sha-256=:AA:")], 400),
    "an unknown address": ("POST", "/none", [], 404),
    "a method that is not allowed": ("POST", "/health", [], 405),
    "another version": ("PUT", "/files/a.bin", [TOKEN, ("If-Match", '"x"')], 412),
    "a body that is too large": ("POST", "/process", [JSON], 413),
    "a coding": ("POST", "/process", [JSON, ("Content-Encoding", "gzip")], 415),
}


FORMS = [("length", "close"), ("chunked", "keep-alive"), ("length", "keep-alive"), ("chunked", "close")]
FORMS = FORMS if os.environ.get("TWINS_TORTURE") else FORMS[:2]


@pytest.mark.parametrize("door", ["alone", "proxy"])
@pytest.mark.parametrize(("framing", "connection"), FORMS)
@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_upload_is_sent_whole_and_its_answer_read(
    doors: dict[str, Running], case: str, framing: str, door: str, connection: str
) -> None:
    """By clients that read only when they have sent all, and take a broken pipe for the end, as node's do."""
    method, target, headers, status = REFUSALS[case]
    if framing == "chunked" and doors["alone"].name == "granian-wsgi" and method == "PUT" and status != 401:
        status = 411 if door == "alone" else status  # nginx sends it on with a length
    length = ("Content-Length", str(BODY_BYTES)) if framing == "length" else ("Transfer-Encoding", "chunked")
    with socket.create_connection(("127.0.0.1", doors[door].port), timeout=20) as client:
        client.sendall(request_bytes(method, target, [*headers, length, ("Connection", connection)]))
        block = BLOCK if framing == "length" else b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK)
        for _ in range(BODY_BYTES // len(BLOCK)):
            client.sendall(block)
        if framing == "chunked":
            client.sendall(b"0\r\n\r\n")
        answer = read_answer(client, method)
    assert answer.status == status, answer.body
    assert answer.header("content-type") == "application/problem+json"


def test_who_is_not_told_that_the_connection_ends_may_use_it(doors: dict[str, Running]) -> None:
    """After a refusal, too: a proxy would lose the next request with it."""
    length = ("Content-Length", str(BODY_BYTES))
    with socket.create_connection(("127.0.0.1", doors["alone"].port), timeout=20) as client:
        client.sendall(request_bytes("POST", "/none", [length]))
        for _ in range(BODY_BYTES // len(BLOCK)):
            client.sendall(BLOCK)
        refused = read_answer(client, "POST")
        assert refused.status == 404
        if refused.header("connection") != "close":
            client.sendall(request_bytes("GET", "/health"))
            assert read_answer(client, "GET").status == 200


GET = "GET /files/a.bin HTTP/1.1\r\nHost: test\r\n"
REQUESTS = {
    "HTTP/1.0": "GET /files/a.bin HTTP/1.0\r\nHost: test\r\n\r\n",
    "HTTP/1.0 without Host": "GET /files/a.bin HTTP/1.0\r\n\r\n",
    "HTTP/1.0 without Host, listing": "GET /files HTTP/1.0\r\n\r\n",
    "HTTP/1.0 with a body and without Host": (
        "POST /process HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n"
        '{"operation":"wait","duration_ms":0}'
    ),
    "two lines of Accept": GET + "Accept: text/plain\r\nAccept: */*\r\n\r\n",
    "two lines of Cookie": GET + "Cookie: a=b\r\nCookie: c=d\r\n\r\n",
    "two lines of Range": GET + "Range: bytes=0-1\r\nRange: bytes=4-5\r\n\r\n",
    "two lines of Accept-Encoding": GET + "Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n\r\n",
    "two lines of Via": GET + "Via: 1.1 a\r\nVia: 1.1 b\r\n\r\n",
    "Script_Name": GET + "Script_Name: /files\r\n\r\n",
    "Script-Name": GET + "Script-Name: /files\r\n\r\n",
    "Path_Info": GET + "Path_Info: /health\r\n\r\n",
    "Remote_User": GET + "Remote_User: root\r\n\r\n",
    "two schemes": GET + "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n",
    "three schemes": GET
    + "X-Forwarded-Protocol: ssl\r\nX-Forwarded-Proto: http\r\nForwarded: proto=https\r\n\r\n",
    "another host": GET + "X-Forwarded-Host: elsewhere\r\nX-Forwarded-Prefix: /x\r\n\r\n",
    "an upgrade": GET
    + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    "trailers asked for": GET + "Connection: TE\r\nTE: trailers\r\n\r\n",
}


@pytest.mark.parametrize("case", REQUESTS)
def test_the_proxy_changes_no_answer(doors: dict[str, Running], case: str) -> None:
    data = REQUESTS[case].encode()
    alone, through = (exchange(door.port, data) for door in doors.values())
    assert alone.status == 200 or "Range" in case, alone.body
    if "process" in REQUESTS[case] or "listing" in case:
        assert through.status == alone.status
    else:
        assert through.comparable() == alone.comparable()


def test_the_proxy_ends_idle_connections_before_the_server_does(doors: dict[str, Running]) -> None:
    """Else a request is lost on a connection that ends while it is sent: 502."""
    server, proxy = doors.values()
    assert ask(proxy.port, "GET", "/health").status == 200
    deadline = time.monotonic() + 15  # half of what the server keeps them for
    while connections_to(server.port, proxy):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def connections_to(port: int, proxy: Running) -> list[object]:
    family = psutil.Process(proxy.process.pid)
    return [
        connection
        for process in (family, *family.children(recursive=True))
        for connection in process.net_connections("tcp4")
        if connection.raddr and connection.raddr.port == port and connection.status == "ESTABLISHED"
    ]


@pytest.mark.parametrize("ending", ["asked to close", "cannot be parsed", "refused"])
def test_who_does_not_leave_holds_nobody_up(doors: dict[str, Running], ending: str) -> None:
    server = doors["alone"]
    data = {
        "asked to close": request_bytes("GET", "/health", [("Connection", "close")]),
        "cannot be parsed": b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
        "refused": request_bytes("PUT", "/files/x", [("Content-Length", "9"), ("Connection", "close")]),
    }[ending]
    with ExitStack() as stack:
        for _ in range(3):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            client.sendall(data)
            assert client.recv(65536).startswith(b"HTTP/1.1")
        start = time.monotonic()
        for _ in range(5):
            assert ask(server.port, "GET", "/health").status == 200
        assert time.monotonic() - start < SOON_S


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="a kernel that tells of retransmissions")
def test_clients_that_come_while_the_server_is_busy_are_connected(doors: dict[str, Running]) -> None:
    """300 at once, without a SYN sent again: the queue is as long as it is configured."""
    server = doors["alone"]
    processes = [
        psutil.Process(server.process.pid),
        *psutil.Process(server.process.pid).children(recursive=True),
    ]
    with ExitStack() as stack:
        for process in processes:
            process.send_signal(signal.SIGSTOP)
            stack.callback(process.send_signal, signal.SIGCONT)
        clients = [stack.enter_context(socket.socket()) for _ in range(300)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", server.port))
        time.sleep(0.2)
        info = [client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104) for client in clients]
        assert [state[0] for state in info] == [1] * 300  # established
        assert not any(int.from_bytes(state[100:104], "little") for state in info)  # retransmitted
    deadline = time.monotonic() + 20
    while exchange(server.port, request_bytes("GET", "/health")).status != 200:
        assert time.monotonic() < deadline


def test_the_queue_of_the_listener_is_as_long_as_configured(doors: dict[str, Running]) -> None:
    ss = shutil.which("ss")
    require(ss, "ss is not installed")
    longest = min(BACKLOG, int(Path("/proc/sys/net/core/somaxconn").read_text()))
    for door in doors.values():
        lines = subprocess.run(  # noqa: S603 - our own port
            [ss or "", "-ltnH", f"sport = :{door.port}"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert lines
        for line in lines:
            assert int(re.split(r"\s+", line)[2]) == longest, line
    assert SERVERS[doors["alone"].name].is_twin
