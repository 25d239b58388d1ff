#!/usr/bin/env bash
# What: granian hands a WSGI application an empty value for a field that holds a byte above ASCII; to an ASGI
#   application it hands on the bytes.
# Versions: granian 2.8.7.
# Seen: `X-Name: café` in Latin-1 (RFC 9110 section 5.5 calls such bytes opaque) is '' in `environ` and
#   b'caf\xe9' in the scope. PEP 3333 wants 'caf\xe9', which gunicorn, waitress and cheroot give. Nothing is logged.
# For Twins: a name from single sign-on vanishes on granian-wsgi only; the contract's own fields are ASCII.
set -euo pipefail

folder=$(mktemp -d)
pid=
trap 'kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check granian==2.8.7
cd "$folder"
cat >app.py <<'PY'
def wsgi(environ, start_response):
    body = ascii(environ.get("HTTP_X_NAME", "absent")).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] == "http":
        body = ascii(dict(scope["headers"]).get(b"x-name", "absent")).encode()
        head = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})
PY
cat >client.py <<'PY'
import http.client
import sys
import time

for _ in range(100):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
    try:
        connection.request("GET", "/", headers={"X-Name": "caf\xe9".encode("latin-1")})
        print(connection.getresponse().read().decode())
        break
    except OSError:
        time.sleep(0.1)
PY
for interface in wsgi asgi; do
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    venv/bin/granian --interface "$interface" --host 127.0.0.1 --port "$port" "app:$interface" >log 2>&1 &
    pid=$!
    echo "$interface: $(timeout 60 venv/bin/python client.py "$port")" | tee -a seen
    kill "$pid"
    wait "$pid" 2>/dev/null || true
done
grep -qx "wsgi: ''" seen && grep -qxF "asgi: b'caf\\xe9'" seen ||
    { echo "CHANGED: expected '' and b'caf\\xe9'" >&2; exit 1; }
