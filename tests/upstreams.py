"""An upstream for tests: its own process on a free port, asked for its counts, stopped by its own handle."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.servers import free_port
from tests.wire import ask

START_S = 20.0


@dataclass(frozen=True)
class Upstream:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(ask(self.port, "GET", "/hits").body)
        return found

    def hits(self) -> int:
        return self.counts()["hits"]

    def reset(self) -> None:
        assert ask(self.port, "DELETE", "/hits").status == 200


@contextmanager
def upstream_running(port: int | None = None) -> Iterator[Upstream]:
    port = port or free_port()
    command = [sys.executable, "-m", "loadtests.subjects.twins.upstream", "--port", str(port)]
    process = subprocess.Popen(command)  # noqa: S603
    try:
        deadline = time.monotonic() + START_S
        while True:
            with suppress(OSError):
                ask(port, "GET", "/hits")
                break
            assert process.poll() is None
            assert time.monotonic() < deadline, "the upstream does not serve"
            time.sleep(0.02)
        yield Upstream(port, process)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)
