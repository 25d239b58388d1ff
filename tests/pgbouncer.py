"""A PgBouncer of the tests' own, before a PostgreSQL of the tests' own."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.conftest import require
from tests.postgres import START_S, USER, Postgres, unprivileged
from tests.servers import free_port

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={upstream}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = 3
max_client_conn = 500
admin_users = {user}
logfile = {folder}/log
"""


@contextmanager
def pooled(server: Postgres, mode: str, **settings: str) -> Iterator[int]:
    """The port of a running PgBouncer; skips where it is not installed."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    require(program, "PgBouncer is not installed")
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="twins-pgbouncer-") as name:
        folder, port = Path(name), free_port()
        (folder / "users").write_text(f'"{USER}" ""\n')
        configuration = CONFIGURATION.format(
            upstream=server.port, port=port, folder=folder, mode=mode, user=USER
        )
        lines = [f"{key} = {value}" for key, value in settings.items()]
        (folder / "ini").write_text("\n".join([configuration, *lines, ""]))
        if user := unprivileged():
            shutil.chown(folder, user)
        process = subprocess.Popen(  # noqa: S603 - the program that was found
            [program, "-q", str(folder / "ini")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
        )
        try:
            wait_until_pooling(port, process, folder)
            yield port
        finally:
            process.terminate()
            process.wait(20)


def wait_until_pooling(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(through(port, "postgres"), connect_timeout=2, autocommit=True).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((folder / "log").read_text(errors="replace")[-4000:]) from None
            time.sleep(0.05)


def through(port: int, name: str) -> str:
    return f"postgresql://{USER}@127.0.0.1:{port}/{name}"
