"""`python -m wsgi_app`: become a server, with options for what differs between the concurrency models."""

import argparse
import os
import sys
from typing import Any

from shared.settings import CONNECTIONS, KEEP_ALIVE_S
from wsgi_app.launch import WORKER_CLASSES, granian_command, gunicorn_command


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m wsgi_app", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--server", choices=("gunicorn", "granian"), default="gunicorn")
    parser.add_argument("--worker-class", choices=WORKER_CLASSES, help="gunicorn's (default: gthread)")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--threads", type=int, help="per process (default: 32 for gthread and granian, 1 for others)"
    )
    parser.add_argument(
        "--connections", type=int, default=CONNECTIONS, help="per process at once: gevent's slots"
    )
    parser.add_argument("--keep-alive", type=int, default=KEEP_ALIVE_S, metavar="SECONDS")
    parser.add_argument("--files", help="the folder to serve (default: a generated corpus)")
    options = parser.parse_args()
    if options.worker_class and options.server != "gunicorn":
        parser.error(f"--worker-class is {options.worker_class}; {options.server} has threads only.")
    try:
        command = _command(options)
    except ValueError as error:
        parser.error(str(error))
    if options.files:
        if not os.path.isdir(options.files):
            parser.error(f"--files is {options.files!r}, which is not a folder.")
        os.environ["TWINS_FILES"] = os.path.abspath(options.files)
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted: the server's pid and signals are ours


def _command(options: argparse.Namespace) -> list[str]:
    worker_class = options.worker_class or "gthread"
    common: dict[str, Any] = {
        "host": options.host,
        "port": options.port,
        "processes": options.processes,
        "threads": options.threads or (32 if worker_class == "gthread" else 1),
        "keep_alive_s": options.keep_alive,
        "connections": options.connections,
    }
    if options.server == "granian":
        return granian_command(**common)
    return gunicorn_command(worker_class, **common)


if __name__ == "__main__":
    main()
