#!/usr/bin/env bash
# What: gunicorn's `backlog` does not reach its ASGI worker: asyncio listens on the socket again with 100.
# Versions: gunicorn 27.0.1; asyncio of CPython 3.11.
# Seen: with `--backlog 2048`, `ss` shows a queue of 2048 for `-k sync` and of 100 for `-k asgi`. The master calls
#   listen(2048); the worker hands the socket to `loop.create_server(sock=…)`, whose default of `backlog=100`
#   makes it call listen(100) on the same socket, and the last call counts. uvicorn passes its own and has 2048.
# For Twins: in a peak, clients of asgi-gunicorn from the 102nd on wait for a second SYN, one second or more: its
#   tail there is the queue's, not the interface's. The faces of the service have to listen again themselves.
set -euo pipefail
command -v ss >/dev/null || { echo "ss (iproute2) is needed" >&2; exit 2; }

folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gunicorn==27.0.1
cd "$folder"
cat >app.py <<'PY'
def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
PY

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

queue_of() { # worker class, application
    local port
    port=$(free_port)
    venv/bin/gunicorn --no-control-socket --backlog 2048 --worker-class "$1" --bind "127.0.0.1:$port" "app:$2" \
        >"$1.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 100); do # until it answers: then the worker has the socket
        (exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && timeout 5 grep -q ok <&3) \
            2>/dev/null && break
        sleep 0.1
    done
    ss -ltnH "sport = :$port" | awk '{print $3}'
}

sync=$(queue_of sync wsgi)
asgi=$(queue_of asgi asgi)
echo "gunicorn 27.0.1 --backlog 2048: sync listens with $sync, asgi with $asgi"
[ "$sync" = 2048 ] && [ "$asgi" = 100 ] || { echo "CHANGED: expected 2048 and 100" >&2; exit 1; }
