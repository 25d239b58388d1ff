"""A fresh machine: which interpreter is taken, what is said where none fits, and folders of somebody else."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

ROOT = Path(__file__).parent.parent.parent
NAMES = ("python3", *(f"python3.{minor}" for minor in range(11, 16)), "python")
OLD = "sys.version_info = (3, 9, 2, 'final', 0)"
ANCIENT = "sys.version_info = (2, 7, 18, 'final', 0)"
BARE = "sys.modules['ensurepip'] = None"
OTHER = "sys.implementation.name = 'pypy'"


def interpreter(folder: Path, name: str, change: str = "") -> None:
    """A program of that name: this very Python, but for the change."""
    folder.mkdir(exist_ok=True)
    code = f"import sys; {change or 'pass'}; code = sys.argv[2]; sys.argv = ['-c', *sys.argv[3:]]; exec(code)"
    (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(code)} "$@"\n')
    (folder / name).chmod(0o755)


def choose(path: Path, *named: str) -> tuple[int, str, str]:
    """The choice with nothing else in PATH: not even the tools of a system."""
    done = subprocess.run(  # noqa: S603  our own script
        ["/bin/sh", str(ROOT / ".ci" / "python"), *named],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip(), done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_interpreter_is_found_under_any_name(name: str, tmp_path: Path) -> None:
    interpreter(tmp_path / "bin", name)
    assert choose(tmp_path / "bin") == (0, name, "")


def test_one_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "bin"
    interpreter(path, "python3", OLD)
    interpreter(path, "python3.11", BARE)
    interpreter(path, "python3.12", OTHER)
    (path / "python3.13").write_text("#!/bin/sh\necho 'python3.13: command not found' >&2\nexit 127\n")
    (path / "python3.13").chmod(0o755)
    interpreter(path, "python")
    assert choose(path) == (0, "python", "")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (OLD, "python3: 3.9 is too old: 3.11 is the least"),
        (ANCIENT, "python3: 2.7 is too old: 3.11 is the least"),
        (BARE, f"python3: 3.{sys.version_info[1]} lacks ensurepip (Debian: python3-venv)"),
        (BARE + "; sys.modules['venv'] = None", "lacks venv and ensurepip"),
        (OTHER, "python3: it is pypy, and CPython is needed"),
        ("sys.exit(1)", "python3: it does not run"),
    ],
)
def test_what_is_missing_is_said(change: str, sentence: str, tmp_path: Path) -> None:
    interpreter(tmp_path / "bin", "python3", change)
    code, out, err = choose(tmp_path / "bin")
    assert (code, out) == (1, "")
    assert sentence in err
    assert err.startswith("make: Twins needs Python 3.11 or later, with venv and pip, and PATH has none (")
    assert "make PYTHON=/path/to/python3" in err


def test_where_there_is_no_python_at_all(tmp_path: Path) -> None:
    code, _, err = choose(tmp_path)
    assert code == 1
    assert "PATH has none (no Python at all)" in err


def test_the_one_that_is_named_is_the_one_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a folder"
    interpreter(path, "python3.12")
    interpreter(path, "mine")
    interpreter(path, "old", OLD)
    assert choose(path, "mine") == (0, "mine", "")
    assert choose(tmp_path, str(path / "mine")) == (0, str(path / "mine"), "")
    assert choose(path, "old")[2] == "make: PYTHON=old does not fit: old: 3.9 is too old: 3.11 is the least\n"
    assert choose(path, "none")[2] == "make: PYTHON=none does not fit: there is no such program\n"


def make(folder: Path, *arguments: str, path: str, around: tuple[str, ...] = ()) -> tuple[int, str]:
    """`make` in a folder that holds what the set-up reads."""
    (folder / ".ci").mkdir(parents=True, exist_ok=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml", ".ci/python"):
        shutil.copy(ROOT / name, folder / name)
    done = subprocess.run(  # noqa: S603
        [*around, shutil.which("make") or "make", *arguments],
        cwd=folder,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"


def test_make_says_what_is_missing_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    interpreter(tmp_path / "bin", "old", OLD)
    code, told = make(tmp_path / "twins", "compare", "PYTHON=old", path=f"{tmp_path / 'bin'}:{SYSTEM}")
    assert code == 2
    assert "make: PYTHON=old does not fit: old: 3.9 is too old" in told
    assert not (tmp_path / "twins" / ".venv" / "installed").exists()
    kept = tmp_path / "twins" / "mine"
    kept.mkdir()
    (kept / "letter.txt").write_text("not yours")
    make(tmp_path / "twins", "compare", "VENV=mine", "PYTHON=old", path=f"{tmp_path / 'bin'}:{SYSTEM}")
    assert (kept / "letter.txt").exists(), "only a virtual environment is made anew"


POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""root without its powers: the rights of files hold for it, and the interpreter can still be read."""
NOBODY = 65534


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of somebody else's."""
    require(os.geteuid() == 0 and shutil.which("setpriv"), "giving a folder away needs root and setpriv")
    folder = tmp_path / "foreign"
    folder.mkdir()
    return folder


