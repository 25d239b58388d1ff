"""What a probe of requests needs: bytes that are sent, and what the application says it was handed."""

from collections.abc import Callable
from typing import Any

from loadtests.subjects.atlas.probe import Probe, Seen
from loadtests.subjects.atlas.running import Running

GROUP = "Requests"
REFUSALS = tuple(f"refused: {status}" for status in (400, 404, 405, 411, 414, 431, 500, 501, 505))

Handed = dict[str, Any]


def handed(data: bytes, tell: Callable[[Handed], str]) -> Callable[[Running], Seen]:
    """A probe that sends these bytes and tells what came through."""

    def ask(server: Running) -> Seen:
        answer, document = server.handed(data)
        return Seen(tell(document)) if document else Seen(f"refused: {answer.status}")

    return ask


def probe_of(
    name: str,
    question: str,
    sent: str,
    rule: str,
    matters: str,
    ask: Callable[[Running], Seen],
    *answers: str,
    right: tuple[str, ...] = (),
    interface: str = "",
    quick: bool = True,
) -> Probe:
    return Probe(
        name, question, sent, rule, matters, ask, answers, right, GROUP, interface=interface, quick=quick
    )
