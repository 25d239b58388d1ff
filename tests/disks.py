"""A small disk of one's own, to be filled."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import require


@contextmanager
def mounted(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A new folder on a disk of that size; skips where none can be mounted."""
    require(hasattr(os, "geteuid") and os.geteuid() == 0, "mounting a disk needs root")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "twins-test", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    require(done.returncode == 0, f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


def remount(folder: Path, option: str) -> None:
    """Change a mounted disk, such as `ro`, or `size=1g` to make room."""
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)  # noqa: S603, S607
