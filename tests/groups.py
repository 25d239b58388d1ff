"""Which tests run in one process, one after the other: those that share what is costly to start.

`make test` gives each group to whichever process has the least left to do. A group is read from a test's id:
xdist's own, of `--dist loadgroup`, are without effect under pytest 9.2 (`findings/xdist-groups.sh`).
"""

import re

from xdist.scheduler import LoadScopeScheduling

from loadtests.subjects.twins.servers import SERVERS

PAIR = ("wsgi-gthread", "asgi-uvicorn")
NAMED = re.compile(r"(?<![a-z])(" + "|".join(sorted(SERVERS, key=len, reverse=True)) + r")(?![a-z])")
BY_SERVER = ("tests/contract/", "tests/faults/", "tests/instrument/")
BY_FUNCTION = (
    "tests/instrument/",
    "tests/lab/test_commands.py",
    "tests/lab/test_hostile.py",
    "tests/test_documents.py",
)
ON_THEIR_OWN = (
    "test_the_healthy_twins_pass_the_shipped_plan",
    "test_killed_and_resumed_it_is_complete",
    "test_an_interrupted_search_goes_on_from_its_trials",
    "test_ctrl_c_says_how_to_go_on",
)
"""Tests that take long and share nothing with the others of their file."""

FIRST = (
    "tests/lab/test_soak.py",
    "tests/test_documents.py",
    "tests/contract/test_schema.py",
    "tests/faults/test_poolers.py",
    "tests/faults/test_shutdown.py",
    "tests/faults/test_signals.py",
    "tests/subjects/test_foreign.py",
    "tests/subjects/test_atlas.py",
    "tests/report/test_page.py",
    "tests/faults/test_downloads.py",
    "tests/unit/test_wheel.py",
    "tests/faults/test_proxy.py",
    "tests/lab/test_suite.py",
    "tests/faults/test_readers.py",
    "tests/faults/test_orphans.py",
    "tests/faults/test_database.py",
    "tests/faults/test_disconnects.py",
    "tests/instrument/test_scenarios.py",
    "tests/contract/test_downloads.py",
    "tests/contract/test_jobs.py",
    "tests/contract/test_fetching.py",
    "tests/report/test_files.py",
    "tests/lab/test_broken_servers.py",
)
"""The files with the longest groups: begun first, so that nothing is left to wait for at the end."""


def order(nodeid: str) -> int:
    """The place of a test's file among those that are begun first."""
    file = nodeid.partition("::")[0]
    return FIRST.index(file) if file in FIRST else len(FIRST)


def group(nodeid: str) -> str:
    """The name of a test's group, by its id.

    All contract tests of a server that only a few of them try share that server; those of the pair that is
    tried in depth are split by file. Elsewhere the tests of a file stay together, or of a function.
    """
    file, _, test = nodeid.partition("::")
    function, _, parameters = test.partition("[")
    named = NAMED.search(parameters) if file.startswith(BY_SERVER) else None
    if named and file.startswith("tests/contract/") and named[1] not in PAIR:
        return f"tests/contract {named[1]}"
    if named:
        return f"{file} {named[1]}"
    return f"{file} {function}" if file.startswith(BY_FUNCTION) or function in ON_THEIR_OWN else file


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed for us
    """xdist's scheduler of whole scopes, which are our groups."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
