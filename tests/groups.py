"""Which tests run in one process, one after the other: those that share what is costly to start.

`make test` gives each group to whichever process has nothing left to do (xdist's `--dist loadgroup`). A test
that names its own group with `pytest.mark.xdist_group` keeps it.
"""

import re

import pytest

from loadtests.subjects.twins.servers import SERVERS

PAIR = ("wsgi-gthread", "asgi-uvicorn")
NAMED = re.compile(r"(?<![a-z])(" + "|".join(sorted(SERVERS, key=len, reverse=True)) + r")(?![a-z])")
BY_SERVER = ("contract", "faults", "instrument")
EACH_ALONE = ("instrument", "lab")
SHARED = ("finished", "leaks", "broken", "faces", "busy")
"""Fixtures of a module that take seconds: the tests that use one stay together."""

FIRST = (
    "lab/test_soak.py",
    "test_readme.py",
    "contract/test_schema.py",
    "faults/test_downloads.py",
    "report/test_page.py",
    "faults/test_shutdown.py",
    "faults/test_orphans.py",
    "faults/test_database.py",
    "faults/test_disconnects.py",
    "contract/test_downloads.py",
    "contract/test_jobs.py",
    "contract/test_fetching.py",
    "instrument/test_scenarios.py",
    "report/test_files.py",
    "lab/test_suite.py",
    "lab/test_broken_servers.py",
)
"""The files with the longest groups: begun first, so that nothing is left to wait for at the end."""


def order(item: pytest.Item) -> int:
    """The place of a test's file among those that are begun first."""
    name = item.path.as_posix()
    return next((place for place, file in enumerate(FIRST) if name.endswith(f"tests/{file}")), len(FIRST))


def group(item: pytest.Item) -> str:
    """The name of a test's group; its own name where it is alone.

    All contract tests of a server that is tried for a few of them only share that server; those of the pair
    that is tried in depth are split by file.
    """
    part, file, rest = item.path.parent.name, item.path.stem, item.name.partition("[")[2]
    server = named[0] if part in BY_SERVER and (named := NAMED.findall(rest)) else ""
    if part == "contract" and server and server not in PAIR:
        return f"contract-{server}"
    if server:
        return f"{file}-{server}"
    fixtures = getattr(item, "fixturenames", ())
    if shared := next((name for name in SHARED if name in fixtures), ""):
        return f"{file}-{shared}"
    if part in EACH_ALONE or item.name.startswith("test_a_server_starts_as_written"):
        return re.sub(r"[^\w.-]", "-", f"{file}-{item.name}")
    return f"{part}-{file}"
