"""A server behind the shipped proxy, and the memory of both."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from loadtests.subjects.subject import Launch
from loadtests.subjects.twins.proxy import proxy_configuration
from tests.conftest import require
from tests.servers import Running, free_port, running, running_command


@contextmanager
def behind_proxy(
    name: str, files: Path, timeout_s: float, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[Running, Running]]:
    """(server, its proxy)."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    require(nginx, "nginx is not installed")
    port = free_port()
    with running(name, files, environment=environment) as server:
        text = proxy_configuration(f"127.0.0.1:{server.port}", "127.0.0.1", port, timeout_s)
        line = Launch([nginx or "", "-e", "stderr", "-c", "{configuration}"], {}, text)
        with running_command(f"{name} behind nginx", line, port, {}) as proxy:
            yield server, proxy


def memory_mib(*servers: Running) -> float:
    """Resident memory of all processes of the servers; what they share is counted each time."""
    total = 0
    for server in servers:
        family = psutil.Process(server.process.pid)
        total += sum(process.memory_info().rss for process in (family, *family.children(recursive=True)))
    return total / 2**20
