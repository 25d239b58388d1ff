"""Hostile bytes and slow clients: a 4xx or the end of the connection, and everybody else is served."""

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from loadtests.subjects.twins.servers import SERVERS
from tests.contract.conftest import TWINS
from tests.documents import DOCUMENTS
from tests.faults.limits import UNRESOLVED
from tests.faults.messages import CASES, EXCEPTIONS, outcomes
from tests.faults.talking import drip_until_given_up, talk
from tests.servers import Running, running
from tests.wire import ask, exchange, read_answer, request_bytes

READERS = [
    "wsgi-sync",
    "wsgi-gthread",
    "wsgi-gevent",
    "asgi-uvicorn",
    "asgi-uvicorn-asyncio",
    "asgi-gunicorn",
]
NAMES = TWINS if os.environ.get("TWINS_TORTURE") else [name for name in TWINS if name in READERS]
GIVING_UP = [
    name for name in NAMES if SERVERS[name].server != "granian"
]  # which knows a timeout for heads only
TIMED = GIVING_UP  # which have a deadline for a head, however slowly it comes
TIMEOUT_S = 0.6
SOON_S = 12.0
BIG = 64 * 1024 * 1024


@pytest.mark.parametrize("name", NAMES)
def test_every_message(name: str, serve: Callable[[str], Running]) -> None:
    """One table, every server: what is refused, what is served, never two responses to one request.

    Nothing of it is an error of the server's, and fills its log with tracebacks.
    """
    server, row = serve(name), SERVERS[name]
    before = tracebacks(server)

    def judge(case: str) -> str | None:
        wanted = outcomes(case, row.server, row.worker_class, row.parser)
        found = talk(server.port, CASES[case].data, wanted)
        return None if found in wanted else f"{case}: {found}, not one of {wanted}"

    with ThreadPoolExecutor(8) as pool:
        wrong = [line for line in pool.map(judge, CASES) if line]
    assert not wrong, "\n".join(wrong)
    assert ask(server.port, "GET", "/health").status == 200
    assert tracebacks(server) == before


def tracebacks(server: Running) -> int:
    return server.log.read_text(errors="replace").count("Traceback")


@pytest.mark.parametrize("fields", [[], [("Transfer-Encoding", "chunked")]], ids=["no body", "a body"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_a_request_never_gets_into_an_answer_under_way(
    name: str, fields: list[tuple[str, str]], serve: Callable[[str], Running]
) -> None:
    """Neither behind a request nor in the place of its body."""
    request = request_bytes("GET", "/stream?format=chunks&count=3&interval_ms=200&size=9", fields)
    with socket.create_connection(("127.0.0.1", serve(name).port), timeout=SOON_S) as connection:
        connection.sendall(request)
        received = connection.recv(65536)
        connection.sendall(b"this is no request\r\n\r\n")
        while block := connection.recv(65536):
            received += block
    first, _, rest = received.partition(b"\r\n0\r\n\r\n")
    assert first.count(b"HTTP/1.1") == 1, received
    assert not rest or re.match(rb"HTTP/1\.[01] 400", rest), received


@pytest.fixture(scope="module", params=GIVING_UP)
def hasty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Each server with a short patience for its clients."""
    folder = tmp_path_factory.mktemp("hasty")
    with open(folder / "big.bin", "wb") as file:
        file.truncate(BIG)
    with running(request.param, folder, environment={"TWINS_CLIENT_TIMEOUT_S": str(TIMEOUT_S)}) as server:
        ask(server.port, "HEAD", "/files/big.bin")
        yield server


HALVES = {
    "half a head": b"GET /health HTTP/1.1\r\nHost: a\r\nX: ",
    "half a body": request_bytes("POST", "/process", [("Content-Length", "100")]) + b"{",
    "half a chunk": request_bytes("POST", "/process", [("Transfer-Encoding", "chunked")]) + b"9\r\n{",
}


@pytest.mark.parametrize("half", HALVES)
def test_a_silent_client_is_given_up(hasty: Running, half: str) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=SOON_S) as connection:
        connection.sendall(HALVES[half])
        answer = connection.recv(65536)
        assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
        while answer and connection.recv(65536):
            pass
    assert tracebacks(hasty) == 0


def test_a_client_that_reads_nothing_is_given_up(hasty: Running) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(SOON_S)
        connection.connect(("127.0.0.1", hasty.port))
        connection.sendall(request_bytes("GET", "/files/big.bin"))
        time.sleep(3 * TIMEOUT_S)
        total = 0
        try:
            while block := connection.recv(1 << 20):
                total += len(block)
        except ConnectionResetError:
            pass
        assert total < BIG
    assert tracebacks(hasty) == 0


def test_the_connection_of_a_client_that_waits_its_turn_is_kept(hasty: Running) -> None:
    """Waiting for an answer, and waiting between requests, is not silence."""
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=SOON_S) as connection:
        connection.sendall(
            request_bytes(
                "POST", "/process", [("Content-Type", "application/json")], WAIT % int(2 * TIMEOUT_S * 1000)
            )
        )
        assert read_answer(connection, "POST").status == 200
        if SERVERS[hasty.name].worker_class == "sync":
            return  # it keeps no connection
        time.sleep(2 * TIMEOUT_S)
        connection.sendall(request_bytes("GET", "/health"))
        assert read_answer(connection, "GET").status == 200


WAIT = b'{"operation":"wait","duration_ms":%d}'


def test_half_sent_requests_do_not_hold_the_server_for_good(hasty: Running) -> None:
    """More of them than gthread has threads: all others wait no longer than the silence that is borne."""
    slots = SERVERS[hasty.name].threads
    with ExitStack() as stack:
        for _ in range(slots + 2):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", hasty.port)))
            connection.sendall(HALVES["half a head"])
        start = time.monotonic()
        limit_s = 60 if SERVERS[hasty.name].interface == "wsgi" else SOON_S
        assert exchange(hasty.port, request_bytes("GET", "/health"), timeout_s=limit_s).status == 200
        if hasty.name in TIMED:
            assert time.monotonic() - start < SOON_S


def test_a_head_that_drips_is_given_up(hasty: Running) -> None:
    drip_until_given_up(hasty.port, SOON_S)


def test_every_exception_names_a_case() -> None:
    assert {case for case, _ in EXCEPTIONS} <= set(CASES)


def test_the_limits_say_what_is_unresolved() -> None:
    for server, lines in UNRESOLVED.items():
        assert len(lines) <= {"gunicorn": 1, "uvicorn": 1, "granian": 2}[server]
        for line in lines:
            assert f"  - {server}: {line}.\n" in DOCUMENTS["docs/limits.md"]
