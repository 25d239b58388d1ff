#!/usr/bin/env bash
# What: h11 takes HTTP/2's connection preface for a request of the method PRI, and the application runs.
# Versions: uvicorn 0.54.0 with h11 0.16.0 and with httptools 0.9.0; httpx 0.28.1 with h2 4.3.0.
# Seen: a client that begins with HTTP/2 (`httpx.Client(http1=False, http2=True)`, as proxies do for h2c) sends
#   `PRI * HTTP/2.0`. uvicorn with h11 calls the application with the method PRI, the path * and http_version 2.0,
#   and answers 200 in HTTP/1.1; with httptools it answers 400 and calls nobody. The client fails either way.
# For Twins: a health check that only looks for 200 takes the server for one of HTTP/2; access logs and counters of
#   requests have an entry for a request that nobody made. The two parsers of uvicorn are two servers in this.
set -euo pipefail

folder=$(mktemp -d)
pid=
trap 'kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    uvicorn==0.54.0 h11==0.16.0 httptools==0.9.0 httpx==0.28.1 h2==4.3.0
cd "$folder"
cat >app.py <<'PY'
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["method"] != "GET":
        print("CALLED", scope["method"], scope["path"], scope["http_version"], flush=True)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
PY
cat >client.py <<'PY'
import socket
import sys
import time

import httpx

port = int(sys.argv[1])
for _ in range(100):
    try:
        httpx.get(f"http://127.0.0.1:{port}/")
        break
    except httpx.TransportError:
        time.sleep(0.1)
try:
    httpx.Client(http1=False, http2=True, timeout=5).get(f"http://127.0.0.1:{port}/")
except httpx.TransportError as error:
    told = type(error).__name__
else:
    told = "no error"
with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    print(told, connection.recv(12).decode())
PY
for parser in h11 httptools; do
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    venv/bin/uvicorn --http "$parser" --host 127.0.0.1 --port "$port" app:app >"$parser.log" 2>&1 &
    pid=$!
    echo "$parser: $(timeout 60 venv/bin/python client.py "$port"); $(grep -m1 CALLED "$parser.log" || echo 'not called')" |
        tee -a seen
    kill "$pid"
    wait "$pid" 2>/dev/null || true
done
grep -q '^h11: RemoteProtocolError HTTP/1.1 200; CALLED PRI \* 2.0$' seen &&
    grep -q '^httptools: RemoteProtocolError HTTP/1.1 400; not called$' seen ||
    { echo "CHANGED: expected 200 and a call with h11, 400 and none with httptools" >&2; exit 1; }
