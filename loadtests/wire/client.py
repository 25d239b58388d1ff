"""The wire client: one request, one response, every byte checked. No retries, ever."""

from dataclasses import dataclass
from time import monotonic_ns
from typing import Protocol

from loadtests.model.samples import OK
from loadtests.wire.bodies import BodyCheck, Sink
from loadtests.wire.connection import Connection, Deadlines, Endpoint, scratch, scratch_view
from loadtests.wire.failures import KIND, WireFailure
from loadtests.wire.head import HEAD_END, LARGEST_HEAD_BYTES, ChunkedBody, Head, parse_head
from loadtests.wire.message import Expectation, Request
from loadtests.wire.tls import open_connection

STATUS, BODY, LENGTH = KIND["status"], KIND["body"], KIND["length"]
IDLE_CHECK_NS = 10_000_000  # an older connection is looked at before it is used: the server may have left


@dataclass(frozen=True)
class Policy:
    """How long a connection lives (`requests`, None: until the server closes it), and a request's limits."""

    requests: int | None
    first_byte_timeout_ns: int
    total_timeout_ns: int


class Exchange:
    """One answer as it is read: times in ns, 0 where not reached. `sink` is given the body, if set.

    `body` is the whole of it where it is to be `kept`.
    """

    __slots__ = (
        *("body", "connected_ns", "first_ns", "head", "kept", "last_ns", "received", "sent_ns", "sink"),
        "status",
    )

    def __init__(self, sink: Sink | None = None, kept: bool = False) -> None:
        self.sink = sink
        self.kept = kept
        self.head = self.body = b""
        self.connected_ns = self.sent_ns = self.first_ns = self.last_ns = self.received = self.status = 0


class Client(Protocol):
    """What performs requests one after the other; `fires` where nobody else tells Locust of them."""

    @property
    def fires(self) -> bool: ...

    def exchange(self, request: Request, digested: bool, progress: Exchange) -> int: ...

    def acknowledge(self) -> None: ...

    def close(self) -> None: ...


