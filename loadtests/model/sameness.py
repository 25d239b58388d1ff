"""What the servers of a scenario answered before any load, side by side: a document of a run (pure)."""

from pydantic import Field

from loadtests.model.records import SCHEMA_VERSION, Record
from loadtests.model.words import enumerated


class Mismatch(Record):
    """One place in which two answers to the same request are not the same."""

    request: str = Field(description="its name in the plan")
    row: int | None = Field(default=None, description="of the feed, from 1; null without one")
    place: str = Field(description="status, header:NAME, body, or a JSON path such as $.price")
    server: str
    other: str = Field(description="the same server where it answers otherwise when asked again")
    value: str = Field(description="the server's, cut to a line; a secret is not shown")
    other_value: str
    note: bool = Field(default=False, description="whether it is no difference, as another order of keys")


class Sameness(Record):
    """One scenario: `alike` where nothing differs that the plan does not ignore."""

    scenario: str
    servers: list[str]
    asked: int = Field(description="different requests that each server was asked, each of them twice")
    alike: bool
    sentence: str = ""
    mismatches: list[Mismatch] = Field(default=[], description="the first of each request and place")
    counts: dict[str, int] = Field(
        default={}, description="requests that differ in a place, by the place's key of `mismatches`"
    )
    proposals: dict[str, list[str]] = Field(
        default={}, description="by request: what differs from itself and could be named in `ignore`"
    )
    notes: list[str] = Field(default=[], description="what could not be asked, and what both servers share")

    def between(self, server: str, other: str) -> list[Mismatch]:
        """What makes the work of two servers unequal."""
        pair = {server, other}
        return [
            mismatch
            for mismatch in self.mismatches
            if not mismatch.note
            and (
                {mismatch.server, mismatch.other} == pair
                or (mismatch.server == mismatch.other and mismatch.server in pair)
            )
        ]


class SamenessDocument(Record):
    """`sameness.json` of a run."""

    schema_version: int = SCHEMA_VERSION
    scenarios: list[Sameness]


def key(mismatch: Mismatch) -> str:
    """By which `counts` names a mismatch."""
    return f"{mismatch.request} {mismatch.place} {mismatch.server} {mismatch.other}"


def sentence(sameness: Sameness) -> str:
    """One line: alike, or which request differs, where and how."""
    differences = [mismatch for mismatch in sameness.mismatches if not mismatch.note]
    servers = enumerated(sameness.servers)
    if sameness.alike:
        return f"{sameness.scenario}: {servers} answer alike ({sameness.asked:,} requests, each asked twice)"
    if not differences:
        why = "; ".join(sameness.notes)
        return f"{sameness.scenario}: it is not known whether {servers} answer alike: {why}"
    first = differences[0]
    places = len({(mismatch.request, mismatch.place) for mismatch in differences})
    more = f" and {places - 1} more" if places > 1 else ""
    return f"{sameness.scenario}: not the same work: {told(first)}{more}"


def told(mismatch: Mismatch) -> str:
    row = f" (row {mismatch.row})" if mismatch.row is not None else ""
    if mismatch.server == mismatch.other:
        values = f"{mismatch.server} answers {mismatch.value}, asked again {mismatch.other_value}"
    else:
        values = f"{mismatch.server} answers {mismatch.value}, {mismatch.other} {mismatch.other_value}"
    return f"{mismatch.request}{row} at {mismatch.place}: {values}"
