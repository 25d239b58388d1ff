"""The groups that `make test` keeps in one process: of real ids, and kept by xdist as it is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.groups import FIRST, ON_THEIR_OWN, group

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("tests/contract/test_kept.py::test_x[granian-wsgi-small]", "tests/contract granian-wsgi"),
        ("tests/contract/test_paths.py::test_y[a-granian-wsgi]", "tests/contract granian-wsgi"),
        ("tests/contract/test_x.py::test_y[wsgi-gthread]", "tests/contract/test_x.py wsgi-gthread"),
        ("tests/contract/test_x.py::test_y[wsgi-gthread-forked]", "tests/contract wsgi-gthread-forked"),
        ("tests/contract/test_x.py::test_both", "tests/contract/test_x.py"),
        ("tests/faults/test_x.py::test_y[asgi-uvicorn-half]", "tests/faults/test_x.py asgi-uvicorn"),
        ("tests/instrument/test_x.py::test_y[a-1]", "tests/instrument/test_x.py test_y"),
        ("tests/lab/test_suite.py::test_y[a]", "tests/lab/test_suite.py"),
        (f"tests/lab/test_suite.py::{ON_THEIR_OWN[1]}", f"tests/lab/test_suite.py {ON_THEIR_OWN[1]}"),
        ("tests/test_documents.py::test_y[twins serve wsgi-gthread]", "tests/test_documents.py test_y"),
    ],
)
def test_the_group_of_an_id(nodeid: str, expected: str) -> None:
    assert group(nodeid) == expected


def test_the_files_that_are_begun_first_are_there() -> None:
    assert [file for file in FIRST if not (ROOT / file).is_file()] == []


def test_the_tests_on_their_own_are_there() -> None:
    text = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in ON_THEIR_OWN if f"def {name}(" not in text] == []


def test_a_group_stays_in_one_process() -> None:
    """What xdist's own groups no longer do: seen by the processes that ran three files of nine ids."""
    done = subprocess.run(  # noqa: S603
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-v",
                "-n",
                "2",
                "--dist",
                "loadscope",
                "-p",
                "no:cacheprovider",
            ),
            *("tests/unit/test_groups.py", "-k", "group_of", "tests/unit/test_ranges.py"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    processes = {
        line.split()[0] for line in done.stdout.splitlines() if " PASSED tests/unit/test_groups" in line
    }
    assert len(processes) == 1, done.stdout
