"""What every suite shares: the files that are served, and each server of the table started once."""

import os
import shutil
import signal
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from tests import groups, tally
from tests.servers import Running, running

hypothesis.settings.register_profile("of the tests", deadline=None)  # how long an example takes is not judged
hypothesis.settings.load_profile("of the tests")

ODD_NAMES = ("empty.bin", "Grüße aus Köln.txt", "日本語.txt", "a b+c&d;e.txt", 'quo"te.txt', "per%cent.txt")


def pytest_configure() -> None:
    """Hear Ctrl-C although a shell in the background has it ignored: programs under test inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def require(condition: object, reason: str) -> None:
    """Skip with a reason where something is missing; with TWINS_REQUIRE_ALL=1 that is a failure."""
    if condition:
        return
    if os.environ.get("TWINS_REQUIRE_ALL") == "1":
        pytest.fail(f"TWINS_REQUIRE_ALL is set, and {reason}")
    pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: groups.order(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> groups.Groups | None:
    return groups.Groups(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where several processes share the tests, each hands its counts of faults to the one that reports."""
    handed = getattr(session.config, "workeroutput", None)
    if handed is not None:
        handed["faults"] = tally.rows()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    tally.add(getattr(node, "workeroutput", {}).get("faults", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of faults, where any were tried."""
    if lines := tally.table():
        terminalreporter.section("faults")
        terminalreporter.line("\n".join(lines))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real tree: Python's own standard library, and files with odd names."""
    folder = tmp_path_factory.mktemp("served") / "library"
    shutil.copytree(
        sysconfig.get_path("stdlib"),
        folder,
        ignore=shutil.ignore_patterns(
            "site-packages", "__pycache__", "test", "tests", "config-*", "ensurepip"
        ),
    )
    odd = folder / "odd names"
    odd.mkdir()
    for number, name in enumerate(ODD_NAMES):
        (odd / name).write_bytes(b"" if name == "empty.bin" else f"{name}\n".encode() * (number * 3000))
    blob = folder / "blob.bin"
    blob.write_bytes(bytes(range(256)) * 5120)
    os.utime(blob, (blob.stat().st_mtime - 3600,) * 2)  # the date of a file that is new names no version
    return folder


@pytest.fixture(scope="session")
def serve(library: Path) -> Iterator[Callable[[str], Running]]:
    """Start a server of the table over the library on first use; all stop at the end of the session."""
    with ExitStack() as stack:
        started: dict[str, Running] = {}

        def start(name: str) -> Running:
            if name not in started:
                started[name] = stack.enter_context(running(name, library))
            return started[name]

        yield start
