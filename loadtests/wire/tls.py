"""Connections as they are opened, with TLS or without.

OpenSSL works on memory, and the bytes travel as those of any other connection.
"""

import ssl
from pathlib import Path
from time import monotonic_ns
from typing import cast

from loadtests.wire.connection import (
    SCRATCH_BYTES,
    STATUS_BYTES,
    Connection,
    Deadlines,
    Endpoint,
    scratch,
    scratch_view,
)
from loadtests.wire.failures import WireFailure

RECORDS_BYTES = 1 << 20


def tls_context(authority_file: Path | None, insecure: bool) -> ssl.SSLContext:
    """A client's context: the system's authorities, one of one's own, or (insecure) none at all."""
    context = ssl.create_default_context(cafile=str(authority_file) if authority_file else None)
    context.set_alpn_protocols(["http/1.1"])
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class TlsConnection(Connection):
    """A Connection whose bytes are encrypted; connecting includes the handshake."""

    def __init__(self, endpoint: Endpoint, deadlines: Deadlines) -> None:
        super().__init__(endpoint, deadlines)
        self._said = b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context: ssl.SSLContext = endpoint.tls
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=endpoint.target.host)

    def connect(self) -> None:
        super().connect()
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._take()
            except ssl.SSLError:
                raise WireFailure("connect") from None
            else:
                self._flush()
                return

    def _flush(self) -> bool:
        return not self._outgoing.pending or super()._send_all(self._outgoing.read())

    def _take(self) -> None:
        count = super()._receive(SCRATCH_BYTES)
        if count:
            self._incoming.write(scratch_view[:count])
        else:
            self._incoming.write_eof()

    def _send_all(self, data: bytes | memoryview) -> bool:
        view = memoryview(data)
        for start in range(0, max(1, len(view)), RECORDS_BYTES):
            self._tls.write(
                view[start : start + RECORDS_BYTES]
            )  # memory takes it all: only the flush can wait
            if not self._flush():
                return False
        return True

    def _refused(self) -> bool:
        """What has come is decrypted to be looked at, and kept for `_receive`."""
        try:
            while count := self._sock.recv_into(scratch, SCRATCH_BYTES):
                self._incoming.write(scratch_view[:count])
            self._incoming.write_eof()
        except BlockingIOError:
            pass
        except OSError:
            return True
        try:
            self._said += self._tls.read(SCRATCH_BYTES)
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            return True
        self._early = len(self._said) >= STATUS_BYTES
        return not self._said or self._said[STATUS_BYTES - 1 : STATUS_BYTES] in (b"4", b"5")

    def _receive(self, limit: int) -> int:
        if self._said:
            part, self._said = self._said[:limit], self._said[limit:]
            scratch_view[: len(part)] = part
            return len(part)
        while True:
            try:
                return cast(int, self._tls.read(limit, scratch))  # a count, with a buffer
            except ssl.SSLWantReadError:
                self._flush()
                self._take()
            except ssl.SSLZeroReturnError:
                return 0
            except ssl.SSLEOFError:
                return 0
            except ssl.SSLError:
                raise WireFailure("protocol") from None

    def _is_stale(self, peeked: bytes) -> bool:
        return not peeked  # a session ticket may come at any time


def open_connection(endpoint: Endpoint, deadlines: Deadlines) -> Connection:
    """Connect, with TLS where the target asks for it; raises WireFailure("connect" or "connect-timeout")."""
    if endpoint.tls is not None:
        connection: Connection = TlsConnection(endpoint, deadlines)
    else:
        connection = Connection(endpoint, deadlines)
    connection.deadline_kind = "connect-timeout"
    connection.deadline_ns = monotonic_ns() + endpoint.connect_timeout_ns
    try:
        connection.connect()
        connection.deadline_ns = 0
    except OSError:
        connection.close()
        raise WireFailure("connect") from None
    except BaseException:
        connection.close()
        raise
    return connection
