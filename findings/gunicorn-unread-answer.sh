#!/usr/bin/env bash
# What: a client that has not read its answer to the end holds gunicorn's only sync worker for two seconds, though
#   the answer was sent whole long before.
# Versions: gunicorn 27.0.1; urllib.request of CPython 3.11.
# Seen: `urlopen` returns after the head and keeps the connection until the body was read. Meanwhile a second client
#   waits 2.0 s for its own answer. gunicorn closes as RFC 9112 section 9.6 advises: it shuts its side down and
#   waits up to 2 s for the client's; it does so in the worker (sync) or in one of its threads (gthread).
#   uvicorn answers the second client in a few milliseconds.
# For Twins: with wsgi-sync each client must read at once and close at once, or what is measured is this wait; the
#   load generator does. Behind a proxy that reads ahead of its clients nothing of it is seen.
set -euo pipefail

folder=$(mktemp -d)
pid=
trap 'kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gunicorn==27.0.1
cd "$folder"
cat >app.py <<'PY'
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
PY
cat >clients.py <<'PY'
import sys
import time
import urllib.request

url = f"http://127.0.0.1:{sys.argv[1]}/"
for _ in range(100):
    try:
        urllib.request.urlopen(url, timeout=5).read()
        break
    except OSError:
        time.sleep(0.1)
first = urllib.request.urlopen(url, timeout=5)  # its head is here, and its two bytes
start = time.monotonic()
urllib.request.urlopen(url, timeout=10).read()
unread = time.monotonic() - start
first.read()
start = time.monotonic()
urllib.request.urlopen(url, timeout=10).read()
read = time.monotonic() - start
print(f"while another client has not read its two bytes: {unread:.2f} s; after it did: {read:.3f} s")
sys.exit(0 if 1.5 < unread < 4 and read < 1 else 1)
PY
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
venv/bin/gunicorn --no-control-socket --worker-class sync --bind "127.0.0.1:$port" app:app >log 2>&1 &
pid=$!
timeout 60 venv/bin/python clients.py "$port" || { echo "CHANGED: expected about 2 s, then nothing" >&2; exit 1; }
