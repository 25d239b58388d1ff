"""What the instrument is held against: nginx, wrk, Locust's own users, on processors of their own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.instrument.running import free_port

SERVER_CPU, GENERATOR_CPU = 0, -1
FAST_USER = """
from locust import FastHttpUser, task

class Fast(FastHttpUser):
    @task
    def get(self):
        self.client.get("PATH")
"""
PACED_USER = """
from locust import FastHttpUser, constant_throughput, task

class Paced(FastHttpUser):
    wait_time = constant_throughput(10)

    @task
    def get(self):
        self.client.get("PATH")
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = / {{ default_type text/plain; return 200 "Hello, World!"; }}
    location /large {{ root {folder}; }}
  }}
}}
"""


def cpu(position: int) -> int:
    return sorted(os.sched_getaffinity(0))[position]


@contextmanager
def pinned(position: int) -> Iterator[None]:
    """Whatever is started inside runs on one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu(position)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def nginx(folder: Path) -> Iterator[int]:
    port = free_port()
    folder.chmod(0o755)  # nginx's worker is another user
    (folder / "large").write_bytes(os.urandom(2**20))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with pinned(SERVER_CPU):
        server = subprocess.Popen(  # noqa: S603 - nginx with a configuration of ours
            [program, "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL
        )
    try:
        deadline = time.monotonic() + 10
        while not _answers(port):
            if time.monotonic() > deadline:
                raise SystemExit("nginx did not answer within 10 s.")
            time.sleep(0.05)
        yield port
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait()


def stock(folder: Path, port: int, path: str, source: str, seconds: int, users: int = 32) -> dict[str, float]:
    """Locust with a stock user; its own CSV."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    (folder / "stock.py").write_text(source.replace("PATH", path))
    command = [
        *(sys.executable, "-m", "locust", "-f", str(folder / "stock.py"), "--headless", "--only-summary"),
        *("--host", f"http://127.0.0.1:{port}", "--users", str(users), "--spawn-rate", str(users)),
        *("--run-time", f"{seconds}s", "--stop-timeout", "5"),
    ]
    with pinned(GENERATOR_CPU):
        told = subprocess.run(  # noqa: S603 - Locust
            command, cwd=folder, capture_output=True, text=True, check=False
        )
    rows = [line.split() for line in told.stderr.splitlines() if " Aggregated " in line]
    return {"requests_per_s": float(rows[0][-2]), "p90_ms": float(rows[-1][5])}


def wrk(port: int, path: str, seconds: int) -> float:
    command = ["wrk", "-t1", "-c32", f"-d{seconds}", f"http://127.0.0.1:{port}{path}"]
    with pinned(GENERATOR_CPU):
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - wrk
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    return float(found.group(1)) if found else 0.0
