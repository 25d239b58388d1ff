#!/usr/bin/env bash
# What: granian answers `close, keep-alive` to an HTTP/1.0 client that asked to keep its connection, where the
#   application says `close`. A good guess: the application's word is the last, and one of the two is said.
# Versions: granian 2.8.7 (hyper), over ASGI.
# Seen: `Connection: close, keep-alive`, and the connection ends. RFC 9112 section 9.3 lets `close` win, but
#   ApacheBench looks for `keep-alive` alone: `ab -k -n 4 -c 1` got half of its bodies.
# For Twins: answers whose length is known say nothing of the connection to HTTP/1.0, so that granian keeps what
#   it says it keeps; `/stream`, which has none, says `close` (`WireResponse.ends_with_its_connection`).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check granian==2.8.7

cat > application.py <<'PYTHON'
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-length", b"2"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
PYTHON

cat > ask.py <<'PYTHON'
import socket
import subprocess
import sys
import time

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "application:app"]
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
        connection.sendall(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        answer = b""
        while block := connection.recv(65536):
            answer += block
finally:
    server.terminate()
    server.wait(20)
lines = answer.lower().split(b"\r\n")
said = [line for line in lines if line.startswith(b"connection:")]
print(said, "and the connection ended")
sys.exit(said != [b"connection: close, keep-alive"])
PYTHON
timeout 120 venv/bin/python ask.py
