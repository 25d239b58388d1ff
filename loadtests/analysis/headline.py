"""The run in one sentence: who served more, in how many workloads, by how much, and what is undecided."""

from collections.abc import Mapping, Sequence

from loadtests.analysis.answers import Answer
from loadtests.analysis.metrics import METRICS
from loadtests.analysis.points import level_words
from loadtests.analysis.sides import ServerWords
from loadtests.analysis.wording import TIMES, count, winner
from loadtests.model.digits import digits
from loadtests.model.records import Manifest
from loadtests.model.words import enumerated

MOST_NAMED = 3
MOST_PAIRS = 3
DECIDED = ("faster", "slower")


def headline(
    manifest: Manifest, answers: Sequence[Answer], sides: Mapping[str, ServerWords], *, valid: bool
) -> str:
    """One sentence, or one for each pair of servers; without questions, what was measured."""
    place = f"on this {_cores(manifest)}machine"
    if not valid:
        return f"No answer {place}: the run is not sound."
    if not answers:
        asked = f"{count(len(sides), 'server')} {'was' if len(sides) == 1 else 'were'}"
        return f"Without a question: {asked} measured {place}, and the plan compares none of them."
    pairs: dict[tuple[str, ...], list[Answer]] = {}
    for answer in answers:
        pairs.setdefault(tuple(sorted((answer.server, answer.baseline))), []).append(answer)
    told = [_pair(group, sides) for group in pairs.values()]
    text = "; ".join(told[:MOST_PAIRS])
    left = len(told) - MOST_PAIRS
    text += f"; and {count(left, 'more pair')} of servers below" if left > 0 else ""
    return f"{place[0].upper()}{place[1:]} {text}."


def _pair(answers: Sequence[Answer], sides: Mapping[str, ServerWords]) -> str:
    """What two servers' answers amount to, those of throughput first."""
    first = answers[0]
    names = _names(first.server, first.baseline, sides)
    parts: list[str] = []
    for metric in sorted({a.metric for a in answers}, key=lambda name: (name != "throughput", name)):
        ours = [answer for answer in answers if answer.metric == metric]
        for side in (first.server, first.baseline):
            won = [
                a
                for a in ours
                if a.verdict in DECIDED and (best := winner(a, a.server, a.baseline)) and best[0] == side
            ]
            if won:
                other = first.baseline if side == first.server else first.server
                name = names[side] if not parts else _brief(names[side])
                than = "" if parts else f" than {names[other]}"
                parts.append(f"{name} {_better(metric)}{than} in {_share(won, ours)}, {_range(won)}")
        parts += _others(metric, ours, "the two" if parts else " and ".join(names.values()))
    named = any(answer.verdict in (*DECIDED, "equivalent") for answer in answers)
    return ("" if named else f"{names[first.server]} against {names[first.baseline]}: ") + "; ".join(parts)


def _others(metric: str, answers: Sequence[Answer], both: str) -> list[str]:
    """What was not decided: unequal work, equivalent, undecided, or not measured."""
    found = []
    equal = [a for a in answers if a.verdict == "equivalent"]
    open_ = [a for a in answers if a.verdict == "inconclusive"]
    bounds = [a for a in answers if a.verdict in ("at least", "at most")]
    missing = [a for a in answers if a.verdict in ("generator-limited", "not measured", "invalid")]
    unequal = [a for a in answers if a.verdict == "not the same work"]
    label = METRICS[metric].label
    if unequal:
        found.append(
            f"{_workloads(unequal, answers, label)} {'is' if len(unequal) == 1 else 'are'} not the same work"
        )
    if equal:
        found.append(f"{both} are equivalent in {_workloads(equal, answers, label)}")
    if bounds:
        found.append(f"only a bound is known in {_workloads(bounds, answers, label)}")
    if open_:
        found.append(f"{_workloads(open_, answers, label)} {'is' if len(open_) == 1 else 'are'} undecided")
    if missing:
        found.append(
            f"{_workloads(missing, answers, label)} {'was' if len(missing) == 1 else 'were'} not measured"
        )
    return found


def _names(server: str, baseline: str, sides: Mapping[str, ServerWords]) -> dict[str, str]:
    """The short names, where they tell the two apart; else the servers' own."""
    short = {side: sides[side].short if side in sides else side for side in (server, baseline)}
    apart = len(set(short.values())) == 2 and len({sides[s].interface for s in short if s in sides}) == 2
    return short if apart else {side: side for side in short}


def _brief(name: str) -> str:
    """`ASGI` of `ASGI (uvicorn)`, where it stood in full before."""
    return name.partition(" (")[0]


def _better(metric: str) -> str:
    return "served more" if metric == "throughput" else f"had the shorter {METRICS[metric].label}"


def _share(won: Sequence[Answer], asked: Sequence[Answer]) -> str:
    if len(asked) == 1:
        return _place(won[0], asked)
    return f"{len(won)} of {count(len(asked), 'workload')}"


def _workloads(answers: Sequence[Answer], asked: Sequence[Answer], label: str) -> str:
    """Their names, or how many they are; a metric other than throughput is named with them."""
    of = "" if label == "throughput" else f"{label} of "
    if len(answers) > MOST_NAMED:
        return f"{of}{len(answers)} of {count(len(asked), 'workload')}"
    return of + enumerated([_place(answer, asked) for answer in answers])


def _place(answer: Answer, asked: Sequence[Answer]) -> str:
    """The scenario, with its level where it is asked about at several."""
    several = sum(other.scenario == answer.scenario for other in asked) > 1
    return f"{answer.scenario} at {level_words(answer.level)}" if several else answer.scenario


def _range(won: Sequence[Answer]) -> str:
    """`1.30 to 2.29` times, or the one ratio."""
    ratios = [best[1] for a in won if (best := winner(a, a.server, a.baseline))]
    low, high = digits(min(ratios)), digits(max(ratios))
    return f"{low}{TIMES}" if low == high else f"{low} to {high}{TIMES}"


def _cores(manifest: Manifest) -> str:
    cores = manifest.machine.get("cpu_count") or manifest.machine.get("cores")
    return f"{cores}-core " if isinstance(cores, int) else ""
