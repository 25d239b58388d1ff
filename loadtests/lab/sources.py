"""The code of one's own servers, hashed: two runs of unlike code are two things, whatever their names are."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.plan_server import PlanServer

MOST_FILES = 20_000
SKIPPED = ("__pycache__", "node_modules", "site-packages")


def own_code(plan: Plan, folder: Path) -> dict[str, str]:
    """Label to hash, of each server that a command starts, in `folder` or its own; raises PlanError.

    Its code is what the plan calls so (`code`: files, folders and patterns), else every `.py` below the
    folder and the files that its command names. Of a server that runs already nothing is known.
    """
    return {
        label: _digest(sorted(_files(label, server, place)), place)
        for label, server in plan.servers.items()
        if server.command is not None and (place := Path(server.directory or folder))
    }


def _files(label: str, server: PlanServer, folder: Path) -> Iterator[Path]:
    if not server.code:
        yield from _python_files(folder)
        yield from (path for part in server.command or () if (path := folder / part).is_file())
        return
    for pattern in server.code:
        try:
            matches = [folder / pattern] if (folder / pattern).exists() else sorted(folder.glob(pattern))
        except (ValueError, NotImplementedError):
            matches = []
        if not matches:
            raise PlanError(f"servers.{label}.code: '{pattern}' is no file, folder or pattern in {folder}.")
        for path in matches:
            yield from _all_files(path) if path.is_dir() else [path]


def _python_files(folder: Path) -> Iterator[Path]:
    return (path for path in _all_files(folder) if path.suffix == ".py")


def _all_files(folder: Path) -> Iterator[Path]:
    """What is below the folder, but for hidden folders, caches and virtual environments."""
    for place, folders, names in os.walk(folder):
        if "pyvenv.cfg" in names:
            folders.clear()
            continue
        folders[:] = [name for name in folders if name not in SKIPPED and not name.startswith(".")]
        yield from (Path(place) / name for name in names)


def _digest(files: list[Path], folder: Path) -> str:
    if len(files) > MOST_FILES:
        return f"not known: more than {MOST_FILES} files; name them by `code`"
    whole = hashlib.sha256()
    for path in dict.fromkeys(files):
        try:
            content = path.read_bytes()
        except OSError:
            continue  # a link to nowhere, a file of someone else's: no code that could run
        whole.update(f"{os.path.relpath(path, folder)}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        whole.update(content)
    return whole.hexdigest()[:16]
