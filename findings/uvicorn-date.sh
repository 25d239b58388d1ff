#!/usr/bin/env bash
# What: uvicorn's Date is of when a request began, not of its answer: a file made meanwhile is later than its own Date.
# Versions: uvicorn 0.54.0 (h11 0.16.0, httptools 0.9.0), granian 2.8.7, starlette 1.10.0.
# Seen: a handler waits for three seconds, writes a file and answers with Starlette's FileResponse. Under uvicorn, with either
#   parser, Last-Modified is three seconds after Date, which RFC 9110 section 8.8.2.1 forbids; under granian it is not later.
#   uvicorn takes its default headers, Date among them, when the head of the request is there; and it renews them once a
#   second, so that fast answers have the same within a second.
# For Twins: caches compute ages from Date, and a validator is strong only by it. Both of our uvicorn protocols write a Date of
#   the moment when the head of the answer is sent.
set -euo pipefail

folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvicorn==0.54.0 h11==0.16.0 httptools==0.9.0 \
    granian==2.8.7 starlette==1.10.0
cd "$folder"
cat >app.py <<'PY'
import asyncio
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route


async def made(request):
    await asyncio.sleep(3)
    Path("made.txt").write_text("made")
    return FileResponse("made.txt")


app = Starlette(routes=[Route("/", made)])
PY
cat >ask.py <<'PY'
"""How many seconds Last-Modified is after Date."""

import sys
import time
import urllib.request
from email.utils import parsedate_to_datetime

for _ in range(100):
    try:
        answer = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/", timeout=20)
        break
    except OSError:
        time.sleep(0.1)
modified, date = (parsedate_to_datetime(answer.headers[name]) for name in ("Last-Modified", "Date"))
print(int((modified - date).total_seconds()))
PY
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

later() { # a command line, to which its port is added
    local port
    port=$(free_port)
    "$@" --port "$port" >"$folder/log" 2>&1 &
    pids+=($!)
    seconds=$(venv/bin/python ask.py "$port")
}

later venv/bin/uvicorn app:app --http h11 --log-level warning
h11=$seconds
later venv/bin/uvicorn app:app --http httptools --log-level warning
httptools=$seconds
later venv/bin/granian --interface asgi --no-ws app:app
granian=$seconds
echo "Last-Modified is after Date by: $h11 s (uvicorn, h11), $httptools s (uvicorn, httptools), $granian s (granian)"
[ "$h11" -ge 2 ] && [ "$httptools" -ge 2 ] && [ "$granian" -le 0 ] ||
    { echo "CHANGED: expected 2 or more, 2 or more, and 0 or less" >&2; exit 1; }
