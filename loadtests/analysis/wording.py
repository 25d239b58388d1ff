"""Verdicts as sentences. Numbers are rounded here for reading; the document keeps them in full."""

from loadtests.analysis.differences import Difference
from loadtests.analysis.metrics import Metric

TIMES = "\N{MULTIPLICATION SIGN}"


def times(value: float) -> str:
    """A factor with three significant digits, such as 1.62 with the multiplication sign."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}{TIMES}"


def percent(share: float) -> str:
    """`5 %`, `98.33 %`: as many digits as the share needs, up to two."""
    return f"{round(share * 100, 2):g}\N{NO-BREAK SPACE}%"


def count(number: int, noun: str) -> str:
    """`1 block`, `3 blocks`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def slots(number: int | None, kind: str | None) -> str:
    """`1 thread`, `8 processes`."""
    return f"{number} {kind}" + ("" if number == 1 else "es" if (kind or "").endswith("s") else "s")


def verdict_sentence(found: Difference, metric: Metric, server: str, baseline: str) -> str:
    """One sentence for a difference, without its condition; the better side is named first."""
    ratio, low, high = found.ratio, found.low, found.high
    if found.verdict == "same run":
        return f"the same run: {server} is compared with itself"
    if ratio is None:
        word = "cannot be measured here" if found.verdict == "generator-limited" else "no answer"
        return f"{word}: {'; '.join(found.reasons)}"
    if found.verdict in ("at least", "at most"):
        return (
            f"{_claim(metric, server, baseline, f'{found.verdict} {times(ratio)}')}, "
            f"without a verdict: the load generator was the limit"
        )
    evidence = (
        f"{percent(found.confidence)} interval {times(low)} to {times(high)}, {count(found.blocks, 'block')}"
        if low is not None and high is not None
        else f"{count(found.blocks, 'block')}, so no interval"
    )
    if found.verdict == "faster":
        return f"{_claim(metric, server, baseline, times(ratio))} ({evidence})"
    if found.verdict == "slower" and low is not None and high is not None:
        evidence = (
            f"{percent(found.confidence)} interval {times(1 / high)} to {times(1 / low)}, "
            f"{count(found.blocks, 'block')}"
        )
        return f"{_claim(metric, baseline, server, times(1 / ratio))} ({evidence})"
    if found.verdict == "equivalent":
        return (
            f"{server} and {baseline} are equivalent in {metric.label}, within {percent(found.delta)} "
            f"(ratio {times(ratio)}, {evidence})"
        )
    more = (
        "more blocks alone would hardly settle it"
        if found.blocks_needed is None
        else f"about {count(found.blocks_needed, 'more block')} would settle it"
    )
    return (
        f"{server} against {baseline} in {metric.label} is not settled: {times(ratio)} ({evidence}); {more}"
    )


def _claim(metric: Metric, winner: str, loser: str, factor: str) -> str:
    if metric.name == "throughput":
        return f"{winner} serves {factor} the requests of {loser}"
    return f"{loser}'s {metric.label} is {factor} as long as {winner}'s"
