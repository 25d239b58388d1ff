"""The noise floor of a machine, from an A/A run: a server compared with itself, where the truth is 1."""

import math
from collections.abc import Iterable

from loadtests.analysis.answers import Answer
from loadtests.analysis.differences import Difference
from loadtests.model.records import Record


class Spread(Record):
    """One A/A comparison: how far its ratio and its blocks' ratios strayed from 1."""

    id: str
    metric: str
    ratio: float
    low: float | None
    high: float | None
    confidence: float
    blocks: int


def floor(answers: Iterable[Answer]) -> dict[str, float]:
    """Metric to the largest distance from 1 that an A/A ratio reached, as a share: 0.03 for 0.97 and 1.03.

    Later runs on the machine call nothing a difference that is smaller (`ratios.practical_delta`).
    """
    floors: dict[str, float] = {}
    for answer in answers:
        if answer.ratio is not None and _judged(answer):
            distance = math.expm1(abs(math.log(answer.ratio)))
            floors[answer.metric] = max(distance, floors.get(answer.metric, 0.0))
    return floors


def spreads(answers: Iterable[Answer]) -> list[Spread]:
    """Each A/A comparison's interval, for printing."""
    return [
        Spread(**{name: getattr(a, name) for name in Spread.model_fields})
        for a in answers
        if a.ratio is not None and _judged(a)
    ]


def _judged(difference: Difference) -> bool:
    return difference.verdict in ("faster", "slower", "equivalent", "inconclusive")
