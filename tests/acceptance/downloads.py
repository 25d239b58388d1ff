"""`make accept downloads`: the twins beside their peers and nginx, by wrk, one core each, in one run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from shared.corpus import default_directory, ensure_corpus
from tests.acceptance.figures import end, median, show
from tests.servers import Running, running

SERVERS = ("asgi-uvicorn", "peer-fastapi", "wsgi-gthread", "peer-flask", "nginx")
SIZES = ("1KiB", "64KiB", "1MiB")
ROUNDS = 5
CONNECTIONS = 32
SECONDS = 2


def main() -> None:
    missing = [tool for tool in ("wrk", "nginx", "taskset") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"{', '.join(missing)} must be installed for this comparison.")
    files = ensure_corpus(default_directory())
    rates: dict[tuple[str, str], list[float]] = {}
    for number in range(ROUNDS):
        for name in SERVERS if number % 2 == 0 else reversed(SERVERS):
            with running(name, files) as server:
                pin_family(server)
                for size in SIZES:
                    rates.setdefault((name, size), []).append(rate_per_s(server, f"/files/random/{size}.bin"))
    table = {key: median(values) for key, values in rates.items()}
    for size in SIZES:
        print(size, {name: round(table[name, size]) for name in SERVERS}, "requests/s, medians of", ROUNDS)
    for size in SIZES:
        show(
            f"asgi-uvicorn / peer-fastapi at {size}",
            table["asgi-uvicorn", size] / table["peer-fastapi", size],
            3,
        )
    for size, limit in (("1KiB", 1.3), ("64KiB", 1.3), ("1MiB", 1.15)):
        show(
            f"wsgi-gthread / peer-flask at {size}",
            table["wsgi-gthread", size] / table["peer-flask", size],
            limit,
        )
    for name in ("asgi-uvicorn", "wsgi-gthread"):
        show(f"{name} / nginx at 1MiB", table[name, "1MiB"] / table["nginx", "1MiB"], 0.9)
    end()


def pin_family(server: Running) -> None:
    subprocess.run(["taskset", "-acp", "0", str(server.process.pid)], check=True, capture_output=True)  # noqa: S603, S607
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    for child in children:
        subprocess.run(["taskset", "-acp", "0", child], check=True, capture_output=True)  # noqa: S603, S607


def rate_per_s(server: Running, target: str) -> float:
    wrk = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}"]
    subprocess.run([*wrk, "-d1", server.url + target], check=True, capture_output=True)  # noqa: S603
    output = subprocess.run(  # noqa: S603 - wrk on a server of our own
        [*wrk, f"-d{SECONDS}", server.url + target], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None or "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{server.name} failed under load:\n{output}")
    return float(found[1])


if __name__ == "__main__":
    main()
