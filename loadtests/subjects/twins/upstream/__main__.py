"""`python -m loadtests.subjects.twins.upstream --port N`: serve as each address asks, until it is ended."""

import argparse
import asyncio
import sys
from contextlib import suppress

import uvloop

from loadtests.subjects.twins.upstream.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtests.subjects.twins.upstream", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8003)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(options.host, options.port))
        except OSError as error:
            sys.exit(f"the upstream cannot serve on {options.host}:{options.port}: {error.strerror}.")


if __name__ == "__main__":
    main()
