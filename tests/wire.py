"""Requests as bytes on a socket, and what came back, header by header."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse

EXEMPT = {"date", "server", "connection", "keep-alive", "transfer-encoding"}
GENERATED = {"job-id"}
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Answer:
    """A whole response; `headers` in order, names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    def comparable(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What both faces must agree on: all but what belongs to the server, and the values of ids."""
        return (
            self.status,
            sorted(
                (name, "" if name in GENERATED else value)
                for name, value in self.headers
                if name not in EXEMPT
            ),
            self.body,
        )


def request_bytes(
    method: str,
    target: str,
    headers: list[tuple[str, str]] | None = None,
    body: bytes = b"",
    *,
    host: str | None = "test",
) -> bytes:
    fields = [] if host is None else [("Host", host)]
    fields += headers or []
    if body and not any(name.lower() == "content-length" for name, _ in fields):
        fields.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def exchange(port: int, data: bytes, method: str | None = None, timeout_s: float = TIMEOUT_S) -> Answer:
    """Send raw bytes on a new connection and read one whole response, which may come before all is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        return read_answer(connection, method or data.split(b" ", 1)[0].decode("latin-1"))


def read_answer(connection: socket.socket, method: str) -> Answer:
    response = HTTPResponse(connection, method=method)
    try:
        response.begin()
        body = response.read()
    finally:
        response.close()
    headers = tuple((name.lower(), value) for name, value in response.getheaders())
    return Answer(response.status, headers, body)


def ask(
    port: int,
    method: str,
    target: str,
    headers: list[tuple[str, str]] | None = None,
    body: bytes = b"",
    *,
    host: str | None = "test",
) -> Answer:
    return exchange(port, request_bytes(method, target, headers, body, host=host), method)
