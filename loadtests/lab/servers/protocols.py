"""Which protocol a server speaks that gives no answer of HTTP/1.1."""

import socket
import ssl

# The client's half of the connection preface, an empty SETTINGS frame included (RFC 9113, 3.4)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
HEADER_BYTES, SETTINGS = 9, 4


def speaks_http2(host: str, port: int, secure: bool, timeout_s: float) -> bool:
    """Whether a server takes up HTTP/2, over TLS by ALPN, else by prior knowledge."""
    try:
        if secure:
            return _alpn(host, port, timeout_s) == "h2"
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            return _answers_settings(connection)
    except OSError:
        return False


def speaks_tls(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether a server takes up TLS, whatever its certificate."""
    try:
        _alpn(host, port, timeout_s)
    except OSError:
        return False
    return True


def _alpn(host: str, port: int, timeout_s: float) -> str | None:
    """What a TLS server chooses where it is offered HTTP/2 alone; OSError where it speaks no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((host, port), timeout=timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        return wrapped.selected_alpn_protocol()


def _answers_settings(connection: socket.socket) -> bool:
    """A server's first frame is SETTINGS, of stream 0 (RFC 9113, 3.4 and 6.5)."""
    connection.sendall(PREFACE)
    begun = b""
    while len(begun) < HEADER_BYTES:
        part = connection.recv(HEADER_BYTES - len(begun))
        if not part:
            return False
        begun += part
    return begun[3] == SETTINGS and begun[5:] == bytes(4)
