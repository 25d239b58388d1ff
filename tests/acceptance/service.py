"""`make accept service`: the last byte of a large file, a Range header of 10,000 members, every server."""

import http.client
import resource
import tempfile
from pathlib import Path

import psutil

from loadtests.subjects.twins.servers import SERVERS
from tests.acceptance.figures import best_s, end, show
from tests.servers import Running, running

SIZE = 256 * 1024 * 1024
TWINS = [name for name, server in SERVERS.items() if server.is_twin]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="twins-") as folder:
        files = Path(folder)
        block = bytes(range(256)) * 4096
        with open(files / "big.bin", "wb") as file:
            for _ in range(SIZE // len(block)):
                file.write(block)
        answers = set()
        for name in TWINS:
            with running(name, files) as server:
                fetch(server, "bytes=0-0")  # digests the file
                first = best_s(lambda server=server: fetch(server, "bytes=0-0"), 20)  # type: ignore[misc]
                last = best_s(lambda server=server: fetch(server, f"bytes={SIZE - 1}-"), 20)  # type: ignore[misc]
                show(f"{name}: last byte / first byte of 256 MiB", last / first, 2, at_least=False)
                before = memory_bytes(server)
                for members in ("0-0", "-1", "7-9"):
                    value = "bytes=" + ",".join([members] * 10_000)
                    took = best_s(lambda server=server, value=value: fetch(server, value), 5)  # type: ignore[misc]
                    show(f"{name}: 10,000 times {members}", took * 1000, 50, at_least=False, unit=" ms")
                    answers.add(fetch(server, value))
                show(
                    f"{name}: memory grown",
                    (memory_bytes(server) - before) / 2**20,
                    64,
                    at_least=False,
                    unit=" MiB",
                )
        show("different answers", len(answers), 1, at_least=False)
        print("the answer: status, length", answers)
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    end()


def fetch(server: Running, value: str) -> tuple[int, int]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("GET", "/files/big.bin", headers={"Range": value})
        response = connection.getresponse()
        length = int(response.headers["Content-Length"])
        response.read(1)
        return response.status, length
    finally:
        connection.close()


def memory_bytes(server: Running) -> int:
    family = psutil.Process(server.process.pid)
    total: int = sum(process.memory_info().rss for process in (family, *family.children(recursive=True)))
    return total


if __name__ == "__main__":
    main()
