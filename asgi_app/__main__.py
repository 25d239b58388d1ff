"""`python -m asgi_app`: become a server, with options for what differs between the concurrency models."""

import argparse
import os
import sys
from typing import Any

from asgi_app.launch import LOOPS, PARSERS, granian_command, gunicorn_command, uvicorn_command
from shared.settings import HANDLERS, KEEP_ALIVE_S


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m asgi_app", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--server", choices=("uvicorn", "gunicorn", "granian"), default="uvicorn")
    parser.add_argument("--loop", choices=LOOPS, default="uvloop")
    parser.add_argument("--parser", choices=PARSERS, help="uvicorn's (default: httptools)")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--handlers", choices=HANDLERS, help="where handlers run (default: async)")
    parser.add_argument("--keep-alive", type=int, default=KEEP_ALIVE_S, metavar="SECONDS")
    parser.add_argument("--files", help="the folder to serve (default: a generated corpus)")
    options = parser.parse_args()
    if options.parser and options.server != "uvicorn":
        parser.error(f"--parser is {options.parser}; {options.server} has one of its own.")
    command = _command(options)
    if options.handlers:
        os.environ["TWINS_HANDLERS"] = options.handlers
    if options.files:
        if not os.path.isdir(options.files):
            parser.error(f"--files is {options.files!r}, which is not a folder.")
        os.environ["TWINS_FILES"] = os.path.abspath(options.files)
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted: the server's pid and signals are ours


def _command(options: argparse.Namespace) -> list[str]:
    common: dict[str, Any] = {
        "host": options.host,
        "port": options.port,
        "processes": options.processes,
        "keep_alive_s": options.keep_alive,
    }
    if options.server == "gunicorn":
        return gunicorn_command(loop=options.loop, **common)
    if options.server == "granian":
        return granian_command(loop=options.loop, **common)
    return uvicorn_command(options.loop, options.parser or "httptools", **common)


if __name__ == "__main__":
    main()
