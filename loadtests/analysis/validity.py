"""Can the run be trusted: valid, with warnings, or invalid, each with its reasons from a closed list."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadtests.analysis.answers import UNKNOWN, UNMATCHED, Answer
from loadtests.analysis.cells import CellSummary
from loadtests.analysis.points import Point, level_words
from loadtests.analysis.wording import count, percent
from loadtests.model.records import Manifest, SearchRecord

State = Literal["valid", "warnings", "invalid"]
STEADY = "steady state"


@dataclass(frozen=True)
class Note:
    """A warning, and the answers that would be others without what it tells of."""

    text: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Validity:
    """`bearing` says which of the warnings bear on an answer, or that none does."""

    state: State
    reasons: list[str]
    warnings: list[str]
    bearing: str


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
    notes = [
        *_findings(manifest),
        *_unfinished(manifest, len(cells), planned_cells, answers),
        *_broken(cells.values(), answers),
        *_unsteady(cells.values()),
        *_doubts(answers),
        *_unlike(answers, cells.values()),
        *_checks(cells.values()),
    ]
    state: State = "invalid" if reasons else "warnings" if notes else "valid"
    return Validity(state, reasons, [note.text for note in notes], bearing(state, notes))


def bearing(state: State, notes: Sequence[Note]) -> str:
    """One sentence: which notes bear on an answer, or that none does."""
    if state == "invalid":
        return "The run is not sound and gives no answer."
    if not notes:
        return "Nothing was noted that could change an answer."
    all_, telling = count(len(notes), "note"), [note for note in notes if note.answers]
    if not telling:
        return f"{all_}: {'it changes no' if len(notes) == 1 else 'none of them changes an'} answer."
    names = dict.fromkeys(name for note in telling for name in note.answers)
    which = f"{len(telling)} of {all_} {'bears' if len(telling) == 1 else 'bear'}"
    return f"{which} on {count(len(names), 'answer')}: {', '.join(names)}."


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
    groups: dict[tuple[str, str], list[SearchRecord]] = {}
    for search in searches:
        groups.setdefault((search.server, search.scenario), []).append(search)
    return [
        f"no capacity was found for {server} in {scenario}: {group[0].reason or 'no level met the target'}"
        for (server, scenario), group in groups.items()
        if all(search.low is None for search in group)
    ]


def _findings(manifest: Manifest) -> list[Note]:
    """What the machine was found to lack before the run."""
    return [
        Note(f"the machine, {finding.name}: {finding.text}. {finding.advice}")
        for finding in manifest.findings
        if finding.status in ("warning", "failed")
    ]


def _unfinished(manifest: Manifest, finished: int, planned: int, answers: Sequence[Answer]) -> list[Note]:
    if manifest.finished_unix_s is not None and finished >= planned:
        return []
    if finished >= planned:
        return [Note("the run was interrupted after its last cell")]
    text = f"the run is not complete: {finished} of {count(planned, 'planned cell')} finished"
    return [Note(text, tuple(_place(answer) for answer in answers))]


def _broken(cells: Iterable[CellSummary], answers: Sequence[Answer]) -> list[Note]:
    words = {"invalid": "invalid", "generator-limited": "only a lower bound"}
    groups: dict[tuple[str, str], list[CellSummary]] = {}
    for cell in cells:
        if cell.state in words:
            why = (words[cell.state], cell.reason or "no reason recorded")
            groups.setdefault(why, []).append(cell)
    return [
        Note(
            f"{_named([cell.id for cell in group])} {state}: {reason}",
            tuple(_place(answer) for answer in answers if any(_of(answer, cell) for cell in group)),
        )
        for (state, reason), group in groups.items()
    ]


def _of(answer: Answer, cell: CellSummary) -> bool:
    return (
        (cell.scenario, cell.level) == (answer.scenario, answer.level)
        and cell.server in (answer.server, answer.baseline)
        and cell.search is None
    )


def _place(answer: Answer) -> str:
    return f"{answer.scenario} at {level_words(answer.level)}"


def _unsteady(cells: Iterable[CellSummary]) -> list[Note]:
    """One note for all that changed while it was measured, by whichever of three tests."""
    restless, most = [], 0.0
    for cell in cells:
        halves = any(check.name == STEADY and check.status == "warning" for check in cell.checks)
        drifting = cell.drifting and cell.drift_share is not None
        if cell.steady is False or drifting or halves:
            restless.append(cell.id)
        if drifting and cell.drift_share is not None:
            most = max(most, abs(cell.drift_share))
    if not restless:
        return []
    drift = f" by up to {percent(most)}" if most else ""
    return [
        Note(
            f"{_named(restless)} not steady: throughput changed{drift} while measured; "
            "warm up or measure longer"
        )
    ]


def _named(cells: Sequence[str]) -> str:
    """`b01-x-u8 is`, `b01-x-u8, b02-x-u8 are`, `7 cells (b01-x-u8, b02-x-u8, ...) are`."""
    if len(cells) == 1:
        return f"{cells[0]} is"
    if len(cells) <= 3:
        return f"{', '.join(cells)} are"
    return f"{len(cells)} cells ({', '.join(cells[:2])} and others) are"


def _doubts(answers: Iterable[Answer]) -> list[Note]:
    reasons = []
    for answer in answers:
        decided = answer.verdict in ("faster", "slower")
        if decided and answer.cross_check and answer.cross_check[0] <= 1 <= answer.cross_check[1]:
            text = f"{answer.id}: the bootstrap-t cross-check does not agree that it is {answer.verdict}"
            reasons.append(Note(text, (_place(answer),)))
        if answer.ratio is not None and answer.blocks < 3:
            text = f"{answer.id} rests on {count(answer.blocks, 'block')}; three are the least"
            reasons.append(Note(text, (_place(answer),)))
    return reasons


def _unlike(answers: Iterable[Answer], cells: Iterable[CellSummary]) -> list[Note]:
    """Of one's own servers: a ratio of unlike or unknown capacity is told of, whatever the plan calls it."""
    own = {cell.server for cell in cells if cell.means is None}
    return [
        Note(f"{answer.id}: {answer.means}: its ratio is of what each side was given, too", (_place(answer),))
        for answer in answers
        if (answer.means or "").startswith((UNKNOWN, UNMATCHED)) and own & {answer.server, answer.baseline}
    ]


def _checks(cells: Iterable[CellSummary]) -> list[Note]:
    """The cells' own warnings and failed checks, told once each with the number of cells they befell."""
    seen: dict[str, int] = {}
    for cell in cells:
        checks = [check for check in cell.checks if check.status == "warning" and check.name != STEADY]
        told = [f"{check.name}: {check.advice}" if check.advice else check.name for check in checks]
        steady = [f"{check.name}: {check.advice}" for check in cell.checks if check.name == STEADY]
        own = [text for text in cell.warnings if text not in steady]
        for text in dict.fromkeys([*own, *told]):
            seen[text] = seen.get(text, 0) + 1
    return [Note(f"{text} ({count(cells_hit, 'cell')})") for text, cells_hit in seen.items()]
