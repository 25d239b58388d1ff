"""Many clients at the same time, none of which waits for another."""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from loadtests.subjects.atlas.talk import HOST


@dataclass
class Crowd:
    """`waiting` are those that are not connected yet, by file descriptor; the others have sent `data`."""

    data: bytes
    clients: list[socket.socket] = field(default_factory=list)
    waiting: dict[int, socket.socket] = field(default_factory=dict)
    poll: select.poll = field(default_factory=select.poll)

    @property
    def connected(self) -> int:
        return len(self.clients) - len(self.waiting)

    def add(self, port: int) -> None:
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((HOST, port))
        self.clients.append(client)
        self.waiting[client.fileno()] = client
        self.poll.register(client, select.POLLOUT)

    def go_on(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Let connections come about for so long, or until it is enough."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not enough():
            if not self.waiting:
                time.sleep(min(left, 0.02))
            for handle, _ in self.poll.poll(min(left, 0.02) * 1000) if self.waiting else ():
                self.poll.unregister(handle)
                with contextlib.suppress(OSError):
                    self.waiting.pop(handle).send(self.data)


@contextlib.contextmanager
def crowd(port: int, count: int, data: bytes = b"", pace_s: float = 0.0) -> Iterator[Crowd]:
    """So many clients that begin to connect; each sends `data` once it is connected.

    With a pace each is given so long before the next one comes: no queue overflows that is being emptied.
    """
    together = Crowd(data)
    try:
        for _ in range(count):
            together.add(port)
            if pace_s:
                together.go_on(pace_s, lambda: not together.waiting)
        yield together
    finally:
        for client in together.clients:
            client.close()
