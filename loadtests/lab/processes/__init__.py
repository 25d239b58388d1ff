"""Starts and stops processes under a guardian, so that nothing outlives the suite."""

import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from loadtests.model.inherited import inherited

GUARDIAN = Path(__file__).with_name("guardian.py")
TAIL_BYTES, LINE = 16 * 1024, 500
StopSignal = Literal["SIGTERM", "SIGKILL", "died"]


class StartError(RuntimeError):
    """A process that could not be started, in one sentence."""


@dataclass
class Guarded:
    """A running command: its process id, its guardian, and once it has ended its exit status."""

    command: list[str]
    pid: int
    guardian: subprocess.Popen[bytes]
    log: Path
    started_unix_s: float
    exit_status: int | None = None
    leftovers: int = 0
    _received: bytearray = field(default_factory=bytearray)

    def fileno(self) -> int:
        """For `select`: readable when the process has ended."""
        assert self.guardian.stdout is not None  # noqa: S101  for mypy; it is a pipe
        return self.guardian.stdout.fileno()

    def ended(self) -> bool:
        if self.exit_status is None and select.select([self], [], [], 0)[0]:
            line = _line(self, 5.0)
            if line is None:
                self.exit_status = -signal.SIGKILL
            else:
                self.exit_status, self.leftovers = int(line[1]), int(line[2])
            self.close()
        return self.exit_status is not None

    def close(self) -> None:
        """Let the guardian kill whatever is left, and wait for it."""
        assert self.guardian.stdin is not None  # noqa: S101
        self.guardian.stdin.close()
        self.guardian.wait()

    def tail(self, count: int = 8) -> str:
        """The last lines of the log, for an error's text."""
        return "\n".join(last_lines(self.log, count)) or "it wrote nothing"


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log of any size, fit to be shown: without control characters, not overlong."""
    if not path.is_file():
        return []
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
        text = file.read().decode("utf-8", errors="replace")
    lines = text.strip().splitlines()[-count:]
    return ["".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line)[:LINE] for line in lines]


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cpus: Collection[int] | None,
    log: Path,
    folder: Path | None = None,
) -> Guarded:
    """Start a command under a guardian in `folder`, output to `log`; raises StartError.

    `environment` is added to what is `inherited` of ours: nothing else of it reaches the command.
    """
    pin = ["--cpus", ",".join(map(str, sorted(cpus)))] if cpus else []
    with log.open("ab") as output:
        guardian = subprocess.Popen(  # noqa: S603  the plan's own command, no shell
            [sys.executable, "-I", "-S", str(GUARDIAN), *pin, "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env={**inherited(), **environment},
            cwd=folder,
            start_new_session=True,
        )
    guarded = Guarded(list(command), 0, guardian, log, time.time())
    line = _line(guarded, 10.0)
    if line is None or line[0] != "started":
        guarded.close()
        raise StartError(f"{shlex.join(command)} could not be started: {guarded.tail()}")
    guarded.pid = int(line[1])
    return guarded


def stop(guarded: Guarded, patience_s: float) -> StopSignal:
    """SIGTERM, then after `patience_s` SIGKILL for all its processes; says which of them it took."""
    if guarded.ended():
        return "died"
    try:
        os.kill(guarded.pid, signal.SIGTERM)
    except ProcessLookupError:  # it ended just now, and its guardian is about to say so
        wait([guarded], patience_s)
        return "died" if guarded.ended() else "SIGTERM"
    if wait([guarded], patience_s):
        guarded.ended()
        return "SIGTERM"
    kill(guarded)
    return "SIGKILL"


def kill(guarded: Guarded) -> None:
    """SIGKILL for all its processes, now."""
    if guarded.exit_status is None:
        assert guarded.guardian.stdin is not None  # noqa: S101
        guarded.guardian.stdin.close()
        guarded.guardian.wait()
        line = _line(guarded, 0.0)
        guarded.exit_status = int(line[1]) if line else -signal.SIGKILL


def wait(processes: Sequence[Guarded], timeout_s: float) -> list[Guarded]:
    """Sleep until one of the processes has ended; those that have, [] after `timeout_s`."""
    ready: list[Guarded] = select.select(processes, [], [], max(0.0, timeout_s))[0]
    return ready


def _line(guarded: Guarded, timeout_s: float) -> list[str] | None:
    """The guardian's next line as words; None when there is none."""
    deadline = time.monotonic() + timeout_s
    while b"\n" not in guarded._received:
        if not select.select([guarded], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return None
        part = os.read(guarded.fileno(), 4096)
        if not part:
            return None
        guarded._received += part
    line, _, rest = bytes(guarded._received).partition(b"\n")
    guarded._received = bytearray(rest)
    return line.decode().split()
