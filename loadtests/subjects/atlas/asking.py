"""A server is asked: each probe on the start that it needs, each on its own time."""

from collections.abc import Callable, Iterable
from typing import Any

from loadtests.subjects.atlas.probe import (
    FRESH,
    GONE,
    NO_OPTION,
    NOT_STARTED,
    RECYCLING,
    SHARED,
    SILENT,
    TWO,
    Probe,
    Seen,
)
from loadtests.subjects.atlas.rows import ServerRow
from loadtests.subjects.atlas.running import NotStarted, Running, running
from loadtests.subjects.atlas.talk import Gone, Silent

Told = Callable[[Probe, Seen], Any]


def ask(probe: Probe, server: Running) -> Seen:
    """One probe of a server that runs."""
    server.begin()
    try:
        return probe.ask(server)
    except Silent:
        return Seen(SILENT)
    except Gone:
        return Seen(GONE)
    finally:
        server.finish()


def ask_all(row: ServerRow, probes: Iterable[Probe], told: Told = lambda *_: None) -> dict[str, Seen]:
    """All of the probes that concern a server, each with what was seen; raises NotStarted.

    A server whose application is not the bare one is asked what every application answers, and one that runs
    already is not ended.
    """
    chosen = [
        probe
        for probe in probes
        if probe.concerns(row.interface)
        and (row.bare or not probe.application)
        and (not row.url or probe.server == SHARED)
    ]
    seen: dict[str, Seen] = {}

    def keep(probe: Probe, answer: Seen) -> None:
        seen[probe.name] = answer
        told(probe, answer)

    shared = [probe for probe in chosen if probe.server == SHARED]
    if shared:
        with running(row) as server:
            for probe in shared:
                keep(probe, ask(probe, server))
    for probe in chosen:
        if probe.server == FRESH:
            keep(probe, _alone(probe, row, ()))
    for kind, extra in ((TWO, row.two), (RECYCLING, row.recycling)):
        for probe in chosen:
            if probe.server == kind:
                keep(probe, _alone(probe, row, extra) if extra else Seen(NO_OPTION))
    return {probe.name: seen[probe.name] for probe in chosen}


def _alone(probe: Probe, row: ServerRow, extra: tuple[str, ...]) -> Seen:
    try:
        with running(row, extra) as server:
            if probe.server == TWO:
                server.rest()
            return ask(probe, server)
    except NotStarted:
        if not extra:
            raise
        return Seen(NOT_STARTED)
