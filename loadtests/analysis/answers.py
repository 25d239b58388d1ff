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

MOST_TOLD = 10
MATCHED, UNMATCHED, UNKNOWN = "capacity-matched", "not matched", "capacity unknown"
INFINITE = float("inf")


class Answer(Difference):
    id: str
    server: str
    baseline: str
    scenario: str
    level: Level
    metric: str
    means: str | None = Field(
        default=None,
        description="as shipped; or capacity-matched, where the slots of both sides are known and alike",
    )
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
    difference = paired(
        (c for c in here if c.server == primary.server),
        (c for c in here if c.server == primary.baseline),
        metric,
        judge,
    )
    sentence = verdict_sentence(difference, metric, primary.server, primary.baseline)
    label = level_label(primary.level)
    named = _means(here, primary, means)
    condition = [primary.scenario, level_words(primary.level), *([named] if named else [])]
    return Answer(
        **difference.model_dump(),
        **primary.model_dump(),
        id=f"{primary.server}:{primary.baseline}/{primary.scenario}/{label}/{primary.metric}",
        means=named,
        sentence=f"{', '.join(condition)}: {sentence}.",
    )


def means_of(cells: Sequence[CellSummary], answered: Sequence[Answer], means: str | None) -> str | None:
    """The means of a whole run: those of all its answers, or without one, of all its servers."""
    if means != MATCHED:
        return means
    told = {answer.means for answer in answered} or {
        _capacity(cells, sorted({c.server for c in cells}), INFINITE)
    }
    if len(told) == 1:
        return told.pop()
    return (
        f"{MATCHED}, but not in every answer" if MATCHED in told else f"not {MATCHED}; each answer says why"
    )


def _means(cells: Sequence[CellSummary], primary: Comparison, means: str | None) -> str | None:
    """The means both sides had, by what their cells say of the servers, else by the plan."""
    sides = (primary.server, primary.baseline)
    said = {side: next((c.means for c in cells if c.server == side and c.means), means) for side in sides}
    if len(set(said.values())) > 1:
        return " and ".join(f"{side} {told}" for side, told in said.items() if told)
    if said[primary.server] != MATCHED:
        return said[primary.server]
    users = primary.level.value if primary.level.kind == "users" else INFINITE
    return _capacity(cells, sides, users)


def _capacity(cells: Sequence[CellSummary], servers: Sequence[str], users: float) -> str:
    """Whether servers could serve as many requests at once; slots beyond the users do not count.

    It is matched only where it is known of all of them and the same.
    """
    firsts = {side: cell for side in servers if (cell := next((c for c in cells if c.server == side), None))}
    unknown = [side for side in servers if side in firsts and not firsts[side].slots_known]
    if unknown:
        return f"{UNKNOWN} (slots of {' and '.join(unknown)} not declared)"
    if len({min(users, INFINITE if cell.slots is None else cell.slots) for cell in firsts.values()}) <= 1:
        return MATCHED
    told = [
        f"{side} {slots(cell.slots, cell.slot_kind) if cell.slots else 'without a bound'}"
        for side, cell in firsts.items()
    ]
    return f"{UNMATCHED} ({', '.join(told)})"