class WireClient:
    """Speaks HTTP/1.1 over at most one connection at a time; belongs to one greenlet."""

    fires = True

    def __init__(self, endpoint: Endpoint, policy: Policy, deadlines: Deadlines) -> None:
        self._endpoint = endpoint
        self._policy = policy
        self._deadlines = deadlines
        self._connection: Connection | None = None

    def exchange(self, request: Request, digested: bool, progress: Exchange) -> int:
        """Send `request` and read its answer; the kind of the outcome, `progress` filled on the way.

        Raises WireFailure, and whatever ends the greenlet (GreenletExit); the connection is then closed.
        """
        connection: Connection | None = None
        try:
            connection = self._ready(progress)
            progress.sent_ns = sent_ns = monotonic_ns()
            connection.deadline_kind = "first-byte-timeout"
            connection.deadline_ns = sent_ns + self._policy.first_byte_timeout_ns
            whole = connection.send(request.wire)
            if request.stream is not None and whole:
                whole = all(map(connection.send, request.stream()))
            keep, kind = self._answer(connection, request, digested, progress)
            keep &= whole
        except BaseException as problem:
            if connection is not None:
                self.close()
            if isinstance(problem, OSError):
                raise WireFailure("reset") from None
            raise
        connection.deadline_ns = 0
        connection.requests += 1
        if not keep or connection.requests == self._policy.requests:
            self.close()
        return kind

    def acknowledge(self) -> None:
        """Acknowledge at once what was received, so that the server's kernel need not hold it any longer."""
        if self._connection is not None:
            self._connection.acknowledge()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ready(self, progress: Exchange) -> Connection:
        connection = self._connection
        now = monotonic_ns()
        if connection is not None:
            if now - connection.idle_since_ns < IDLE_CHECK_NS or not connection.stale():
                return connection
            self.close()
        connection = self._connection = open_connection(self._endpoint, self._deadlines)
        progress.connected_ns = monotonic_ns()
        return connection

    def _answer(
        self, connection: Connection, request: Request, digested: bool, progress: Exchange
    ) -> tuple[bool, int]:
        count = connection.receive()
        progress.first_ns = progress.last_ns = connection.idle_since_ns = monotonic_ns()
        if not count:
            raise WireFailure("reset")
        end = scratch.find(HEAD_END, 0, count)
        rest: memoryview
        if end >= 0:
            raw = bytes(scratch_view[: end + 4])
            rest = scratch_view[end + 4 : count]
        else:
            raw, rest = self._rest_of_head(connection, bytes(scratch_view[:count]))
        head = parse_head(raw)
        while 100 <= head.status < 200:
            raw, rest = self._rest_of_head(connection, bytes(rest))
            head = parse_head(raw)
        progress.status = head.status
        progress.head = raw
        expected = request.expectation
        simple = not digested and expected.plain and progress.sink is None
        if simple and len(rest) == head.length and request.method != "HEAD" and not head.bodiless:
            # the whole answer came at once, as small ones do
            progress.received = head.length
            if progress.kept:
                progress.body = bytes(rest)
            body = expected.body
            if head.status not in expected.statuses:
                return head.keep_alive, STATUS
            if body is None:
                return head.keep_alive, OK if expected.length in (None, head.length) else LENGTH
            if len(body) != head.length:
                return head.keep_alive, LENGTH
            return head.keep_alive, OK if body.startswith(rest) else BODY
        return self._long_answer(connection, request, head, raw, rest, digested, progress)

    def _rest_of_head(self, connection: Connection, begun: bytes) -> tuple[bytes, memoryview]:
        while True:
            end = begun.find(HEAD_END)
            if end >= 0:
                return begun[: end + 4], memoryview(begun)[end + 4 :]
            if len(begun) > LARGEST_HEAD_BYTES:
                raise WireFailure("protocol")
            count = connection.receive()
            if not count:
                raise WireFailure("truncated" if begun else "reset")
            begun += scratch_view[:count]

    def _long_answer(
        self,
        connection: Connection,
        request: Request,
        head: Head,
        raw: bytes,
        rest: memoryview,
        digested: bool,
        progress: Exchange,
    ) -> tuple[bool, int]:
        connection.deadline_kind = "total-timeout"
        connection.deadline_ns = progress.sent_ns + self._policy.total_timeout_ns
        expected = request.expectation
        right_status = head.status in expected.statuses
        kept = bytearray()
        sink = kept.extend if progress.kept else progress.sink
        check = BodyCheck(expected, digested and expected.cut is None, sink)
        try:
            if request.method == "HEAD" or head.bodiless:
                if rest:
                    raise WireFailure("protocol")
                return head.keep_alive, _of_head(expected, raw) if right_status else STATUS
            keep = head.keep_alive
            if head.chunked:
                self._read_chunked(connection, raw, rest, check)
            elif head.length is None:
                keep = False
                self._read_to_the_end(connection, rest, check)
            else:
                cut = head.length if expected.cut is None else min(head.length, expected.cut)
                self._read_length(connection, head.length, cut, rest, check)
                keep &= check.received == head.length
        finally:
            progress.last_ns = connection.idle_since_ns = monotonic_ns()
            progress.received = check.received
            if progress.kept:
                progress.body = bytes(kept)
        return keep, check.verdict() or _of_head(expected, raw) if right_status else STATUS

    def _read_length(
        self, connection: Connection, length: int, cut: int, rest: memoryview, check: BodyCheck
    ) -> None:
        if rest:
            check.feed(rest)
        while check.received < cut:
            count = connection.receive()
            if not count:
                raise WireFailure("truncated")
            check.feed(scratch_view[:count])
        if check.received > length:
            raise WireFailure("protocol")

    def _read_chunked(self, connection: Connection, raw: bytes, rest: memoryview, check: BodyCheck) -> None:
        body = ChunkedBody(raw)
        while True:
            for piece in body.feed(rest):
                check.feed(piece)
            if body.complete:
                return
            count = connection.receive()
            if not count:
                raise WireFailure("truncated")
            rest = scratch_view[:count]

    def _read_to_the_end(self, connection: Connection, rest: memoryview, check: BodyCheck) -> None:
        if rest:
            check.feed(rest)
        while count := connection.receive():
            check.feed(scratch_view[:count])


def _of_head(expected: Expectation, raw: bytes) -> int:
    return OK if expected.head is None or expected.head in raw else BODY
