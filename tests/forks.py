"""Programs of ours that are imported once and forked for each run: `python -m tests.forks locust`.

A start of Locust or of `twins` costs a second of a processor, nearly all of it imports, and the tests need
hundreds. What runs after the fork is what `python -m locust` and `python -m loadtests.cli` run. Where a
system does not tell of the end of what is no child (`pidfd_open`), programs are started as usual.
"""

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent
POSSIBLE = hasattr(os, "pidfd_open")
PROGRAMS = {
    "locust": (
        "locust.main",
        *("loadtests.generator.hooks", "loadtests.generator.users", "loadtests.subjects.registry"),
    ),
    "wire": ("tests.instrument.wire_child",),
    "twins": ("loadtests.cli", "altair", "duckdb", "jinja2", "scipy.optimize", "scipy.stats", "vl_convert"),
}
"""What a program imports; the first module has its `main`."""
fork, waitpid = os.fork, os.waitpid  # as they are before gevent makes them its own


class Parent:
    """The process that was imported into; it ends with this one."""

    def __init__(self, program: str) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "tests.forks", program],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **document: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps(document), file=self._process.stdin, flush=True)
            return int(self._process.stdout.readline())


@dataclass
class Forked:
    """A run of a program, with the methods of `subprocess.Popen`."""

    parent: Parent
    pid: int
    returncode: int | None = field(default=None)

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            end = os.pidfd_open(self.pid)
            try:
                if not select.select([end], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("a forked program", timeout or 0)
            finally:
                os.close(end)
            self.returncode = self.parent.ask(ended=self.pid)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def parent(program: str) -> Parent:
    """Started on first use."""
    return Parent(program)


def begin(
    program: str,
    arguments: Sequence[str],
    *,
    out: Path,
    err: Path | None = None,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Forked:
    """Run a program in a folder; what it says is written to `out` and `err`, which may be one file."""
    pid = parent(program).ask(
        arguments=list(arguments),
        outputs=[str(out), str(err or out)],
        folder=str(folder),
        environment=dict(os.environ if environment is None else environment),
    )
    return Forked(parent(program), pid)


def run(
    program: str,
    arguments: Sequence[str],
    *,
    timeout_s: float,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end; AssertionError with what it said where that does not come in time."""
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        process = begin(program, arguments, out=out, err=err, folder=folder, environment=environment)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(out.read_text() + err.read_text()) from None
        return subprocess.CompletedProcess([program, *arguments], code, out.read_text(), err.read_text())


def become(run: Mapping[str, Any]) -> None:
    """The process of a run: its folder, environment, arguments, and where it writes."""
    out, err = run["outputs"]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    opened = [os.open(os.devnull, os.O_RDONLY), os.open(out, flags, 0o644)]
    opened.append(opened[1] if out == err else os.open(err, flags, 0o644))
    for descriptor, source in enumerate(opened):
        os.dup2(source, descriptor)
    for source in set(opened):
        os.close(source)
    os.chdir(run["folder"])
    os.environ.clear()
    os.environ.update(run["environment"])
    sys.argv[1:] = run["arguments"]
    if gevent := sys.modules.get("gevent"):
        gevent.reinit()


def end(main: Callable[[], object]) -> NoReturn:
    """Run `main` and end with its status, without the taking apart of all that was imported."""
    status: object = 1
    try:
        status = main()
    except SystemExit as ended:
        status = ended.code
        if isinstance(status, str):  # as the interpreter does
            print(status, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else int(status is not None))


def serve(program: str) -> None:
    main, *_ = [import_module(name) for name in PROGRAMS[program]]
    sys.argv[0] = str(main.__file__)
    gc.freeze()  # what is never looked at is never copied
    while line := sys.stdin.readline():
        asked = json.loads(line)
        if "ended" in asked:
            answer = os.waitstatus_to_exitcode(waitpid(asked["ended"], 0)[1])
        else:
            answer = fork()
            if not answer:
                become(asked)
                end(main.main)
        print(answer, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
    os._exit(0)  # DuckDB would complain of what was frozen
