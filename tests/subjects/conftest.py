"""What the tests of foreign applications share: a Python environment whose packages are other than ours."""

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PINNED = {"flask": "3.0.3", "werkzeug": "3.0.6", "gunicorn": "22.0.0"}


@dataclass(frozen=True)
class Foreign:
    """A virtual environment with other versions of what is installed here."""

    folder: Path
    versions: dict[str, str]


@pytest.fixture(scope="session")
def foreign_environment(tmp_path_factory: pytest.TempPathFactory) -> Foreign:
    """Made once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "foreign-environment"
    with (shared / "foreign-environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            packages = [f"{name}=={version}" for name, version in PINNED.items()]
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=200)  # noqa: S603
            subprocess.run(  # noqa: S603
                [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
                check=True,
                timeout=250,
            )
            (folder / "made").touch()
    return Foreign(folder, PINNED)
