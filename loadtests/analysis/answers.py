"""One answer for each primary comparison of the plan: a verdict with its interval, or why there is none."""

from collections.abc import Sequence

from pydantic import Field

from loadtests.analysis.cells import CellSummary
from loadtests.analysis.differences import Difference, Judge, paired
from loadtests.analysis.metrics import METRICS
from loadtests.analysis.points import level_label, level_words
from loadtests.analysis.wording import slots, times, verdict_sentence
from loadtests.model.records import Comparison, Level
from loadtests.model.sameness import Sameness, told

MATCHED, MOST_TOLD = "capacity-matched", 10


class Answer(Difference):
    id: str
    server: str
    baseline: str
    scenario: str
    level: Level
    metric: str
    means: str | None = Field(default=None, description="capacity-matched or as shipped")
    sentence: str
    explanation: list[str] = Field(default=[], description="what bounds each side, from measured evidence")


def answers(
    cells: Sequence[CellSummary],
    primaries: Sequence[Comparison],
    judge: Judge,
    means: str | None = None,
    sameness: Sequence[Sameness] = (),
) -> list[Answer]:
    """One answer for each primary comparison, in the plan's order; `means` is the plan's.

    A ratio of servers that did not answer alike, by `sameness`, is no verdict.
    """
    return [_unless_unequal(_answer(cells, primary, judge, means), sameness) for primary in primaries]


def _unless_unequal(answer: Answer, sameness: Sequence[Sameness]) -> Answer:
    unequal = [
        mismatch
        for looked in sameness
        if looked.scenario == answer.scenario
        for mismatch in looked.between(answer.server, answer.baseline)
    ]
    if not unequal or answer.ratio is None:
        return answer
    condition = answer.sentence.partition(": ")[0]
    what = f"{condition}: not the same work, so that {times(answer.ratio)} is no verdict: {told(unequal[0])}"
    update = {
        "verdict": "not the same work",
        "sentence": f"{what}.",
        "blocks_needed": None,
        "reasons": [told(mismatch) for mismatch in unequal[:MOST_TOLD]],
    }
    return answer.model_copy(update=update)


def _answer(cells: Sequence[CellSummary], primary: Comparison, judge: Judge, means: str | None) -> Answer:
    metric = METRICS[primary.metric]
    here = [c for c in cells if c.scenario == primary.scenario and c.level == primary.level and not c.search]
    found = paired(
        (c for c in here if c.server == primary.server),
        (c for c in here if c.server == primary.baseline),
        metric,
        judge,
    )
    sentence = verdict_sentence(found, metric, primary.server, primary.baseline)
    label = level_label(primary.level)
    named = _means(here, primary, means)
    condition = [primary.scenario, level_words(primary.level), *([named] if named else [])]
    return Answer(
        **found.model_dump(),
        **primary.model_dump(),
        id=f"{primary.server}:{primary.baseline}/{primary.scenario}/{label}/{primary.metric}",
        means=named,
        sentence=f"{', '.join(condition)}: {sentence}.",
    )


def _means(cells: Sequence[CellSummary], primary: Comparison, means: str | None) -> str | None:
    """The means both sides had, by what their cells say of the servers, else by the plan.

    Matched servers that differ in what they could serve at once say so; slots beyond the users do not count.
    """
    sides = (primary.server, primary.baseline)
    said = {side: next((c.means for c in cells if c.server == side and c.means), means) for side in sides}
    if len(set(said.values())) == 1:
        unequal = _unequal_slots(cells, primary) if said[primary.server] == MATCHED else None
        return f"{MATCHED} but for slots ({unequal})" if unequal else said[primary.server]
    return " and ".join(f"{side} {told}" for side, told in said.items() if told)


def _unequal_slots(cells: Sequence[CellSummary], primary: Comparison) -> str | None:
    """What each side could serve at once, where that differs below the level and both sides are known."""
    users = primary.level.value if primary.level.kind == "users" else float("inf")
    told, usable = [], set()
    for side in (primary.server, primary.baseline):
        cell = next((c for c in cells if c.server == side and c.slot_kind not in (None, "unknown")), None)
        if cell is None:
            return None
        usable.add(min(users, float("inf") if cell.slots is None else cell.slots))
        told.append(f"{side} {slots(cell.slots, cell.slot_kind) if cell.slots else 'without a bound'}")
    return ", ".join(told) if len(usable) > 1 else None
