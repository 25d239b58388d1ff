"""gunicorn's connections: clients that do nothing are given up, and none is waited for by who serves others.

gunicorn has no timeout for its clients, and waits up to two seconds for each to end its connection: in the
one process of the sync worker, or in the one thread that all connections of gthread depend on. Here a thread
of each process (under gevent a greenlet) looks at every connection on which a request is under way, and keeps
those that are over until their clients took the last response, reading on meanwhile what they still send.
"""

import _socket
import os
import select
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import ModuleType
from typing import Any

from shared.progress import LOOKS, TCP_INFO_BYTES, Lingering, Snapshot, Taking, read_tcp_info

PARTING = 1000  # connections at once; more are closed without further ado
PARTING_MS = 1  # most clients have gone by then, and cost no hand-over
LONGEST_INTERVAL_S = 5.0
BLOCK_BYTES = 256 * 1024
DROPPED = struct.pack("ii", 1, 0)  # of SO_LINGER: what is not sent goes with the connection


def look_at(connection: socket.socket) -> Snapshot | None:
    """What the kernel knows of a connection; None where it does not tell, as of a Unix socket."""
    try:
        return read_tcp_info(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES))
    except (OSError, AttributeError):
        return None


kept: "Connections | None" = None  # of this process; none under granian


def look_after(worker: Any, timeout_s: float) -> None:
    """Have the connections of a worker of gunicorn's looked after, by what it calls itself for each."""
    global kept
    from gunicorn import util
    from gunicorn.workers.gthread import ThreadWorker
    from gunicorn.workers.sync import SyncWorker

    kept = Connections(timeout_s, worker.notify if isinstance(worker, SyncWorker) else None)
    threaded = isinstance(worker, ThreadWorker)
    worker.handle = kept.holding(worker.handle, connection_of_thread if threaded else connection_of_listener)
    replace(util, "close_graceful", kept.part)
    replace(util, "close", kept.close if threaded else kept.part)
    if type(worker).__name__ == "GeventWorker":
        worker.notify = kept.ending_idle(worker, worker.notify)


def replace(module: ModuleType, name: str, function: Callable[..., None]) -> None:
    getattr(module, name)  # AttributeError where gunicorn has it no more
    setattr(module, name, function)


def connection_of_listener(_: object, connection: socket.socket, __: object) -> socket.socket:
    return connection


def connection_of_thread(connection: Any) -> socket.socket:
    sock: socket.socket = connection.sock
    return sock


def begin_request(request: Any) -> None:
    """gunicorn has read a head."""
    if kept is not None:
        kept.begin_request(request)


def end_request() -> None:
    """gunicorn has answered; the connection may wait for another request."""
    if kept is not None:
        kept.end_request()


def close_after_answer() -> None:
    """Say in the answer under way that its connection ends."""
    if kept is not None:
        kept.close_after_answer()


def awaiting_body() -> AbstractContextManager[None]:
    """While a body is read."""
    return nullcontext() if kept is None else kept.awaiting_body()


class Held:
    """A connection in the hands of who serves it, and what part of a request that waits for."""

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self.connection = connection
        self.awaits: str | None = "head"
        self.request: Any = None  # gunicorn's
        self.moved = True  # since the last look
        self.between = True  # requests, or before the first
        self._timeout_s = timeout_s
        self._since_s = time.monotonic()
        self._look: Snapshot | None = None
        self._received: int | None = None
        self._idle_since: int | None = None  # bytes received when it was last seen to idle
        self._taking = Taking(timeout_s)

    def await_body(self) -> None:
        self.awaits, self._since_s = "body", time.monotonic()

    def silent(self, look: Snapshot | None, now_s: float) -> bool:
        """Whether what is waited for does not come: a head as a whole, of a body anything."""
        if self.awaits is None:
            return False
        received = None if look is None else look.received
        if self.awaits == "body" and received != self._received:
            self._since_s = now_s
        self._received = received
        # the kernel's timeout for what is received comes first: it lets the request be answered
        return now_s - self._since_s >= self._timeout_s * (1 + 1 / LOOKS)

    def idles(self, look: Snapshot | None) -> bool:
        """Whether no request is under way, nor has any part of one come since the last question."""
        before, self._idle_since = self._idle_since, (look.received if self.between and look else None)
        return self._idle_since is not None and self._idle_since == before

    def stalled(self, look: Snapshot | None, now_s: float) -> bool:
        self.moved = look != self._look or self.awaits is not None or (look is not None and look.waiting)
        self._look = look
        return look is not None and self._taking.stalled(look.taken, look.waiting, now_s)


class Parting:
    """A connection that is over, until its client took the last response and sends no more."""

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self.connection = connection
        self._taking = Taking(timeout_s)
        self._lingering = Lingering(time.monotonic())

    @property
    def reading(self) -> bool:
        return self._lingering.reading

    def read_on(self) -> None:
        """Read what is there; OSError where the client is gone."""
        with suppress(BlockingIOError):
            while self.reading:
                self._lingering.heard(len(self.connection.recv(BLOCK_BYTES)), time.monotonic())

    def over(self, now_s: float) -> bool:
        look = look_at(self.connection)
        if look is not None and look.waiting:
            return self._taking.stalled(look.taken, True, now_s)
        return self._lingering.over(now_s)


