"""What must survive the suite's death: who measures on this machine, and which processes it started."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from loadtests.model.paths import cache_directory

PROCESSES = "processes.jsonl"


class Busy(RuntimeError):
    """Another measurement is under way on this machine."""


@contextmanager
def measuring(what: str) -> Iterator[None]:
    """Hold the machine's measuring lock; raises Busy. The kernel releases it whatever happens to us."""
    directory = cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "measuring.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise Busy(
                f"{holder} measures on this machine already; two at once would measure each other. "
                "Wait until it has ended."
            ) from None
        file.truncate(0)
        file.write(f"{what} (process {os.getpid()})")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def note_process(run: Path, pid: int) -> None:
    """Record a process by its id and start time, so that `end_leftovers` never kills a stranger."""
    with (run / PROCESSES).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"pid": pid, "started": start_time(pid)}) + "\n")


def end_leftovers(run: Path) -> int:
    """Kill recorded processes that still live, each with its session; returns how many there were."""
    path = run / PROCESSES
    if not path.is_file():
        return 0
    killed = 0
    for line in path.read_text(encoding="utf-8").split("\n"):
        with suppress(ValueError, OSError):
            noted = json.loads(line)
            if noted["started"] is not None and start_time(noted["pid"]) == noted["started"]:
                os.killpg(noted["pid"], signal.SIGKILL)
                killed += 1
    path.unlink()
    return killed


def start_time(pid: int) -> str | None:
    """The boot's id and the process's start time since boot; None where there is no such process."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        if fields[0] != b"Z":
            return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + f"/{int(fields[19])}"
    return None
