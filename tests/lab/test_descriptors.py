"""Too few open files for the users asked for: one sentence before anything is measured."""

import resource
import subprocess
from pathlib import Path

import pytest

from loadtests.lab.descriptors import RESERVED
from tests.lab.conftest import Laboratory

PLAN = "[servers.wsgi-sync]\n[scenarios.health]\n[load]\nusers = [8, 400]\n"
SENTENCE = (
    "twins: scenarios.health: 400 users need 500 open files, and the limit is 256: raise it (ulimit -n 1000) "
    "or ask for at most 156 users.\n"
)


@pytest.mark.parametrize("command", [("suite",), ("plan", "validate")])
def test_400_users_of_256_open_files(laboratory: Laboratory, command: tuple[str, ...]) -> None:
    line = laboratory.command(*command, laboratory.plan(PLAN))
    done = subprocess.run(  # noqa: S603
        line,
        cwd=laboratory.folder,
        env=dict(laboratory.environment),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
    )
    assert (done.returncode, done.stderr) == (2, SENTENCE)
    assert not list(Path(laboratory.folder).glob("results/*"))
    assert RESERVED == 100