def test_make_in_a_folder_that_cannot_be_written(foreign: Path) -> None:
    make(foreign, "-n", "compare", path=SYSTEM)
    os.chown(foreign, NOBODY, NOBODY)
    code, told = make_there(foreign)
    assert code == 2
    assert f"make: {foreign} cannot be written" in told
    assert "copy it to a folder that can be" in told


def make_there(folder: Path) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603
        [*POWERLESS, "make", "compare"],
        cwd=folder,
        env={"PATH": SYSTEM},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def twins(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """The command line for a user without a home, in a folder that is not theirs."""
    done = subprocess.run(  # noqa: S603  our own command
        [*POWERLESS, sys.executable, "-m", "loadtests.cli", *arguments],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "no home"),
            "PYTHONPATH": str(ROOT),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


RUN = ("run", "health", "--server", "wsgi-gthread", "--users", "1", "--duration", "1", "--warmup", "0.5")


def test_a_user_without_a_home_is_told_what_to_set(foreign: Path, tmp_path: Path) -> None:
    os.chown(foreign, NOBODY, NOBODY)
    cache = f"{foreign}/no home/.cache/wsgi-asgi-twins"
    mine = str(tmp_path / "mine")
    for arguments, environment, sentence in (
        (RUN, {}, f"{cache} and results cannot be written: set XDG_CACHE_HOME and TWINS_RESULTS to folders"),
        (
            RUN,
            {"TWINS_RESULTS": mine},
            f"{cache} cannot be written: set XDG_CACHE_HOME to a folder that can.",
        ),
        (("suite", "quick"), {"XDG_CACHE_HOME": mine}, "results cannot be written: set TWINS_RESULTS to a"),
        (("calibrate",), {}, f"{cache} cannot be written: set XDG_CACHE_HOME to a folder that can."),
        (("serve", "wsgi-sync"), {}, f"{cache} cannot be written: set XDG_CACHE_HOME to a folder that can."),
        (("plan", "init", "mine.toml"), {}, "cannot be read or written: Permission denied."),
    ):
        code, told = twins(foreign, *arguments, **environment)
        assert code == 2, told
        assert sentence in told
        assert told.count("\n") == 1, "one sentence"
    assert not list(foreign.iterdir())


def test_a_user_without_a_home_can_measure(foreign: Path, tmp_path: Path) -> None:
    os.chown(foreign, NOBODY, NOBODY)
    served = tmp_path / "served"
    served.mkdir()
    places = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TWINS_RESULTS": str(tmp_path / "results")}
    code, told = twins(foreign, *RUN, "--files", str(served), **places)
    assert code == 0, told
    (run,) = (tmp_path / "results").iterdir()
    assert (run / "manifest.json").is_file()
    assert not list(foreign.iterdir())
