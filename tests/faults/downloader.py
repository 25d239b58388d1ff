"""Downloads that check every byte: cut ones are resumed with Range and If-Range, and each end has a name.

The content of a file is known by its entity tag, which both faces make from the SHA-256: a body that is not
the one that its tag names, or a tag that no file ever had, is a wrong byte or a mixed file.
"""

import hashlib
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_S = 60.0
BLOCK_BYTES = 1 << 18
SIZES = (1, 1_000, 20_000, 65_536, 300_000)
LARGE = 4 * 1024 * 1024


class Shelf:
    """Files that are replaced by rename while they are served; `tags` are of all contents that ever were."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.folder = folder
        self.chance = random.Random(seed)  # noqa: S311 - contents, no secret
        self.names = [f"file-{number}.bin" for number in range(12)]
        self.tags: dict[str, set[str]] = {name: set() for name in self.names}
        for name in self.names:
            self.replace(name)

    def replace(self, name: str) -> None:
        large = name == self.names[-1]
        body = self.chance.randbytes(LARGE if large else self.chance.choice(SIZES))
        self.tags[name].add(tag_of(body))
        new = self.folder.with_name(f"{self.folder.name}.next")
        new.write_bytes(body)
        os.replace(new, self.folder / name)

    @contextmanager
    def changing(self, interval_s: float = 1.0) -> Iterator[None]:
        """Replace files one after the other, the large one every other time, until the block ends."""
        ended = threading.Event()

        def change() -> None:
            while not ended.wait(interval_s / 2):
                self.replace(self.chance.choice(self.names[:-1]))
                self.replace(self.names[-1])

        thread = threading.Thread(target=change)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def tag_of(body: bytes | bytearray) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


@dataclass
class Copy:
    """What has arrived of a file, and the tag of the content that it belongs to."""

    body: bytearray = field(default_factory=bytearray)
    tag: str = ""


class Broken(Exception):
    """A connection that ended as a client must expect it; the argument names the way."""


class Client:
    """Downloads on one connection at a time; `ends` counts what befell its requests."""

    def __init__(self, port: int, shelf: Shelf, *, keep: bool = True) -> None:
        self.port, self.shelf, self.keep = port, shelf, keep
        self.ends: Counter[str] = Counter()
        self.connection: socket.socket | None = None
        self.used = False

    def download(self, name: str) -> None:
        """One file, whole and right; AssertionError for a wrong byte, a 5xx, or no end within PATIENCE_S."""
        copy = Copy()
        deadline = time.monotonic() + PATIENCE_S
        pause_s = 0.01
        while True:
            try:
                self.attempt(name, copy)
                break
            except Broken as broken:
                self.close()
                self.ends[str(broken)] += 1
                assert time.monotonic() < deadline, f"{name} was not had within {PATIENCE_S} s: {self.ends}"
            time.sleep(pause_s)
            pause_s = min(0.2, pause_s * 2)
        assert tag_of(copy.body) == copy.tag, f"{name} has other bytes than its tag {copy.tag} says"
        assert copy.tag in self.shelf.tags[name], f"{name} never had the content of {copy.tag}"
        self.ends["whole"] += 1

    def attempt(self, name: str, copy: Copy) -> None:
        """Ask for what is missing of a copy and append it."""
        connection, fields = self.connected(), ""
        if copy.body:
            fields = f"Range: bytes={len(copy.body)}-\r\nIf-Range: {copy.tag}\r\n"
        if not self.keep:
            fields += "Connection: close\r\n"
        request = f"GET /files/{name} HTTP/1.1\r\nHost: test\r\n{fields}\r\n".encode()
        status, headers, rest = self.read_head(connection, request)
        assert status in (200, 206), f"{name}: {status} {headers} {rest!r}"
        if status == 200:
            copy.body.clear()
            copy.tag = headers["etag"]
        else:
            assert headers["etag"] == copy.tag
            assert headers["content-range"].startswith(f"bytes {len(copy.body)}-")
            self.ends["resumed"] += 1
        whole = len(copy.body) + int(headers["content-length"])
        copy.body += rest
        while len(copy.body) < whole:
            block = receive(connection)
            if not block:
                raise Broken("cut in the body")
            copy.body += block
        self.used = True
        if headers.get("connection", "").lower() == "close":
            self.close()

    def read_head(self, connection: socket.socket, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and what came of the body; Broken where the connection ended before."""
        with suppress(OSError):  # what the server said before it closed, if anything, is still to be read
            connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            block = receive(connection)
            if not block and received:
                raise Broken("cut in the head")
            if not block:
                raise Broken("stale connection" if self.used else "reset before a byte")
            received += block
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split(" ")[1]), headers, rest

    def connected(self) -> socket.socket:
        if self.connection is None:
            try:
                self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
            except OSError:
                raise Broken("refused") from None
            self.used = False
        return self.connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def receive(connection: socket.socket) -> bytes:
    """The next bytes; none where the connection ended, politely or not."""
    try:
        return connection.recv(BLOCK_BYTES)
    except TimeoutError:
        raise AssertionError(f"nothing came for {PATIENCE_S} s") from None
    except OSError:
        return b""


class Load:
    """Clients that download in threads, with a pause after each; `ends` sums what befell them, `wrong` says
    what must never be."""

    def __init__(
        self, port: int, shelf: Shelf, *, clients: int = 6, keep: bool = True, pause_s: float = 0.0
    ) -> None:
        self.pause_s = pause_s
        self.clients = [Client(port, shelf, keep=keep) for _ in range(clients)]
        self.shelf = shelf
        self.wrong: list[str] = []
        self.left = 0
        self.ended = threading.Event()
        self.lock = threading.Lock()

    @property
    def ends(self) -> Counter[str]:
        return sum((client.ends for client in self.clients), Counter())

    def run(self, total: int) -> None:
        """`total` downloads, or what was done of them when `ended` was set."""
        self.left = total
        threads = [threading.Thread(target=self._work, args=(each,)) for each in enumerate(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Download until the block ends."""
        thread = threading.Thread(target=self.run, args=(sys.maxsize,))
        thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            thread.join()

    def _work(self, numbered: tuple[int, Client]) -> None:
        number, client = numbered
        chance = random.Random(number)  # noqa: S311 - which file next, no secret
        try:
            while not self.ended.is_set() and not self.wrong and self._take():
                client.download(chance.choice(self.shelf.names))
                time.sleep(self.pause_s)
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}"[:500])
        finally:
            client.close()

    def _take(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left >= 0
