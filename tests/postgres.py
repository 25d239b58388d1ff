"""A PostgreSQL of the tests' own: in a new folder, on a free port, from the machine's installed program."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from tests.conftest import require
from tests.servers import free_port

START_S = 30.0
USER = "twins"


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, the newest where there are several."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    installed = shutil.which("postgres")
    return Path(installed).resolve().parent if installed else None


def unprivileged() -> str | None:
    """The user to run as: PostgreSQL refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


@dataclass
class Postgres:
    """A server that tests may stop, freeze and start again."""

    bin: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def create_database(self, name: str) -> str:
        """A new empty database; its address."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the program that was found
                [
                    str(self.bin / "postgres"),
                    *("-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder)),
                    *("-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=unprivileged(),
            )
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self.folder / "log").read_text(errors="replace")[-4000:]) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """End it and every connection at once."""
        if self.process is not None:
            self.signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            self.signal(signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    def signal(self, number: int) -> None:
        """Send a signal to the server and all its backends."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self.process.pid)
            for process in (*postmaster.children(recursive=True), postmaster):
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server; skips where PostgreSQL is not installed."""
    bin_folder = programs()
    require(bin_folder is not None, "PostgreSQL's server is not installed")
    assert bin_folder is not None
    with tempfile.TemporaryDirectory(prefix="twins-pg-") as name:
        folder = Path(name)
        if user := unprivileged():
            shutil.chown(folder, user)
        subprocess.run(  # noqa: S603 - the program that was found
            [
                str(bin_folder / "initdb"),
                *("-D", str(folder / "data"), "-U", USER, "-A", "trust", "-N", "-E", "UTF8", "--locale=C"),
            ],
            check=True,
            capture_output=True,
            cwd=folder,
            user=unprivileged(),
        )
        server = Postgres(bin_folder, folder, free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()