class Connections:
    """All connections of one server process that are to be looked after, and the thread that does."""

    def __init__(self, timeout_s: float, notify: Callable[[], None] | None = None) -> None:
        """`notify` is called while a client is waited for, or takes or sends something."""
        self._timeout_s = timeout_s
        self._notify = notify
        self._held: dict[socket.socket, Held] = {}
        self._lock = threading.Lock()  # so that nothing is done to a descriptor that is another's by now
        self._current = threading.local()
        self._parting: dict[int, Parting] = {}
        self._handed: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        wake, self._wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._wake, False)
        self._selector.register(wake, selectors.EVENT_READ)
        threading.Thread(target=self._look_after, name="connections", daemon=True).start()

    def holding(self, handle: Callable[..., Any], connection_of: Callable[..., Any]) -> Callable[..., Any]:
        """A worker's `handle`, which holds its connection meanwhile."""

        def hold(*arguments: Any) -> Any:
            connection = connection_of(*arguments)
            self._current.held = self._held[connection] = Held(connection, self._timeout_s)
            try:
                return handle(*arguments)
            finally:
                self._forget(connection)

        return hold

    def begin_request(self, request: Any) -> None:
        """A head is there."""
        held = self._current.held
        held.awaits, held.request, held.between = None, request, False

    def end_request(self) -> None:
        self._current.held.between = True

    def ending_idle(self, worker: Any, notify: Callable[[], None]) -> Callable[[], None]:
        """gevent's `notify`, which it calls every second: as soon as it ends, idle connections do, too.

        gunicorn waits for them as if a request were under way on each, until the graceful timeout.
        """

        def notify_and_end() -> None:
            notify()
            if not worker.alive:
                for held in list(self._held.values()):
                    if held.idles(look_at(held.connection)):
                        end(held.connection, socket.SHUT_RD)

        return notify_and_end

    def close_after_answer(self) -> None:
        self._current.held.request.force_close()

    @contextmanager
    def awaiting_body(self) -> Iterator[None]:
        held: Held = self._current.held
        held.await_body()
        try:
            yield
        finally:
            held.awaits = None

    def part(self, connection: socket.socket, *_: object, **__: object) -> None:
        """End our side of a connection (RFC 9112 section 9.6); the rest of it is waited for elsewhere."""
        self._forget(connection)
        try:
            connection.shutdown(socket.SHUT_WR)
            if has_ended(connection) or len(self._parting) >= PARTING:
                connection.close()
                return
        except OSError:
            connection.close()
            return
        ours = socket.socket(fileno=connection.detach())
        ours.setblocking(False)
        self._handed.append(ours)
        with suppress(BlockingIOError):
            os.write(self._wake, b"x")

    def close(self, connection: socket.socket) -> None:
        """Close a connection that is idle; one that waits only for its client to take something is not."""
        look = look_at(connection)
        if look is not None and look.waiting:
            self.part(connection)
        else:
            self._forget(connection)
            with suppress(OSError):
                connection.close()

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._held.pop(connection, None)

    def _look_after(self) -> None:
        interval_s = min(self._timeout_s / LOOKS, LONGEST_INTERVAL_S)
        next_s = time.monotonic() + interval_s
        while True:
            for key, _ in self._selector.select(max(0.0, next_s - time.monotonic())):
                if key.data is None:
                    self._take_over(key.fd)
                else:
                    self._read_on(key.data)
            now_s = time.monotonic()
            if now_s >= next_s:
                next_s = now_s + interval_s
                for held in list(self._held.values()):
                    self._look_at_held(held, now_s)
                for parting in list(self._parting.values()):
                    if parting.over(now_s):
                        self._drop(parting)

    def _take_over(self, wake: int) -> None:
        with suppress(BlockingIOError):
            os.read(wake, 4096)
        while self._handed:
            parting = Parting(self._handed.pop(), self._timeout_s)
            self._parting[parting.connection.fileno()] = parting
            self._selector.register(parting.connection, selectors.EVENT_READ, parting)

    def _read_on(self, parting: Parting) -> None:
        try:
            parting.read_on()
        except OSError:
            self._drop(parting)
            return
        if not parting.reading:
            self._selector.unregister(parting.connection)
            if parting.over(time.monotonic()):
                self._drop(parting)

    def _look_at_held(self, held: Held, now_s: float) -> None:
        with self._lock, suppress(OSError):
            if held.connection not in self._held:
                return
            look = look_at(held.connection)
            if held.silent(look, now_s):
                end(held.connection, socket.SHUT_RD)  # who waits for it reads the end, and may still answer
            elif held.stalled(look, now_s):
                reset(held.connection)
            elif held.moved and self._notify is not None:
                self._notify()

    def _drop(self, parting: Parting) -> None:
        del self._parting[parting.connection.fileno()]
        with suppress(KeyError):
            self._selector.unregister(parting.connection)
        look = look_at(parting.connection)
        if look is not None and look.waiting:
            parting.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DROPPED)
        parting.connection.close()


def has_ended(connection: socket.socket) -> bool:
    """Whether the client ends its side at once, too."""
    watching = select.poll()
    watching.register(connection, select.POLLIN)
    return bool(watching.poll(PARTING_MS)) and not connection.recv(1, socket.MSG_PEEK)


def reset(connection: socket.socket) -> None:
    """End a connection under whoever waits to send on it; what is not taken is dropped when it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DROPPED)
    end(connection, socket.SHUT_RDWR)


def end(connection: socket.socket, how: int) -> None:
    """Shut down by a socket of Python's own: gevent's would fail whoever waits, as if it were closed."""
    other = _socket.socket(fileno=os.dup(connection.fileno()))
    try:
        other.shutdown(how)
    finally:
        other.close()
