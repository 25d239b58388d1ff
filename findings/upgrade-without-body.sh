#!/usr/bin/env bash
# What: under uvicorn with httptools an application gets no body from a client that offers another protocol, as
#   `curl --http2` and Java's HttpClient do with every first request (`Upgrade: h2c`). A good guess: a server that
#   offers no upgrade ignores the field and reads the request as any other (RFC 9110 section 7.8), as h11 does.
# Versions: uvicorn 0.54.0, httptools 0.9.0, h11 0.16.0.
# Seen: a PUT of five bytes in one chunk: with httptools the application receives 0 bytes and its answer is 200,
#   with h11 it receives 5. llhttp ends such a message at its head and hands the rest over as another protocol.
# For Twins: `asgi_app/protocol.py` has the head read again without the offer (`LimitedHttpTools`).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uvicorn==0.54.0 httptools==0.9.0 h11==0.16.0

cat > application.py <<'PYTHON'
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b"%d bytes" % length})
PYTHON

cat > upload.py <<'PYTHON'
import socket
import subprocess
import sys
import time

REQUEST = (
    b"PUT /file HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
)


def received(parser):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "application:app", "--http", parser, "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=10)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        with connection:
            connection.sendall(REQUEST)
            answer = b""
            while block := connection.recv(65536):
                answer += block
        body = answer.partition(b"\r\n\r\n")[2]
        return answer.split(b" ")[1].decode(), next((text for text in ("5 bytes", "0 bytes") if text.encode() in body), "?")
    finally:
        server.terminate()
        server.wait(20)


seen = {parser: received(parser) for parser in ("httptools", "h11")}
print(seen)
sys.exit(seen != {"httptools": ("200", "0 bytes"), "h11": ("200", "5 bytes")})
PYTHON
timeout 120 venv/bin/python upload.py
