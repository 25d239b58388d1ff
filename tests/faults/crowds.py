"""Crowds of hostile clients, while other clients are timed."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.faults.proxied import memory_mib
from tests.servers import Running
from tests.tally import TORTURE
from tests.wire import exchange, request_bytes

HEADS_BYTES = 20 * 1024 * 1024
HEALTH = request_bytes("GET", "/health")
ASKED = 20 if TORTURE else 8
HALF = b"POST /process HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"


@dataclass(frozen=True)
class Endured:
    """The longest wait of another client (seconds) and the largest memory (MiB) while a crowd was there."""

    longest_s: float
    memory_mib: float


def endure(
    door: Running, crowd: Callable[[int, threading.Event], None], clients: int, *servers: Running
) -> Endured:
    """Let `clients` threads run `crowd(port, over)`, and meanwhile ask again and again for `/health`."""
    over = threading.Event()
    threads = [threading.Thread(target=crowd, args=(door.port, over), daemon=True) for _ in range(clients)]
    longest_s = memory = 0.0
    with ended(over, threads):
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        for _ in range(ASKED):
            start = time.monotonic()
            assert exchange(door.port, HEALTH).status == 200
            longest_s = max(longest_s, time.monotonic() - start)
            memory = max(memory, memory_mib(*servers))
            time.sleep(0.05)
    return Endured(longest_s, memory)


@contextmanager
def ended(over: threading.Event, threads: list[threading.Thread]) -> Iterator[None]:
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            if thread.is_alive():
                thread.join(30)


def slow(port: int, over: threading.Event) -> None:
    """A client that sends a head, then a body, byte by byte, for as long as it is let."""
    while not over.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            for byte in HALF:
                connection.sendall(bytes((byte,)))
                if over.wait(0.05):
                    return


def heavy(port: int, over: threading.Event) -> None:
    """A client that sends 20 MiB of headers, again and again."""
    line = b"X-Long: " + b"a" * 4000 + b"\r\n"
    while not over.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n")
            for _ in range(HEADS_BYTES // len(line)):
                connection.sendall(line)
                if over.is_set():
                    return
        over.wait(0.05)
