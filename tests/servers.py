"""Servers for tests: started on a free port, waited for by polling, stopped by their own handle."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from loadtests.subjects.subject import Launch
from loadtests.subjects.twins.launching import launch
from loadtests.subjects.twins.servers import SERVERS
from tests.wire import ask

START_S = 30.0
STOP_S = 20.0


@dataclass(frozen=True)
class Running:
    """A live server: `process` leads its own session; `log` is where it writes."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    name: str,
    files: Path,
    *,
    processes: int | None = None,
    threads: int | None = None,
    environment: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Running]:
    """A server of the table, by its own launch line."""
    port = port or free_port()
    line = launch(SERVERS[name], port=port, processes=processes, threads=threads, files=files)
    with running_command(name, line, port, environment or {}) as server:
        yield server


@contextmanager
def running_command(
    name: str, line: Launch, port: int, environment: Mapping[str, str], *, health: str = "/health"
) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="twins-") as folder:
        state = Path(folder)
        command = line.command
        if line.configuration is not None:
            configuration = state / "server.conf"
            configuration.write_text(line.configuration.replace("{configuration}", str(configuration)))
            command = [part.replace("{configuration}", str(configuration)) for part in command]
        log = state / "server.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(  # noqa: S603 - the command is a launch line of the table
                command,
                env={**os.environ, "TWINS_STATE": str(state / "state"), **line.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = Running(name, port, process, log)
        try:
            wait_until_serving(server, health)
            yield server
        finally:
            stop(server)


def wait_until_serving(server: Running, health: str = "/health") -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(
                    f"GET {health} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode()
                )
                if connection.recv(1024).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{server.name} does not serve:\n{server.log.read_text(errors='replace')[-4000:]}")


def wait_until_all_serve(server: Running) -> None:
    """The rest of the server processes, where there are several: each has answered once."""
    deadline = time.monotonic() + START_S
    seen: set[int] = set()
    with ThreadPoolExecutor(8) as pool:
        while len(seen) < SERVERS[server.name].processes:
            assert time.monotonic() < deadline, f"of {server.name} serve only {seen}"
            answers = pool.map(lambda _: ask(server.port, "GET", "/health"), range(8))
            seen |= {json.loads(answer.body)["pid"] for answer in answers}


def stop(server: Running) -> None:
    """End the server as an operator would; what is left of its session after that is killed."""
    server.process.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.process.wait(STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(STOP_S)
