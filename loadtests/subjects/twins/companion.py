"""The upstream of a run, started beside the server under test where a scenario needs one."""

import http.client
import json
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtests.checks.check import Rule
from loadtests.lab import journal, processes
from loadtests.lab.plan import Plan
from loadtests.lab.servers.ports import HOST, free_port
from loadtests.model.records import Check, CheckStatus
from loadtests.subjects.twins.scenarios.descriptions import SCENARIOS
from loadtests.subjects.twins.verification import request

START_S = 10.0
UPSTREAM_HITS = Rule("upstream hits", None, "hits", "invalid")


@contextmanager
def upstream_of(plan: Plan, directory: Path, cpus: Collection[int] | None) -> Iterator[str | None]:
    """The address of an upstream for as long as the run lasts; None where no scenario needs one."""
    if not any(SCENARIOS[one.kind or label].upstream for label, one in plan.scenarios.items()):
        yield None
        return
    port = free_port()
    command = [sys.executable, "-m", "loadtests.subjects.twins.upstream", "--host", HOST, "--port", str(port)]
    process = processes.start(command, environment={}, cpus=cpus, log=directory / "upstream.log")
    try:
        journal.note_process(directory, process.pid)
        url = f"http://{HOST}:{port}"
        deadline = time.monotonic() + START_S
        while hits(url) is None:
            if process.ended() or time.monotonic() > deadline:
                raise processes.StartError(f"the upstream does not serve: {process.tail()}")
            time.sleep(0.02)
        yield url
    finally:
        processes.stop(process, 1.0)


def hits(url: str) -> int | None:
    """Requests the upstream received since it started; None where it does not answer."""
    try:
        found: int = json.loads(request(url, "/hits").body)["hits"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return None
    return found


def hits_check(found: int | None, requests: int, unanswered: int, addresses: int) -> Check:
    """Whether each request made the calls it should: none skipped, answered from a cache, or repeated."""
    limit, expected = float(unanswered * addresses), requests * addresses
    if found is None:
        return UPSTREAM_HITS.unknown("the upstream was not there to be asked", limit)
    advice = f"{requests} requests should have made {expected} upstream calls, not {found}"
    status: CheckStatus = "ok" if 0 <= expected - found <= limit else "failed"
    return UPSTREAM_HITS.judged(status, expected - found, advice, limit)
