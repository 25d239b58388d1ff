"""Connections under an event loop: whether clients take what they are sent, and how they end."""

import asyncio
import socket
from typing import Any

from shared.progress import LINGER_SILENT_S, TCP_INFO_BYTES, Lingering, Snapshot, Taking, read_tcp_info


def look_at(transport: Any) -> Snapshot | None:
    """What the kernel knows of a connection; None where it does not tell, as of a Unix socket."""
    try:
        connection = transport.get_extra_info("socket")
        return read_tcp_info(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES))
    except (OSError, AttributeError):
        return None


class Parting:
    """A transport that is closed only when its client took the last response and sends no more.

    A server's protocol uses it in the transport's place, and hands it what is received once it is `over`.
    """

    def __init__(self, transport: Any, timeout_s: float) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._taking = Taking(timeout_s)
        self._changes = self._unsent = 0
        self.idle = False  # nothing is under way: `close` need not wait, unless for what is not taken yet
        self._lingering: Lingering | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.write = transport.write  # as fast as without this

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def over(self) -> bool:
        """Whether nothing more is sent, and what is received is dropped."""
        return self._lingering is not None

    def is_closing(self) -> bool:
        return self.over or self._transport.is_closing()

    def waiting(self) -> bool:
        """Whether the client has not taken all that it was sent."""
        look = look_at(self._transport)
        return self._transport.get_write_buffer_size() > 0 or (look is not None and look.waiting)

    def stalled(self) -> bool:
        """Whether the client has taken nothing for too long; to be asked again and again."""
        look, unsent = look_at(self._transport), self._transport.get_write_buffer_size()
        self._changes += unsent != self._unsent
        self._unsent = unsent
        taken = self._changes if look is None else look.taken
        return self._taking.stalled(
            taken, unsent > 0 or (look is not None and look.waiting), self._loop.time()
        )

    def close(self) -> None:
        """End our side (RFC 9112 section 9.6), and all of it when the client has no more to send."""
        if self.is_closing():
            return
        if self.idle and not self.waiting():
            self._transport.close()
            return
        self._lingering = Lingering(self._loop.time())
        self.write = dropped
        try:
            self._transport.write_eof()
            self._transport.resume_reading()
        except (OSError, RuntimeError, NotImplementedError):
            self._transport.close()
            return
        self._watch()

    def heard(self, data: bytes) -> None:
        """Drop what is received of a client that has its last response."""
        if self._lingering is not None:
            self._lingering.heard(len(data), self._loop.time())
            if not self._lingering.reading:
                self._transport.pause_reading()

    def lost(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        self._timer = None
        if self._lingering is None or self._transport.is_closing():
            return
        if self.stalled():
            self._transport.abort()
        elif self._lingering.over(self._loop.time()) and not self.waiting():
            self._transport.close()
        else:
            self._timer = self._loop.call_later(min(LINGER_SILENT_S, self._timeout_s) / 2, self._watch)


def dropped(data: object) -> None:
    """In the place of a `write` after the end."""
