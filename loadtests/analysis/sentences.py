"""What a reader takes home: a sentence for each question, and for each scenario about which none is asked."""

from collections.abc import Mapping, Sequence

from loadtests.analysis.answers import Answer
from loadtests.analysis.points import Point, level_words
from loadtests.model.digits import digits
from loadtests.model.records import Level, Record


class Sentence(Record):
    """`answer` is the id of the answer it tells, null where the plan asks no question about the scenario."""

    scenario: str
    answer: str | None
    text: str


def sentences(
    points: Sequence[Point], answers: Sequence[Answer], references: Mapping[str, Level]
) -> list[Sentence]:
    """The answers scenario by scenario, throughput before times; without one, what was measured."""
    told = []
    for scenario, level in references.items():
        ours = sorted((a for a in answers if a.scenario == scenario), key=lambda a: a.metric != "throughput")
        told += [Sentence(scenario=scenario, answer=answer.id, text=answer.sentence) for answer in ours]
        if not ours:
            text = _measured(scenario, level, points)
            told.append(Sentence(scenario=scenario, answer=None, text=text))
    return told


def _measured(scenario: str, level: Level, points: Sequence[Point]) -> str:
    here = [p for p in points if p.scenario == scenario and p.level == level]
    rated = [(p.server, e) for p in here if (e := p.estimates["throughput"])]
    rated.sort(key=lambda pair: -pair[1].value)
    broken = [p for p in here if p.estimates["throughput"] is None]
    parts = [
        f"{server} {'at least ' if reached.bound == 'at least' else ''}{digits(reached.value)} requests/s"
        for server, reached in rated
    ]
    parts += [f"{p.server} no figure ({'; '.join(p.reasons) or 'no success'})" for p in broken]
    return f"{scenario}, {level_words(level)}: {', '.join(parts)}."
