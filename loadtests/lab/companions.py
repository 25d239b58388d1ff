"""The programs that run beside the servers under test where scenarios need them, and what they received."""

import http.client
import json
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from loadtests.checks.check import Rule
from loadtests.lab import journal, processes
from loadtests.lab.servers.asking import send
from loadtests.lab.servers.ports import HOST, free_port
from loadtests.model.children import own_command
from loadtests.model.records import Check
from loadtests.subjects.subject import Companion, Scenario

START_S = 10.0


@contextmanager
def companions_of(
    scenarios: Iterable[Scenario], directory: Path, cpus: Collection[int] | None
) -> Iterator[dict[str, str]]:
    """The addresses of the companions that the scenarios need, by name, for as long as the run lasts."""
    needed = {scenario.companion.name: scenario.companion for scenario in scenarios if scenario.companion}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(_running(companion, directory, cpus))
            for name, companion in needed.items()
        }


@contextmanager
def _running(companion: Companion, directory: Path, cpus: Collection[int] | None) -> Iterator[str]:
    port = free_port()
    command = own_command(companion.module, "--host", HOST, "--port", str(port))
    log = directory / f"{companion.name}.log"
    process = processes.start(command, environment={}, cpus=cpus, log=log, folder=directory)
    try:
        journal.note_process(directory, process.pid)
        url = f"http://{HOST}:{port}"
        deadline = time.monotonic() + START_S
        while hits(companion, url) is None:
            if process.ended() or time.monotonic() > deadline:
                raise processes.StartError(f"the {companion.name} does not serve: {process.tail()}")
            time.sleep(0.02)
        yield url
    finally:
        processes.stop(process, 1.0)


def hits(companion: Companion, url: str) -> int | None:
    """Requests the companion received since it started; None where it does not answer."""
    try:
        count: int = json.loads(send(url, companion.hits).body)["hits"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return None
    return count


def hits_rule(companion: Companion, limit: int) -> Rule:
    return Rule(f"{companion.name} hits", float(limit), "hits", "invalid")


def hits_check(companion: Companion, hits: int | None, requests: int, unanswered: int, calls: int) -> Check:
    """Whether each request made the calls it should: none skipped, answered from a cache, or repeated."""
    rule = hits_rule(companion, unanswered * calls)
    expected = requests * calls
    if hits is None:
        return rule.unknown(f"the {companion.name} was not there to be asked")
    good = 0 <= expected - hits <= unanswered * calls
    advice = f"{requests} requests should have made {expected} {companion.name} calls, not {hits}"
    return rule.judged("ok" if good else "failed", expected - hits, advice)
