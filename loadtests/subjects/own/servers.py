"""A server of one's own: a command of the plan, or an address where one runs already."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from loadtests.subjects.own import command_lines
from loadtests.subjects.subject import Launch, Order, ServerSpec

HAS_MODULE = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
ENVIRONMENT_MARK = "pyvenv.cfg"
"""The file that makes a folder a virtual environment (PEP 405)."""


@dataclass(frozen=True, kw_only=True)
class OwnServer(ServerSpec):
    """What `command` leaves open is filled in; with a `url` nothing is started.

    `declared_slots` are requests that it can serve at the same time, as the plan says. It runs in `directory`
    on the interpreter `python`, where these are given, and has the PATH `path` of its plan's environment.
    """

    command: tuple[str, ...] = ()
    url: str | None = None
    declared_slots: int | None = None
    directory: Path | None = None
    python: Path | None = None
    path: str | None = None
    scheme: str = "http"

    def slots(self, processes: int | None, threads: int | None) -> int | None:
        if self.declared_slots is not None or processes is None:
            return self.declared_slots
        if self.slot_kind == "thread" and threads is not None:
            return processes * threads
        return processes if self.slot_kind == "process" else None

    def missing(self) -> str | None:
        if self.url:
            return None
        if self.python is not None and not os.access(self.python, os.X_OK):
            return str(self.python)
        program = self.command[0] if self.command else ""
        return self._missing_module() if program == "{python}" or self.program() else program

    def _missing_module(self) -> str | None:
        """What `{python} -m` names, where the interpreter that the plan gives does not have it."""
        if self.python is None or self.command[:2] != ("{python}", "-m"):
            return None
        asked = [self.interpreter, "-c", HAS_MODULE, *self.command[2:3]]
        done = subprocess.run(asked, cwd=self.directory, capture_output=True, check=False)  # noqa: S603 - the plan's interpreter
        return f"{self.command[2]} for {self.interpreter}" if done.returncode else None

    def program(self) -> Path | None:
        """The file that its command starts; None where there is none."""
        if not self.command:
            return None
        (name,) = (
            command_lines.filled(self.command[:1], {"python": self.interpreter})
            if self._is_named()
            else ("",)
        )
        place = os.path.join(self.directory or "", name) if os.sep in name else name
        found = shutil.which(place, path=self.search_path)
        return Path(os.path.abspath(found)) if found else None

    def _is_named(self) -> bool:
        return command_lines.names(self.command[:1]) <= {"python"}

    @property
    def interpreter(self) -> str:
        return str(self.python) if self.python is not None else sys.executable

    @property
    def search_path(self) -> str:
        """The PATH that its command is searched on."""
        own = [str(self.python.parent)] if self.python is not None else []
        given = os.environ.get("PATH", os.defpath) if self.path is None else self.path
        return os.pathsep.join([*own, given])

    def environment(self) -> dict[str, str]:
        """What puts its interpreter first, as the activating of a virtual environment does."""
        if self.python is None:
            return {}
        home = self.python.parent.parent
        active = str(home) if (home / ENVIRONMENT_MARK).is_file() else ""
        return {"PATH": self.search_path, "VIRTUAL_ENV": active}

    def launch(self, order: Order) -> Launch:
        values = {
            "port": order.port,
            "host": order.host,
            "files": order.files,
            "processes": order.processes,
            "threads": order.threads,
            "python": self.interpreter,
        }
        command = command_lines.filled(self.command, values)
        return Launch(command, self.environment(), directory=self.directory, scheme=self.scheme)
