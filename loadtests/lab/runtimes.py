"""The Python that a server of one's own runs on, and what is installed there, as it says itself."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.plan_server import PlanServer
from loadtests.lab.servers.specs import spec_of
from loadtests.model.inherited import inherited
from loadtests.model.records import Runtime
from loadtests.subjects.own.servers import OwnServer

# Any Python from 3.8 on: what stands first on the path is what a server imports.
ASKED = """
import sys
sys.path = [place for place in sys.path if place]
import json, platform, sysconfig
from importlib.metadata import distributions
packages = {}
for package in distributions():
    name = package.metadata["Name"]
    if name:
        packages.setdefault(name.lower().replace("_", "-"), package.version)
print(json.dumps({
    "executable": sys.executable,
    "python": platform.python_version(),
    "implementation": platform.python_implementation(),
    "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "packages": dict(sorted(packages.items())),
}))
"""
ANSWER_S = 30.0
NAMED = re.compile(r"(python|pypy)[0-9.]*t?")
LONG = re.compile(r"""^'''exec' ("[^"]+"|\S+) """, re.MULTILINE)
"""How pip writes a script's interpreter where the path is too long, or has a space in it."""


def runtimes(plan: Plan) -> dict[str, Runtime]:
    """Label to runtime, of each server that a command starts on a Python; raises PlanError."""
    known: dict[object, Runtime | None] = {}
    named = {}
    for label, planned in plan.servers.items():
        spec = spec_of(label, planned)
        if not isinstance(spec, OwnServer) or spec.url is not None:
            continue
        interpreter = _checked(label, spec)
        if interpreter is not None:
            environment = own_environment(spec, planned)
            key = (interpreter, spec.directory, tuple(sorted(environment.items())))
            if key not in known:
                known[key] = _read(label, interpreter, spec, environment)
            if (runtime := known[key]) is not None:
                named[label] = runtime
    return named


def own_environment(spec: OwnServer, planned: PlanServer) -> dict[str, str]:
    """What a server of one's own has of the environment."""
    return {**inherited(), **spec.environment(), **inherited(planned.inherit), **planned.environment}


def interpreter_of(program: Path, path: str) -> str | None:
    """The Python that runs a program, by its name or its first line; None where it is none, or not told."""
    if NAMED.fullmatch(program.name):
        return str(program)
    try:
        with program.open("rb") as file:
            begin = file.read(1024).decode("utf-8", "replace")
    except OSError:
        return None
    first, _, rest = begin.partition("\n")
    if not first.startswith("#!"):
        return None
    if long := LONG.match(rest):
        return long[1].strip('"')
    words = [word for word in first[2:].split() if word != "-S"]
    if words and Path(words[0]).name == "env":
        words = [shutil.which(word, path=path) or word for word in words[1:2]]
    return words[0] if words and NAMED.fullmatch(Path(words[0]).name) else None


def _checked(label: str, spec: OwnServer) -> str | None:
    """The interpreter that runs the command; PlanError where the plan names another."""
    program = spec.program()
    if spec.command[0] == "{python}" or program is None:
        return spec.interpreter if spec.python is not None or spec.command[0] == "{python}" else None
    actual = interpreter_of(program, spec.search_path)
    if spec.python is None or actual is None:
        return actual if spec.python is None else str(spec.python)
    if _alike(actual, str(spec.python)):
        return str(spec.python)
    name = spec.command[0]
    if NAMED.fullmatch(Path(name).name):
        raise PlanError(f"servers.{label}: '{name}' is {program} here, and not its python: write {{python}}.")
    raise PlanError(
        f"servers.{label}: '{name}' is {program} here, a program of {actual}, and not of its python "
        f"{spec.python}: install {Path(name).name} there."
    )


def _alike(mine: str, other: str) -> bool:
    """Whether two names are one interpreter; those of two virtual environments never are."""
    folders = [os.path.realpath(os.path.dirname(name)) for name in (mine, other)]
    try:
        return folders[0] == folders[1] and os.path.samefile(mine, other)
    except OSError:
        return False


def _read(label: str, interpreter: str, spec: OwnServer, environment: dict[str, str]) -> Runtime | None:
    try:
        done = subprocess.run(  # noqa: S603  the plan's own interpreter, no shell
            [interpreter, "-c", ASKED],
            env=environment,
            cwd=spec.directory,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            return Runtime.model_validate(json.loads(done.stdout))
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        said = str(error)
    if spec.python is None:
        return None
    raise PlanError(
        f"servers.{label}.python = '{spec.python}' does not say what it is, as Pythons do: {said[:200]}"
    )
