"""Can the run be trusted: valid, with warnings, or invalid, each with its reasons from a closed list."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadtests.analysis.answers import UNKNOWN, UNMATCHED, Answer
from loadtests.analysis.cells import CellSummary
from loadtests.analysis.points import Point
from loadtests.analysis.wording import count, percent
from loadtests.model.records import Manifest, SearchRecord

State = Literal["valid", "warnings", "invalid"]


@dataclass(frozen=True)
class Validity:
    state: State
    reasons: list[str]
    warnings: list[str]


def validity(
    manifest: Manifest,
    points: Iterable[Point],
    cells: Mapping[str, CellSummary],
    answers: Sequence[Answer],
    searches: Iterable[SearchRecord],
    planned_cells: int,
) -> Validity:
    """`invalid` where a server has no sound cell in a scenario, or no question of the plan has an answer."""
    reasons = _unmeasured(points) + _not_found(searches)
    if not cells:
        reasons.append("no cell of the run was finished")
    elif answers and all(answer.verdict == "invalid" for answer in answers):
        reasons.append("none of the plan's comparisons could be measured")
    warnings = [
        *_unfinished(manifest, len(cells), planned_cells),
        *_broken(cells.values()),
        *_unsteady(cells.values()),
        *_doubts(answers),
        *_unlike(answers, cells.values()),
        *_checks(cells.values()),
    ]
    state: State = "invalid" if reasons else "warnings" if warnings else "valid"
    return Validity(state, reasons, warnings)


def _unmeasured(points: Iterable[Point]) -> list[str]:
    sound: dict[tuple[str, str], list[str]] = {}
    good: set[tuple[str, str]] = set()
    for point in points:
        key = (point.server, point.scenario)
        if point.valid_blocks:
            good.add(key)
        sound.setdefault(key, []).extend(point.reasons)
    return [
        f"{server} has no sound cell in {scenario}: {'; '.join(dict.fromkeys(why)) or 'no reason recorded'}"
        for (server, scenario), why in sound.items()
        if (server, scenario) not in good
    ]


def _not_found(searches: Iterable[SearchRecord]) -> list[str]:
    found: dict[tuple[str, str], list[SearchRecord]] = {}
    for search in searches:
        found.setdefault((search.server, search.scenario), []).append(search)
    return [
        f"no capacity was found for {server} in {scenario}: {group[0].reason or 'no level met the target'}"
        for (server, scenario), group in found.items()
        if all(search.low is None for search in group)
    ]


def _unfinished(manifest: Manifest, finished: int, planned: int) -> list[str]:
    if manifest.finished_unix_s is not None and finished >= planned:
        return []
    if finished >= planned:
        return ["the run was interrupted after its last cell"]
    return [f"the run is not complete: {finished} of {count(planned, 'planned cell')} finished"]


def _broken(cells: Iterable[CellSummary]) -> list[str]:
    words = {"invalid": "invalid", "generator-limited": "only a lower bound"}
    groups: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.state in words:
            why = (words[cell.state], cell.reason or "no reason recorded")
            groups.setdefault(why, []).append(cell.id)
    return [f"{_named(names)} {state}: {reason}" for (state, reason), names in groups.items()]


def _unsteady(cells: Iterable[CellSummary]) -> list[str]:
    restless, drifting = [], []
    for cell in cells:
        if cell.steady is False:
            restless.append(cell.id)
        elif cell.drifting and cell.drift_share is not None:
            drifting.append((abs(cell.drift_share), cell.id))
    found = []
    if restless:
        found.append(f"{_named(restless)} not steady while measured; a longer warm-up may help")
    if drifting:
        drifting.sort(reverse=True)
        found.append(
            f"{_named([name for _, name in drifting])} drifting: throughput changed by up to "
            f"{percent(drifting[0][0])} from the start of the measuring phase to its end"
        )
    return found


def _named(cells: Sequence[str]) -> str:
    """`b01-x-u8 is`, `b01-x-u8, b02-x-u8 are`, `7 cells (b01-x-u8, b02-x-u8, ...) are`."""
    if len(cells) == 1:
        return f"{cells[0]} is"
    if len(cells) <= 3:
        return f"{', '.join(cells)} are"
    return f"{len(cells)} cells ({', '.join(cells[:2])} and others) are"


def _doubts(answers: Iterable[Answer]) -> list[str]:
    found = []
    for answer in answers:
        decided = answer.verdict in ("faster", "slower")
        if decided and answer.cross_check and answer.cross_check[0] <= 1 <= answer.cross_check[1]:
            found.append(
                f"{answer.id}: the bootstrap-t cross-check does not agree that it is {answer.verdict}"
            )
        if answer.verdict != "invalid" and answer.blocks < 3:
            found.append(f"{answer.id} rests on {count(answer.blocks, 'block')}; three are the least")
    return found


def _unlike(answers: Iterable[Answer], cells: Iterable[CellSummary]) -> list[str]:
    """Of one's own servers: a ratio of unlike or unknown capacity is told of, whatever the plan calls it."""
    own = {cell.server for cell in cells if cell.means is None}
    return [
        f"{answer.id}: {answer.means}: its ratio is of what each side was given, too"
        for answer in answers
        if (answer.means or "").startswith((UNKNOWN, UNMATCHED)) and own & {answer.server, answer.baseline}
    ]


def _checks(cells: Iterable[CellSummary]) -> list[str]:
    """The cells' own warnings and failed checks, told once each with the number of cells they befell."""
    seen: dict[str, int] = {}
    for cell in cells:
        told = [check.advice or check.name for check in cell.checks if check.status == "warning"]
        for text in dict.fromkeys([*cell.warnings, *told]):
            seen[text] = seen.get(text, 0) + 1
    return [f"{text} ({count(cells_hit, 'cell')})" for text, cells_hit in seen.items()]
