"""A small folder to serve, a cache of its own, and the command line as a user runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import forks

SHORT = """# A plan of a test.
[time]
warmup_s = 0.1
measure_s = 0.4
drain_s = 1
start_s = 20
stop_s = 5
"""
ROOT = Path(__file__).parent.parent.parent
PLANTED = Path(__file__).with_name("planted.py")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Laboratory:
    """Runs `twins` in a folder of its own; nothing of the user's is read or written."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path, served: Path, **more: str) -> "Laboratory":
        environment = {
            **os.environ,
            "XDG_CACHE_HOME": str(folder / "cache"),
            "TWINS_FILES": str(served),
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            **more,
        }
        environment.pop("TWINS_SET", None)
        return cls(folder, environment)

    def twins(self, *arguments: str, timeout_s: float = 240) -> Outcome:
        """Run it to its end; in a fork, where nothing changes how the interpreter itself runs."""
        if forks.POSSIBLE and interpreter(self.environment) == interpreter(os.environ):
            done = forks.run(
                "twins",
                arguments,
                timeout_s=timeout_s,
                folder=self.folder,
                environment=self.environment,
            )
            return Outcome(done.returncode, done.stdout, done.stderr)
        done = subprocess.run(  # noqa: S603  our own command
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(  # noqa: S603  our own command
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "loadtests.cli", *arguments]

    def plan(self, text: str, name: str = "small.toml") -> str:
        """Write a plan whose cells are as short as they can be; its path."""
        (self.folder / name).write_text(SHORT + text, encoding="utf-8")
        return name

    def run_directory(self) -> Path:
        (only,) = (self.folder / "results").iterdir()
        return only


def interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which an interpreter runs otherwise; where it finds our code is known to a fork."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("PYTHON") and name not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    }


def planted(mode: str, number: float = 0) -> str:
    """A plan's command line of a planted server."""
    return json.dumps([sys.executable, str(PLANTED), mode, "{port}", "{files}", str(number)])


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    for name, size in (("random/1KiB.bin", 1024), ("random/1MiB.bin", 1 << 20), ("text/64KiB.txt", 1 << 16)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(
            os.urandom(size) if name.endswith("bin") else (b"one two three\n" * 5000)[:size]
        )
    return folder


@pytest.fixture
def laboratory(tmp_path: Path, served: Path) -> Laboratory:
    return Laboratory.of(tmp_path, served)


@pytest.fixture(scope="session")
def processes_of() -> Callable[[str], list[str]]:
    """Live processes in whose environment a text stands, by command line; needs `/proc`."""

    def find(text: str) -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if text.encode() in (path / "environ").read_bytes():
                    found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    return find
