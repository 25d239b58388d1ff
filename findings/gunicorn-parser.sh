#!/usr/bin/env bash
# What: gunicorn parses requests in C as soon as `gunicorn_h1c` can be imported, and says so nowhere; the two parsers
#   answer differently, and the extra that should bring the C one cannot be installed.
# Versions: gunicorn 27.0.1, with and without gunicorn_h1c 0.6.10.
# Seen: `--http-parser` is `auto`. `GET / HTTP/1.2` is answered with 200 in Python (RFC 9110 section 2.5: as 1.1) and
#   with 400 in C; the log of both is the same, line by line. `pip install 'gunicorn[fast]==27.0.1'` finds no
#   release of gunicorn_h1c from 0.6.14 on: the newest is older.
# For Twins: a package that somebody else installs changes the parser of every gunicorn in the environment, and with
#   it what is measured. The atlas reads the loaded parser back.
set -euo pipefail

folder=$(mktemp -d)
pid=
trap 'kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
cat >app.py <<'PY'
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
PY
cat >client.py <<'PY'
import socket
import sys
import time

for _ in range(100):
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.2\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            print(connection.recv(100).split()[1].decode())
            break
    except OSError:
        time.sleep(0.1)
PY
status_with() { # name, packages…
    local name=$1 port
    shift
    "${PYTHON:-python3}" -m venv "$name"
    "$name/bin/pip" install --quiet --disable-pip-version-check "$@"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$name/bin/gunicorn" --no-control-socket --bind "127.0.0.1:$port" app:app >"$name.log" 2>&1 &
    pid=$!
    timeout 60 "$name/bin/python" client.py "$port"
    kill "$pid"
    wait "$pid" 2>/dev/null || true
}

python=$(status_with python gunicorn==27.0.1)
c=$(status_with c gunicorn==27.0.1 gunicorn_h1c==0.6.10)
echo "GET / HTTP/1.2: $python in Python, $c where gunicorn_h1c is installed"
said=$(cat python.log c.log | grep -ci 'h1c\|parser' || true)
echo "lines of both logs that name a parser: $said"
if python/bin/pip install --quiet --disable-pip-version-check --dry-run 'gunicorn[fast]==27.0.1' 2>pip.log; then
    fast=installs
else
    fast=$(grep -o 'No matching distribution found for gunicorn[_-]h1c>=0.6.14' pip.log | head -1)
fi
echo "gunicorn[fast]: $fast"
[ "$python" = 200 ] && [ "$c" = 400 ] && [ "$said" = 0 ] && [[ $fast == No* ]] ||
    { echo "CHANGED: expected 200, 400, silence and an extra that does not install" >&2; exit 1; }
