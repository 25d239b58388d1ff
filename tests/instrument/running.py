"""Real generators and planted servers as child processes; pytest's own process never imports gevent."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loadtests.model.records import GeneratorDocument
from loadtests.model.samples import KINDS, MEASURE, Samples, read_samples
from tests import forks

ROOT = Path(__file__).parent.parent.parent
LOCUSTFILE = ROOT / "loadtests" / "locustfile.py"
PLANTED = Path(__file__).parent / "planted.py"
PATIENCE_S = 60
CALM = ("--twins-think-ms", "4")
"""A pause after each answer of a server that answers at once, so that a test leaves the machine to others."""


@dataclass(frozen=True)
class Outcome:
    """A generator that has ended."""

    folder: Path
    status: int
    output: str

    @property
    def document(self) -> GeneratorDocument:
        return GeneratorDocument.model_validate_json((self.folder / "generator.json").read_text())

    @property
    def samples(self) -> Samples:
        path = self.folder / "samples.bin"
        assert path.is_file(), self.output
        return np.array(read_samples(path))

    @property
    def measured(self) -> Samples:
        samples = self.samples
        return np.asarray(samples[samples["phase"] == MEASURE])

    def kinds(self) -> dict[str, int]:
        numbers, counts = np.unique(self.samples["kind"], return_counts=True)
        return {KINDS[n]: c for n, c in zip(numbers.tolist(), counts.tolist(), strict=True)}

    def live(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "live.jsonl").read_text().splitlines()]


@contextmanager
def telling(command: Sequence[str]) -> Iterator[int]:
    """A server of the tests that writes its port to standard output, and ends with its standard input."""
    server = subprocess.Popen(  # noqa: S603 - our own server
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.stdin.close()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()


@contextmanager
def planted(host: str = "127.0.0.1", *certificate: Path) -> Iterator[int]:
    """A planted server on a free port, stopped by its own handle."""
    with telling([sys.executable, str(PLANTED), host, *map(str, certificate)]) as port:
        yield port


def fetch(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return json.load(response)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


Generator = forks.Forked | subprocess.Popen[str]


def start(folder: Path, url: str, *arguments: str, out: bool = True, around: Sequence[str] = ()) -> Generator:
    """Start Locust; its output goes to `folder/output.txt`. Forked where that can be."""
    own = ["-f", str(LOCUSTFILE), "--host", url, *(("--twins-out", str(folder)) if out else ()), *arguments]
    folder.mkdir(parents=True, exist_ok=True)
    if forks.POSSIBLE and not around:
        return forks.begin("locust", own, out=folder / "output.txt")
    with open(folder / "output.txt", "w", encoding="utf-8") as output:
        return subprocess.Popen(  # noqa: S603 - our own command
            [*around, sys.executable, "-m", "locust", *own],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            env=os.environ,
        )


def finish(folder: Path, process: Generator) -> Outcome:
    try:
        status = process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    return Outcome(folder, status, (folder / "output.txt").read_text())


def generate(folder: Path, url: str, *arguments: str) -> Outcome:
    """Run a headless generator to its end."""
    return finish(folder, start(folder, url, "--headless", "--only-summary", *arguments))


def measure(
    folder: Path, url: str, *arguments: str, fewest: int = 10, afresh: Callable[[], object] = lambda: None
) -> Outcome:
    """Run one for half a second, and where a busy machine let it take too few samples once more, for longer.

    `afresh` is called before each.
    """
    for duration in ("0.6", "5", "30"):
        afresh()
        outcome = generate(folder / duration, url, *arguments, "--twins-duration", duration)
        if outcome.status or len(outcome.samples) >= fewest:
            break
    return outcome


def get(
    folder: Path, port: int, path: str, *arguments: str, users: int = 4, duration: float = 1.0
) -> Outcome:
    """The scenario `get` over a planted path."""
    at_once = path == "/" or path.startswith("/every/")
    calm = CALM if at_once and "--twins-rate" not in arguments else ()
    return generate(
        folder,
        f"http://127.0.0.1:{port}",
        *("Get", "--twins-path", path, "--users", str(users), "--spawn-rate", str(users), *calm),
        *("--twins-duration", str(duration), *arguments),
    )
