"""Where in a plot a figure stands, and where its label: labels are kept apart (pure)."""

import math
from collections.abc import Sequence

Ends = tuple[float, float]

HEIGHT = 190
LINE = 13  # px between the middles of two labels


def height_of(value: float, ends: Ends, *, log: bool) -> float:
    """Pixels from the top of the plot."""
    low, high = ends
    share = math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)
    return HEIGHT * (1 - min(1.0, max(0.0, share)))


def spread(places: Sequence[float]) -> list[float]:
    """Ascending places moved apart to `LINE`, around where they were, within the plot where it has room."""
    groups: list[list[float]] = []
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _middle(groups[-1]) - _middle(groups[-2]) < LINE * _sum(groups[-2:]) / 2:
            groups[-2:] = [groups[-2] + groups[-1]]
    found = [
        _middle(group) + LINE * (number - (len(group) - 1) / 2)
        for group in groups
        for number in range(len(group))
    ]
    below = max(0.0, found[-1] - HEIGHT) if found else 0.0
    return [place - below for place in found]


def _middle(group: Sequence[float]) -> float:
    return sum(group) / len(group)


def _sum(groups: Sequence[Sequence[float]]) -> int:
    return sum(len(group) for group in groups)
