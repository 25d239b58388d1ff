"""An offer of another protocol is none to take: the request is answered as if it had not been made.

RFC 9110 section 7.8: a server may ignore `Upgrade`, and the body belongs to the request. Java's HttpClient
and `curl --http2` offer `h2c` with their first requests.
"""

import itertools
import json
import socket
import time

import pytest

from tests.contract.conftest import AUTHORIZED, Writable
from tests.faults.talking import statuses
from tests.wire import request_bytes

H2C = [
    ("Connection", "Upgrade, HTTP2-Settings"),
    ("Upgrade", "h2c"),
    ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
]
OFFERS = {
    "h2c": H2C,
    "h2c among others": [
        ("Connection", "HTTP2-Settings, Upgrade, TE"),
        ("TE", "trailers"),
        ("Upgrade", "h2c, websocket"),
        ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
    ],
    "websocket": [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ],
    "two lines": [("Connection", "Upgrade"), ("Upgrade", "TLS/1.0"), ("Upgrade", "example/1")],
    "small letters": [("connection", "keep-alive, upgrade"), ("upgrade", "H2C")],
    "blanks": [("Connection", "\tupgrade \t"), ("Upgrade", " foo/2 ")],
    "not in Connection": [("Upgrade", "h2c")],
    "nothing offered": [("Connection", "Upgrade")],
}
CONTENT = bytes(range(256)) * 40
CLOSING = request_bytes("GET", "/health", [("Connection", "close")])
numbers = itertools.count()


def chunked(content: bytes, size: int = 1000) -> bytes:
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def upload(name: str, offer: list[tuple[str, str]], framing: str, content: bytes = CONTENT) -> bytes:
    fields = [AUTHORIZED, *offer]
    if framing == "length":
        return request_bytes("PUT", f"/files/{name}", fields, content)
    return request_bytes("PUT", f"/files/{name}", [*fields, ("Transfer-Encoding", "chunked")]) + chunked(
        content
    )


def receive(connection: socket.socket) -> bytes:
    received = b""
    while block := connection.recv(65536):
        received += block
    return received


def converse(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """All that comes back on one connection until its end; the pieces are sent one after the other."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)
        return receive(connection)


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("offer", OFFERS)
def test_the_body_is_stored(writable: Writable, offer: str, framing: str) -> None:
    """Once as a new file and once over it, and the request behind it is answered, too."""
    if framing == "chunks" and not writable.takes_chunks:
        pytest.skip("this server takes uploads only with a length")
    name = f"upgrade-{next(numbers)}.bin"
    for status, content in ((201, CONTENT), (204, CONTENT[::-1])):
        request = upload(name, OFFERS[offer], framing, content)
        if writable.keeps_connections:
            assert statuses(converse(writable.port, request + CLOSING)) == (status, 200)
        else:
            assert statuses(converse(writable.port, request)) == (status,)
        assert (writable.folder / name).read_bytes() == content


@pytest.mark.parametrize("offer", OFFERS)
def test_an_empty_body_and_none(writable: Writable, offer: str) -> None:
    name = f"upgrade-{next(numbers)}.bin"
    put = request_bytes("PUT", f"/files/{name}", [AUTHORIZED, *OFFERS[offer], ("Content-Length", "0")])
    get = request_bytes("GET", f"/files/{name}", OFFERS[offer])
    requests = (put, get, get, request_bytes("HEAD", f"/files/{name}", OFFERS[offer]), CLOSING)
    if writable.keeps_connections:
        assert statuses(converse(writable.port, b"".join(requests))) == (201, 200, 200, 200, 200)
    else:
        assert [statuses(converse(writable.port, one)) for one in requests] == [(201,)] + 4 * [(200,)]
    assert (writable.folder / name).read_bytes() == b""


@pytest.mark.parametrize("cut", ["head and body", "in the head", "byte by byte"])
def test_a_request_that_comes_in_pieces(writable: Writable, cut: str) -> None:
    name = f"upgrade-{next(numbers)}.bin"
    request = upload(name, [*H2C, ("X-Last", "a")], "length", b"content") + CLOSING
    if not writable.keeps_connections:
        request = request.removesuffix(CLOSING)
    end = request.index(b"\r\n\r\n") + 4
    pieces = {
        "head and body": [request[:end], request[end : end + 3], request[end + 3 :]],
        "in the head": [request[: end - 20], request[end - 20 : end - 1], request[end - 1 :]],
        "byte by byte": [request[at : at + 1] for at in range(len(request))],
    }[cut]
    pause_s = 0.05 if len(pieces) == 3 else 0.0
    assert statuses(converse(writable.port, *pieces, pause_s=pause_s))[0] == 201
    assert (writable.folder / name).read_bytes() == b"content"


def test_an_operation_on_the_body(writable: Writable) -> None:
    body = json.dumps({"operation": "words", "text": "to be or not to be"}).encode()
    fields = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked"), *H2C]
    fields[-3] = ("Connection", "close, Upgrade, HTTP2-Settings")
    received = converse(writable.port, request_bytes("POST", "/process", fields) + chunked(body, 7))
    assert statuses(received) == (200,)
    assert b'"words":6' in received


def test_a_body_that_waits_for_a_100(writable: Writable) -> None:
    name = f"upgrade-{next(numbers)}.bin"
    fields = [AUTHORIZED, *H2C, ("Expect", "100-continue"), ("Content-Length", "7")]
    with socket.create_connection(("127.0.0.1", writable.port), timeout=10) as connection:
        connection.sendall(request_bytes("PUT", f"/files/{name}", fields))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(b"content")
        assert b" 201 " in connection.recv(65536)
    assert (writable.folder / name).read_bytes() == b"content"


def test_what_is_broken_behind_an_offer_is_refused(writable: Writable) -> None:
    """The head is read once more without the offer: nothing gets in that way."""
    fields = [AUTHORIZED, *H2C, ("Transfer-Encoding", "chunked"), ("Content-Length", "5")]
    received = converse(writable.port, request_bytes("PUT", "/files/broken.bin", fields) + b"zz\r\n")
    assert set(statuses(received)) <= {400, 411}
    broken = upload("broken.bin", H2C, "length") + b"no request\r\n\r\n"
    assert set(statuses(converse(writable.port, broken))) <= {201, 204, 400}


def test_nothing_of_it_fills_the_log(writable: Writable) -> None:
    before = writable.server.log.read_text(errors="replace")
    for offer in OFFERS.values():
        converse(writable.port, request_bytes("GET", "/health", [*offer, ("Connection", "close")]))
    assert writable.server.log.read_text(errors="replace") == before
