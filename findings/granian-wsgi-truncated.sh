#!/usr/bin/env bash
# What: where a WSGI application fails midway through a stream, granian ends the response as if it were whole.
# Versions: granian 2.8.7 and gunicorn 27.0.1, Flask 3.1.3; requests 2.33.0.
# Seen: a Flask view whose generator raises after its first line gives `requests` a 200 with one line and no error:
#   granian sends the last chunk. gunicorn closes without it and the client gets a ChunkedEncodingError, which is what
#   RFC 9112 section 8 is for. granian over ASGI closes without it, too.
# For Twins: a truncated export is taken for the whole on granian-wsgi only. The service's own downloads have a
#   length, its streams end in words of their own; other applications need a length, a digest or a last line.
set -euo pipefail

folder=$(mktemp -d)
pid=
trap 'kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    granian==2.8.7 gunicorn==27.0.1 flask==3.1.3 requests==2.33.0
cd "$folder"
cat >app.py <<'PY'
from flask import Flask, Response

app = Flask(__name__)


@app.get("/")
def ready():
    return "ok"


@app.get("/export")
def export():
    def lines():
        yield "line 1 of 2\n"
        raise RuntimeError("the database went away")

    return Response(lines(), mimetype="text/plain")
PY
cat >client.py <<'PY'
import sys
import time

import requests

url = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(100):
    try:
        requests.get(url, timeout=5)
        break
    except requests.ConnectionError:
        time.sleep(0.1)
try:
    answer = requests.get(f"{url}/export", timeout=5)
    print(answer.status_code, repr(answer.text))
except requests.RequestException as error:
    print(type(error).__name__)
PY
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

seen_of() { # name, port, command…
    local name=$1 port=$2
    shift 2
    "$@" >"$name.log" 2>&1 &
    pid=$!
    echo "$name: $(timeout 60 venv/bin/python client.py "$port")" | tee -a seen
    kill "$pid"
    wait "$pid" 2>/dev/null || true
}

port=$(free_port)
seen_of granian "$port" venv/bin/granian --interface wsgi --host 127.0.0.1 --port "$port" app:app
port=$(free_port)
seen_of gunicorn "$port" venv/bin/gunicorn --no-control-socket --bind "127.0.0.1:$port" app:app
grep -qxF "granian: 200 'line 1 of 2\\n'" seen && grep -qx "gunicorn: ChunkedEncodingError" seen ||
    { echo "CHANGED: expected a whole answer from granian and an error from gunicorn" >&2; exit 1; }
