"""The wheel holds all that runs: installed into an environment of its own, used from an empty folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = ("shared", "wsgi_app", "asgi_app", "loadtests")
FILES = ("pyproject.toml", "README.md", "LICENSE")
PLAN = """\
# Two servers for a moment.
quick = true
blocks = 1
[time]
warmup_s = 0.2
measure_s = 0.5
drain_s = 2
[load]
users = [2]
[servers.wsgi-gthread]
[servers.asgi-uvicorn]
[scenarios.health]
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(  # noqa: S603 - our own tools
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that has our dependencies, and of ours nothing but the wheel."""
    source, place = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copyfile(ROOT / name, source / name)
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        place,
        source,
        cwd=place,
    )
    (wheel,) = place.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", place / "venv", cwd=place)
    scripts = place / "venv" / "bin"
    (libraries,) = (place / "venv" / "lib").glob("python*/site-packages")
    # a path in a .pth file is searched, but .pth files found there, such as the editable one, are not read
    (libraries / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "-q", "--python", scripts / "python")
    run(*pip, "install", "--no-deps", "--no-index", "--no-warn-script-location", wheel, cwd=place)
    return scripts


def test_every_package_is_the_wheels_own_and_typed(scripts: Path, tmp_path: Path) -> None:
    program = "; ".join(
        ["import shared, wsgi_app, asgi_app, loadtests"] + [f"print({name}.__path__[0])" for name in SOURCES]
    )
    for folder in run(scripts / "python", "-c", program, cwd=tmp_path).split():
        assert Path(folder).is_relative_to(scripts.parent)
        assert (Path(folder) / "py.typed").is_file()


def test_two_servers_are_measured_from_an_empty_folder(scripts: Path, tmp_path: Path) -> None:
    assert "asgi-uvicorn" in run(scripts / "twins", "list", "servers", cwd=tmp_path)
    (tmp_path / "two.toml").write_text(PLAN)
    run(scripts / "twins", "suite", "two.toml", "--results", "kept", cwd=tmp_path)
    (report,) = (tmp_path / "kept").glob("*/report.html")
    assert "wsgi-gthread" in report.read_text(encoding="utf-8")
