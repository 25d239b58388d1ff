"""Did the server's processes share the requests? Where one has most, the others' time is lost (pure)."""

from collections.abc import Sequence

from loadtests.checks.check import Rule
from loadtests.model.counters import Slot
from loadtests.model.records import Check

UNEVEN = 1.25  # times an even part: with more, less than 80 % of what the processes could do together is left
CHANCE = 3.0  # standard deviations of a count
NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)

BALANCE = Rule("balance", None, "share")


def busiest_share(requests: Sequence[int], processes: int | None) -> float | None:
    """Of all requests, the part of the process that took most; None of one process, or without requests."""
    if max(len(requests), processes or 1) < 2 or not sum(requests):
        return None
    return max(requests) / sum(requests)


def busiest_words(share: float, processes: int) -> str:
    """`one of two processes took 84 % of the requests`."""
    number = NUMBERS[processes] if processes < len(NUMBERS) else f"{processes:,}"
    return f"one of {number} processes took {share * 100:.0f}\N{NO-BREAK SPACE}% of the requests"


def balance(counted: Sequence[Slot] | None, processes: int | None) -> list[Check]:
    """The busiest process's part, where there are several; a process that took none counts too."""
    number = max(len(counted or ()), processes or 1)
    if number < 2:
        return []
    limit = UNEVEN / number
    if counted is None:
        return [BALANCE.unknown("the server did not count (TWINS_COUNTERS)", limit)]
    requests = [slot.requests for slot in counted]
    share = busiest_share(requests, processes)
    if share is None:
        return [BALANCE.unknown("no request was counted", limit)]
    if share <= limit:
        return [BALANCE.judged("ok", share, "", limit)]
    even = sum(requests) / number
    if max(requests) - even < CHANCE * even**0.5:
        return [
            BALANCE.unknown(f"too few requests to tell: {busiest_words(share, number)}, as by chance", limit)
        ]
    advice = (
        f"{busiest_words(share, number)}{_others(counted)}; docs/servers.md says what helps on each server"
    )
    return [BALANCE.judged("warning", share, advice, limit)]


def _others(counted: Sequence[Slot]) -> str:
    named = [slot for slot in counted if slot.process is not None]
    if not named:
        return ""
    return f" ({', '.join(f'process {slot.process}: {slot.requests:,}' for slot in named)})"
