"""One TCP connection driven by gevent's loop, without a gevent Timeout or a socket object per operation.

A connection belongs to the greenlet that opened it. Deadlines are kept by one timer for all
connections: a Timeout object per request would cost more than the request's own bookkeeping.
"""

import _socket
import errno
import socket
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

import gevent
from gevent import getcurrent
from gevent.hub import get_hub

from loadtests.wire.failures import WireFailure
from loadtests.wire.message import Address

READ, WRITE = 1, 2
STATUS_BYTES = len("HTTP/1.1 4")
DEADLINE_TICK_S = 0.02
SCRATCH_BYTES = 256 * 1024
PACED_PIECES_PER_S = 20

# One buffer for all connections: nothing switches between receiving into it and reading from it.
scratch = bytearray(SCRATCH_BYTES)
scratch_view = memoryview(scratch)


@dataclass(frozen=True)
class Endpoint:
    """The resolved address of the target and how connections to it behave."""

    target: Address
    family: int
    address: tuple[Any, ...]
    tls: Any  # ssl.SSLContext, or None
    connect_timeout_ns: int
    read_bytes_per_s: int | None
    send_bytes_per_s: int | None


def resolve_endpoint(
    target: Address, tls: Any, connect_timeout_ns: int, read_rate: int | None, send_rate: int | None
) -> Endpoint:
    """Look the target up once, before the run; raises OSError where the name is unknown.

    Of several addresses, as `localhost` has, the first that takes a connection is the target's for the run.
    """
    try:
        addresses = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label of the name that is empty or too long
        raise OSError(f"'{target.host}' is no name") from None
    chosen = next(
        (address for address in addresses if len(addresses) > 1 and _answers(address, connect_timeout_ns)),
        addresses[0],
    )
    return Endpoint(target, chosen[0], chosen[4], tls, connect_timeout_ns, read_rate, send_rate)


def _answers(address: tuple[Any, ...], timeout_ns: int) -> bool:
    try:
        with socket.socket(address[0], socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout_ns / 1e9)
            sock.connect(address[4])
    except OSError:
        return False
    return True


class Deadlines:
    """Throws a WireFailure into each greenlet whose connection has waited past its deadline."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self._timer = get_hub().loop.timer(DEADLINE_TICK_S, DEADLINE_TICK_S)
        self._timer.start(self._tick)

    def _tick(self) -> None:
        now = monotonic_ns()
        late = [c for c in self.connections if c.waiting and 0 < c.deadline_ns < now]
        for connection in late:
            connection.greenlet.throw(WireFailure(connection.deadline_kind))

    def stop(self) -> None:
        self._timer.stop()
        self._timer.close()


class Connection:
    """A connected socket; `open_connection` makes it. OSErrors and Failures come out as they are."""

    def __init__(self, endpoint: Endpoint, deadlines: Deadlines) -> None:
        self.endpoint = endpoint
        self.greenlet = getcurrent()
        self.deadline_ns = 0
        self.deadline_kind = "total-timeout"
        self.waiting = False
        self.requests = 0
        self.idle_since_ns = 0
        self._early = False  # the server has begun its answer, and does not refuse the request
        self._deadlines = deadlines
        self._hub = get_hub()
        self._resume = self.greenlet.switch
        self._sock = _socket.socket(endpoint.family, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._readable = self._hub.loop.io(self._sock.fileno(), READ)
        self._writable: Any = None
        deadlines.connections.add(self)

    def connect(self) -> None:
        sock, endpoint = self._sock, self.endpoint
        if endpoint.read_bytes_per_s is not None:
            # a slow reader is one whose window closes: the kernel must not read ahead for it
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, max(4096, endpoint.read_bytes_per_s // 4))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        problem = sock.connect_ex(endpoint.address)
        if problem == errno.EINPROGRESS:
            self.wait_writable()
            problem = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise WireFailure("connect")

    def wait_readable(self) -> None:
        watcher = self._readable
        watcher.start(self._resume)
        self.waiting = True
        try:
            self._hub.switch()
        finally:
            self.waiting = False
            watcher.stop()

    def wait_writable(self) -> None:
        if self._writable is None:
            self._writable = self._hub.loop.io(self._sock.fileno(), WRITE)
        self._writable.start(self._resume)
        self.waiting = True
        try:
            self._hub.switch()
        finally:
            self.waiting = False
            self._writable.stop()

    def send(self, data: bytes) -> bool:
        """Hand all bytes to the kernel, at the sending rate where one is set.

        False where the server refused the request, or closed, before it had them all: the rest is not sent
        (RFC 9112, 9.5), and what it said is there to be read.
        """
        rate = self.endpoint.send_bytes_per_s
        if rate is None:
            return self._send_all(data)
        piece = max(1, rate // PACED_PIECES_PER_S)
        view = memoryview(data)
        for start in range(0, len(data), piece):
            part = view[start : start + piece]
            if (start and self._refused()) or not self._send_all(part):
                return False
            gevent.sleep(len(part) / rate)
        return True

    def _send_all(self, data: bytes | memoryview) -> bool:
        sent = 0
        while True:
            try:
                sent += self._sock.send(data)
            except BlockingIOError:
                self._wait_to_send()
                if self._refused():
                    return False
                continue
            except (BrokenPipeError, ConnectionResetError):
                return False
            if sent == len(data):
                return True
            data, sent = memoryview(data)[sent:], 0

    def _wait_to_send(self) -> None:
        """Until there is room, or the server has said something."""
        if self._early:  # it has already, and wants the rest all the same
            self.wait_writable()
            return
        self._readable.start(self._resume)
        try:
            self.wait_writable()
        finally:
            self._readable.stop()

    def _refused(self) -> bool:
        """Whether an answer that stands there already refuses the request: its status is an error's."""
        try:
            said = self._sock.recv(STATUS_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._early = len(said) >= STATUS_BYTES
        return not said or said[STATUS_BYTES - 1 :] in (b"4", b"5")

    def receive(self) -> int:
        """Wait for bytes and read what there is into `scratch`; 0 at the end of the stream."""
        rate = self.endpoint.read_bytes_per_s
        if rate is None:
            limit = SCRATCH_BYTES
        else:
            limit = min(SCRATCH_BYTES, max(1, rate // PACED_PIECES_PER_S))
            gevent.sleep(1 / PACED_PIECES_PER_S)
        return self._receive(limit)

    def _receive(self, limit: int) -> int:
        while True:
            self.wait_readable()
            try:
                return self._sock.recv_into(scratch, limit)
            except BlockingIOError:
                continue

    def acknowledge(self) -> None:
        """Send the acknowledgement that the kernel would keep back for up to 40 ms (tcp(7))."""
        if hasattr(socket, "TCP_QUICKACK"):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def stale(self) -> bool:
        """Whether the server closed the connection, or spoke unasked, while it was idle."""
        try:
            return self._is_stale(self._sock.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _is_stale(self, peeked: bytes) -> bool:
        return True

    def close(self) -> None:
        self._deadlines.connections.discard(self)
        for watcher in (self._readable, self._writable):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._sock.close()
