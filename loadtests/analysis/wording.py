"""Verdicts as sentences. Numbers are rounded here for reading; the document keeps them in full."""

from loadtests.analysis.differences import Difference
from loadtests.analysis.metrics import Metric
from loadtests.model.digits import digits

TOO_WIDE = 1000.0
TIMES = "\N{MULTIPLICATION SIGN}"


def times(value: float) -> str:
    """A factor with three significant digits, such as 1.62 with the multiplication sign."""
    return f"{digits(value)}{TIMES}"


def span(low: float, high: float) -> str:
    """`between 1.50 and 3.40`, with the multiplication sign at the end; what is no evidence is no figure."""
    if high > TOO_WIDE * low:
        return "the interval is too wide to tell"
    return f"between {digits(low)} and {digits(high)}{TIMES}"


def percent(share: float) -> str:
    """`5 %`, `36.9 %`: three significant digits at the most."""
    text = digits(share * 100)
    text = text.rstrip("0").rstrip(".") if "." in text and "·" not in text else text
    return f"{text}\N{NO-BREAK SPACE}%"


def rate(per_s: float) -> str:
    """`1,200/s`."""
    return f"{digits(per_s)}/s"


def count(number: int, noun: str) -> str:
    """`1 block`, `3 blocks`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def slots(number: int | None, kind: str | None) -> str:
    """`1 thread`, `8 processes`."""
    return f"{number} {kind}" + ("" if number == 1 else "es" if (kind or "").endswith("s") else "s")


def verdict_sentence(difference: Difference, metric: Metric, server: str, baseline: str) -> str:
    """One sentence for a difference, without its condition; the better side is named first."""
    ratio, low, high = difference.ratio, difference.low, difference.high
    if difference.verdict == "same run":
        return f"the same run: {server} is compared with itself"
    if ratio is None:
        word = "not measured" if difference.verdict in ("generator-limited", "not measured") else "no answer"
        return f"{word}: {'; '.join(difference.reasons)}"
    if difference.verdict == "at least":
        return f"{_claim(metric, server, baseline, f'at least {times(ratio)}')}{_unjudged(difference)}"
    if difference.verdict == "at most":
        return f"{_claim(metric, baseline, server, f'at least {times(1 / ratio)}')}{_unjudged(difference)}"
    if low is None or high is None:
        evidence = f"{count(difference.blocks, 'block')}, so no interval"
    elif difference.verdict == "slower":
        evidence = f"{span(1 / high, 1 / low)}, {count(difference.blocks, 'block')}"
    else:
        evidence = f"{span(low, high)}, {count(difference.blocks, 'block')}"
    if difference.verdict == "faster":
        return f"{_claim(metric, server, baseline, times(ratio))} ({evidence})"
    if difference.verdict == "slower":
        return f"{_claim(metric, baseline, server, times(1 / ratio))} ({evidence})"
    if difference.verdict == "equivalent":
        return (
            f"{server} and {baseline} are equivalent in {metric.label}, within {percent(difference.delta)} "
            f"(ratio {times(ratio)}, {evidence})"
        )
    more = (
        "more blocks alone would hardly settle it"
        if difference.blocks_needed is None
        else f"about {count(difference.blocks_needed, 'more block')} would settle it"
    )
    return f"undecided in {metric.label}: {server} {times(ratio)} {baseline} ({evidence}); {more}"


def winner(difference: Difference, server: str, baseline: str) -> tuple[str, float] | None:
    """The better side and how many times; of bounds, the side that is better by at least so much."""
    if difference.ratio is None or difference.verdict not in ("faster", "slower", "at least", "at most"):
        return None
    return (
        (server, difference.ratio)
        if difference.verdict in ("faster", "at least")
        else (baseline, 1 / difference.ratio)
    )


def _unjudged(difference: Difference) -> str:
    return f" (a bound and no verdict, {count(difference.blocks, 'block')}: the load generator was the limit)"


def _claim(metric: Metric, winner: str, loser: str, factor: str) -> str:
    if metric.name == "throughput":
        return f"{winner} serves {factor} the requests of {loser}"
    if metric.name == "cpu_ms_per_request":
        return f"{loser} takes {factor} the CPU of {winner} for each request"
    return f"{loser}'s {metric.label} is {factor} as long as {winner}'s"
