"""The guardian: nothing outlives what started it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests.lab import journal, processes
from tests.conftest import require

FAMILY = "sleep 60 & setsid sleep 60 & exec sleep 60"


def start(command: list[str], tmp_path: Path, **environment: str) -> processes.Guarded:
    return processes.start(command, environment=environment, cpus=None, log=tmp_path / "log")


def test_status_and_output_of_a_command_that_ends(tmp_path: Path) -> None:
    child = start(["sh", "-c", "echo said; echo wrong >&2; exit 5"], tmp_path)
    assert processes.wait([child], 5)
    assert child.ended()
    assert child.exit_status == 5
    assert child.tail() == "said\nwrong"


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    child = start(["no-such-program-at-all"], tmp_path)
    processes.wait([child], 5)
    assert child.ended()
    assert child.exit_status == 127
    assert child.tail() == "no-such-program-at-all: No such file or directory"


def test_sigterm_then_sigkill(tmp_path: Path) -> None:
    willing = start(["sleep", "60"], tmp_path)
    assert processes.stop(willing, 5) == "SIGTERM"
    assert willing.exit_status == -signal.SIGTERM
    deaf = start(["sh", "-c", "trap '' TERM; echo ready; while true; do sleep 0.1; done"], tmp_path)
    while "ready" not in deaf.tail():
        time.sleep(0.01)
    assert processes.stop(deaf, 0.2) == "SIGKILL"
    assert deaf.exit_status == -signal.SIGKILL
    assert processes.stop(deaf, 0.2) == "died"


def test_what_a_command_leaves_behind_is_killed_and_counted(
    tmp_path: Path, processes_of: Callable[[str], list[str]]
) -> None:
    require(Path("/proc/self/task").is_dir(), "there is no /proc")
    child = start(["sh", "-c", FAMILY], tmp_path, MARK=str(tmp_path))
    while len(processes_of(str(tmp_path))) < 4:
        time.sleep(0.01)
    assert processes.stop(child, 5) == "SIGTERM"
    assert child.leftovers == 2
    assert processes_of(str(tmp_path)) == []


@pytest.mark.parametrize("victim", ["suite", "guardian"])
def test_nothing_outlives_a_killed_suite_or_guardian(
    victim: str, tmp_path: Path, processes_of: Callable[[str], list[str]]
) -> None:
    require(Path("/proc/self/task").is_dir(), "there is no /proc")
    command = FAMILY if victim == "suite" else "exec sleep 60"
    program = f"""
        import time
        from pathlib import Path
        from loadtests.lab import journal, processes
        child = processes.start(["sh", "-c", {command!r}], environment={{}}, cpus=None, log=Path("log"))
        print(child.guardian.pid, flush=True)
        time.sleep(60)
    """
    suite = subprocess.Popen(  # noqa: S603  our own program
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        env={**os.environ, "MARK": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert suite.stdout is not None
    guardian = int(suite.stdout.readline())
    time.sleep(0.2)
    os.kill(suite.pid if victim == "suite" else guardian, signal.SIGKILL)
    deadline = time.monotonic() + 5
    rest = 0 if victim == "suite" else 1  # the suite itself lives on where its guardian died
    while len(processes_of(str(tmp_path))) > rest and time.monotonic() < deadline:
        time.sleep(0.01)
    left = processes_of(str(tmp_path))
    suite.kill()
    suite.communicate()
    assert len([line for line in left if "sleep" in line.split()[0]]) == 0


def test_pinning(tmp_path: Path) -> None:
    require(hasattr(os, "sched_getaffinity"), "this system cannot pin")
    cpu = min(os.sched_getaffinity(0))
    code = "import os; print(sorted(os.sched_getaffinity(0)))"
    child = processes.start([sys.executable, "-c", code], environment={}, cpus=[cpu], log=tmp_path / "log")
    processes.wait([child], 5)
    assert child.ended()
    assert child.tail() == f"[{cpu}]"


def test_leftovers_of_a_run_are_ended_but_no_stranger_is(tmp_path: Path) -> None:
    require(Path("/proc/self/stat").is_file(), "there is no /proc")
    left, stranger = (
        subprocess.Popen(["sleep", "60"], start_new_session=True)  # noqa: S607  of the system
        for _ in range(2)
    )
    journal.note_process(tmp_path, left.pid)
    note = json.dumps({"pid": stranger.pid, "started": "another boot/1"})
    with (tmp_path / journal.PROCESSES).open("a") as file:
        file.write(note + "\n" + '{"pid": 1')
    assert journal.end_leftovers(tmp_path) == 1
    assert left.wait(5) == -signal.SIGKILL
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
    assert journal.end_leftovers(tmp_path) == 0
