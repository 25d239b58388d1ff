"""Revisions of one's own code: checked out for as long as a run lasts, never in the user's tree."""

import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.lab import processes
from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.plan_server import PlanServer
from loadtests.lab.planfile import nearest
from loadtests.lab.runtimes import own_environment
from loadtests.lab.servers.specs import spec_of
from loadtests.model.inherited import inherited
from loadtests.model.paths import cache_directory
from loadtests.subjects.own import command_lines
from loadtests.subjects.own.servers import OwnServer

GIT_S = 300.0
TREE, LOCK, REPOSITORY = "tree", "lock", "repository"


@dataclass(frozen=True)
class _Source:
    """Where a revision comes from: the repository's top folder, and the server's own below it."""

    top: Path
    below: str


def commits(plan: Plan) -> dict[str, str]:
    """Label to commit, of each server that names a revision; raises PlanError."""
    revisions = {}
    for label, planned in plan.servers.items():
        if planned.revision is not None:
            revisions[label] = _commit(f"servers.{label}", planned, planned.revision)
    return revisions


@contextmanager
def checked_out(plan: Plan, wanted: Mapping[str, str]) -> Iterator[Plan]:
    """The plan with the folders of its servers in worktrees of the commits `wanted`; raises PlanError.

    Servers that are prepared alike share one. What an earlier run that was killed has left is removed.
    """
    remove_leftovers()
    servers = dict(plan.servers)
    trees: dict[tuple[Path, str, str], Path] = {}
    with ExitStack() as stack:
        for label, planned in plan.servers.items():
            if label not in wanted:
                continue
            place = f"servers.{label}"
            source = _source(place, planned)
            key = (source.top, wanted[label], _preparation(planned))
            if key not in trees:
                trees[key] = stack.enter_context(_worktree(place, source.top, wanted[label]))
            folder = trees[key] / source.below
            if not folder.is_dir():
                raise PlanError(
                    f"{place}.directory: {source.below} is not in the revision {planned.revision}."
                )
            servers[label] = planned.model_copy(update={"directory": str(folder)})
        yield plan.model_copy(update={"servers": servers})


def prepare(plan: Plan, logs: Path) -> None:
    """Run what makes the checked-out revisions of a plan ready, once each; logs by label in `logs`.

    Raises PlanError where a command fails or takes too long.
    """
    done = set()
    for label, planned in plan.servers.items():
        key = (planned.directory, _preparation(planned))
        if not planned.prepare or key in done:
            continue
        done.add(key)
        logs.mkdir(parents=True, exist_ok=True)
        _prepare(label, planned, logs / f"{label}.log")


def remove_leftovers() -> None:
    """Remove the worktrees of runs that have ended without doing so."""
    for home in _homes():
        for folder in home.iterdir() if home.is_dir() else ():
            with ExitStack() as stack:
                if _locked(folder, stack):
                    _remove(folder)


def _homes() -> tuple[Path, Path]:
    return cache_directory() / "worktrees", Path(tempfile.gettempdir()) / f"twins-worktrees-{os.getuid()}"


@contextmanager
def _worktree(place: str, top: Path, commit: str) -> Iterator[Path]:
    usual, elsewhere = _homes()
    home = elsewhere if usual.resolve().is_relative_to(top) else usual
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(dir=home.resolve(), prefix=f"{commit[:12]}-"))
    with ExitStack() as stack:
        _locked(folder, stack)
        (folder / REPOSITORY).write_text(str(top), encoding="utf-8")
        try:
            done = _git(top, "worktree", "add", "--detach", str(folder / TREE), commit)
            if done.returncode:
                raise PlanError(f"{place}.revision: {commit[:12]} cannot be checked out: {_said(done)}.")
            yield folder / TREE
        finally:
            _remove(folder)


def _locked(folder: Path, stack: ExitStack) -> bool:
    """Hold a worktree's lock, which the kernel releases whatever happens; False where another has it."""
    try:
        file = stack.enter_context((folder / LOCK).open("a"))
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove(folder: Path) -> None:
    try:
        top = Path((folder / REPOSITORY).read_text(encoding="utf-8"))
    except OSError:
        top = None
    if top is not None and top.is_dir():
        _git(top, "worktree", "remove", "--force", "--force", str(folder / TREE))
    shutil.rmtree(folder, ignore_errors=True)


def _prepare(label: str, planned: PlanServer, log: Path) -> None:
    spec = spec_of(label, planned)
    assert isinstance(spec, OwnServer)  # noqa: S101  for mypy: it has a command
    deadline = time.monotonic() + planned.prepare_s
    for command in planned.prepare:
        line = command_lines.filled(command, {"python": spec.interpreter})
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {shlex.join(line)}\n")
        environment = own_environment(spec, planned)
        try:
            process = processes.start(
                line, environment=environment, cpus=None, log=log, folder=spec.directory
            )
        except processes.StartError as error:
            raise PlanError(f"servers.{label}.prepare: {error}") from None
        try:
            ended = processes.wait([process], deadline - time.monotonic()) and process.ended()
        finally:
            processes.kill(process)
        if ended and process.exit_status == 0:
            continue
        what = (
            f"exited with status {process.exit_status}"
            if ended
            else f"took longer than {planned.prepare_s:g} s"
        )
        raise PlanError(
            f"servers.{label}.prepare: {shlex.join(line)} {what}; the end of its log {log}: {process.tail()}"
        )


def _preparation(planned: PlanServer) -> str:
    """What makes one prepared worktree differ from another of the same commit."""
    return repr((planned.prepare, planned.python, sorted(planned.environment.items()), planned.inherit))


def _source(place: str, planned: PlanServer) -> _Source:
    folder = Path(planned.directory or Path.cwd())
    try:
        done = _git(folder, "rev-parse", "--show-toplevel", "--show-prefix")
    except FileNotFoundError:
        raise PlanError(
            f"{place}.revision = '{planned.revision}' needs git, which is not installed."
        ) from None
    if done.returncode:
        raise PlanError(
            f"{place}.revision = '{planned.revision}': {folder} is in no git repository that can be read."
        )
    top, _, below = done.stdout.removesuffix("\n").partition("\n")
    return _Source(Path(top), below.rstrip("/"))


def _commit(place: str, planned: PlanServer, revision: str) -> str:
    top = _source(place, planned).top
    done = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    if done.returncode == 0:
        return done.stdout.strip()
    names = _git(top, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")
    known = names.stdout.split()[:1000]
    hint = nearest(revision, known) if known else "it has no commit yet."
    raise PlanError(f"{place}.revision = '{revision}' is no commit of {top}; {hint}")


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """git without hooks, questions or spare locks, whatever the shell's variables say."""
    return subprocess.run(  # noqa: S603  no shell
        ["git", "-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false", *arguments],  # noqa: S607
        cwd=folder,
        env={**inherited(), "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=GIT_S,
        stdin=subprocess.DEVNULL,
    )


def _said(done: "subprocess.CompletedProcess[str]") -> str:
    return (done.stderr.strip().splitlines() or [f"git exited with status {done.returncode}"])[-1][:300]
