"""TLS over a wire connection: OpenSSL works on memory, the bytes travel as those of any other connection."""

import ssl
from pathlib import Path
from typing import cast

from loadtests.wire.connection import SCRATCH_BYTES, Connection, Deadlines, Endpoint, scratch, scratch_view
from loadtests.wire.failures import Failure


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
                raise Failure("connect") from None
            else:
                self._flush()
                return

    def _flush(self) -> None:
        if self._outgoing.pending:
            super()._send_all(self._outgoing.read())

    def _take(self) -> None:
        count = super()._receive(SCRATCH_BYTES)
        if count:
            self._incoming.write(scratch_view[:count])
        else:
            self._incoming.write_eof()

    def _send_all(self, data: bytes | memoryview) -> None:
        self._tls.write(data)  # memory takes it all: only the flush can wait
        self._flush()

    def _receive(self, limit: int) -> int:
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
                raise Failure("protocol") from None

    def _is_stale(self, peeked: bytes) -> bool:
        return not peeked  # a session ticket may come at any time
