"""What was seen of every server as a document: written, merged from runs, compared between releases."""

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from loadtests.subjects.atlas.probe import Seen
from loadtests.subjects.atlas.rows import ServerRow

REFERENCE = Path(__file__).with_name("reference.json")


class AtlasDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reading(AtlasDocument):
    """An answer; the least and the greatest figure behind it where it is timed, counted or random."""

    answer: str
    low: float | None = None
    high: float | None = None


class ServerReading(AtlasDocument):
    """One server: its releases, its launch line, its answers by the probes' names."""

    interface: str
    versions: dict[str, str]
    command: str
    rows: dict[str, Reading]


class Atlas(AtlasDocument):
    """All servers that were asked in a run, or in several whose answers were alike."""

    python: str
    system: str
    runs: int
    servers: dict[str, ServerReading]


@dataclass(frozen=True)
class ChangedBehaviour:
    """A behaviour that is another than in the reference, and the releases on both sides."""

    server: str
    probe: str
    before: str
    now: str
    versions_before: Mapping[str, str]
    versions_now: Mapping[str, str]

    @property
    def with_release(self) -> bool:
        return self.versions_before != self.versions_now

    def sentence(self, question: str) -> str:
        """Such as `uvicorn 0.55.0 (was 0.54.0), uvicorn-h11: kept-10 is "kept" now (was "closed").`"""
        moved = [
            f"{part} {release} (was {self.versions_before.get(part, 'absent')})"
            for part, release in self.versions_now.items()
            if self.versions_before.get(part) != release
        ]
        releases = ", ".join(moved) or "the same releases"
        return f'{releases}, {self.server}: {question} "{self.now}" now (was "{self.before}").'


def reading(row: ServerRow, versions: Mapping[str, str], seen: Mapping[str, Seen]) -> ServerReading:
    """What one run saw of a server."""
    command = " ".join(("python", *row.command[1:])).replace("{port}", "PORT")
    rows = {
        name: Reading(
            answer=observed.answer,
            low=_short(observed.figure),
            high=_short(observed.figure if observed.high is None else observed.high),
        )
        for name, observed in seen.items()
    }
    return ServerReading(interface=row.interface, versions=dict(versions), command=command, rows=rows)


def _short(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 2)


def atlas(servers: Mapping[str, ServerReading]) -> Atlas:
    release = ".".join(platform.release().split(".")[:2])
    system = f"{platform.system()} {release}, {os.cpu_count()} processors"
    return Atlas(python=platform.python_version(), system=system, runs=1, servers=dict(servers))


def read(path: Path = REFERENCE) -> Atlas:
    return Atlas.model_validate_json(path.read_text(encoding="utf-8"))


def write(document: Atlas, path: Path = REFERENCE) -> None:
    path.write_text(document.model_dump_json(indent=1, exclude_none=True) + "\n", encoding="utf-8")


def changes(reference: Atlas, now: Atlas) -> Iterator[ChangedBehaviour]:
    """Every behaviour that both know and that is another one now."""
    for name, server in now.servers.items():
        before = reference.servers.get(name)
        if before is None:
            continue
        for probe, row in server.rows.items():
            old = before.rows.get(probe)
            if old is not None and old.answer != row.answer:
                yield ChangedBehaviour(name, probe, old.answer, row.answer, before.versions, server.versions)


def merged(documents: Iterable[Atlas]) -> Atlas:
    """Several runs as one, figures as ranges; raises ValueError where they answer differently."""
    first, *others = documents
    for other in others:
        if difference := next(changes(first, other), None):
            raise ValueError(
                f"{difference.probe} of {difference.server} is {difference.before!r} in one run and "
                f"{difference.now!r} in another: a random answer needs a class of its own."
            )
        servers = {
            name: server.model_copy(update={"rows": _ranges(server.rows, other.servers[name].rows)})
            for name, server in first.servers.items()
            if name in other.servers
        }
        first = first.model_copy(update={"servers": servers, "runs": first.runs + other.runs})
    return first


def _ranges(mine: Mapping[str, Reading], theirs: Mapping[str, Reading]) -> dict[str, Reading]:
    def widest(name: str) -> Reading:
        lows = [reading.low for reading in (mine[name], theirs[name]) if reading.low is not None]
        highs = [reading.high for reading in (mine[name], theirs[name]) if reading.high is not None]
        return Reading(answer=mine[name].answer, low=min(lows, default=None), high=max(highs, default=None))

    return {name: widest(name) for name in mine if name in theirs}
