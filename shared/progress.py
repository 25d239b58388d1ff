"""Whether a client still takes what it is sent, told by what its system acknowledged.

Systems acknowledge in bursts: a client's system takes what fits into its receive buffer at once, and then
nothing until much of that was read. A client that reads steadily is therefore silent for as long as it needs
to read what was taken for it: minutes, where the buffer holds megabytes. The slowest that is borne bounds it.
"""

import struct
from dataclasses import dataclass

LOOKS = 4  # at a connection within one timeout
SLOWEST_BYTES_S = 8 * 1024
UNREAD_BYTES = 128 * 1024  # what Linux takes, as it is shipped, for a client that reads nothing
LONGEST = 15  # timeouts that a client may need to read what was taken for it

TCP_INFO_BYTES = 192
UNACKNOWLEDGED = 24  # struct tcp_info of linux/tcp.h: segments under way
ACKNOWLEDGED = 120  # two numbers: bytes acknowledged, bytes received
NOT_SENT = 144  # bytes that wait for the client's window


@dataclass(frozen=True)
class Snapshot:
    """A connection at one time: bytes taken by and received from its client; whether more is to be taken."""

    taken: int
    received: int
    waiting: bool


def read_tcp_info(info: bytes) -> Snapshot | None:
    """A look from Linux's `TCP_INFO`; None where the kernel is too old to tell."""
    if len(info) < NOT_SENT + 4:
        return None
    taken, received = struct.unpack_from("=QQ", info, ACKNOWLEDGED)
    (under_way,) = struct.unpack_from("=I", info, UNACKNOWLEDGED)
    (not_sent,) = struct.unpack_from("=I", info, NOT_SENT)
    return Snapshot(taken, received, under_way > 0 or not_sent > 0)


class Taking:
    """What one client took of what it was sent, looked at again and again.

    It has given up on it once it took nothing for a whole timeout, and had the time to read what was taken.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._taken = 0
        self._since_s: float | None = None  # when it took something last, while something waits for it
        self._reading_s = 0.0  # until when it may be reading what was taken

    def stalled(self, taken: int, waiting: bool, now_s: float) -> bool:
        """Whether nothing more is to be expected; `taken` grows, `now_s` is of one clock."""
        progress, before = taken - self._taken, self._taken
        self._taken = taken
        if not waiting:
            self._since_s = None
            return False
        if progress > 0 or self._since_s is None:
            self._since_s = now_s
            read = progress if before > UNREAD_BYTES else taken if taken > UNREAD_BYTES else 0
            reading_s = max(self._reading_s, now_s) + read / SLOWEST_BYTES_S
            self._reading_s = min(reading_s, now_s + LONGEST * self._timeout_s)
            return False
        return now_s - self._since_s >= self._timeout_s and now_s >= self._reading_s


LINGER_SILENT_S = 2.0  # of a client that sends nothing more, and does not end its side
LINGER_LONGEST_S = 30.0
LINGER_BYTES = 1024 * 1024 * 1024


class Lingering:
    """How long a connection that is over is read from (RFC 9112 section 9.6).

    Closed while its client still sends, it would be reset, and with it the response that is not read yet.
    """

    def __init__(self, now_s: float) -> None:
        self.reading = True
        self._since_s = self._heard_s = now_s
        self._bytes = 0

    def heard(self, count: int, now_s: float) -> None:
        """So many more bytes were read and dropped; 0 is the end of what the client sends."""
        self._heard_s = now_s
        self._bytes += count
        self.reading = count > 0 and self._bytes < LINGER_BYTES

    def over(self, now_s: float) -> bool:
        return (
            not self.reading
            or now_s - self._heard_s >= LINGER_SILENT_S
            or now_s - self._since_s >= LINGER_LONGEST_S
        )
