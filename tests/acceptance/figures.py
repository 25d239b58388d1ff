"""What every acceptance script prints: a figure, what it must be, and whether it is."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable

FAILED: list[str] = []


def show(what: str, figure: float, limit: float, *, at_least: bool = True, unit: str = "") -> None:
    """Print one line and remember a figure that falls short."""
    good = figure >= limit if at_least else figure <= limit
    sign = "≥" if at_least else "≤"
    print(
        f"{'ok  ' if good else 'FAIL'} {what}: {figure:.3g}{unit} (asked {sign} {limit:g}{unit})", flush=True
    )
    if not good:
        FAILED.append(what)


def end() -> None:
    """Exit 1 where a figure fell short, naming it."""
    if FAILED:
        print(f"{len(FAILED)} figures fall short: {'; '.join(FAILED)}")
        sys.exit(1)
    print("all figures hold")


def best_s(action: Callable[[], object], times: int) -> float:
    """The shortest of several durations, seconds."""
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        durations.append(time.perf_counter() - start)
    return min(durations)


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def pin(core: int) -> None:
    """Keep this process and its children on one core, where the machine has several."""
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {core})
