"""Did what a server holds grow while it was measured: memory, descriptors, threads?

Judged is what is left after a collection: the measuring phase is cut into equal stretches, and each counts
with its least reading. Through these goes the Theil-Sen slope with its 95 % interval (Sen, "Estimates of the
regression coefficient based on Kendall's tau", JASA 63, 1968), times the length of the phase. As a median of
slopes it looks past a cache that is filled once and past the sawtooth of a garbage collector; what is kept
of each request it cannot miss.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from loadtests.model.records import GeneratorDocument, Record

STRETCHES = 60
FEWEST = 6  # stretches: with fewer, the interval of a slope holds every slope there is


class Growth(Record):
    """From the start of the measuring phase to its end, along the trend; below 0 where it shrank."""

    change: float
    low: float = Field(description="of the 95 % interval")
    high: float = Field(description="of the 95 % interval")
    start: float = Field(description="the least reading of the phase's first stretch")


def growth(readings: Sequence[tuple[float, float]], begin_s: float, end_s: float) -> Growth | None:
    """Growth from `begin_s` to `end_s`, from (second, value) pairs; None from fewer than 6 stretches."""
    from scipy import stats  # type: ignore[import-untyped]  # no types, and half a second to import

    inside = [(moment, value) for moment, value in readings if begin_s <= moment < end_s]
    count = min(STRETCHES, len(inside))
    if count < FEWEST:
        return None
    floors: dict[int, float] = {}
    for moment, value in inside:
        stretch = int((moment - begin_s) / (end_s - begin_s) * count)
        floors[stretch] = min(value, floors.get(stretch, value))
    if len(floors) < FEWEST:
        return None
    at, least = np.array(sorted(floors)), np.array([floors[stretch] for stretch in sorted(floors)])
    slopes = stats.theilslopes(least, at, alpha=0.95)
    change, low, high = (
        float(slope) * count for slope in (slopes.slope, slopes.low_slope, slopes.high_slope)
    )
    return Growth(change=change, low=low, high=high, start=float(least[0]))


def growths(generator: GeneratorDocument, readings: Sequence[Mapping[str, Any]]) -> dict[str, Growth | None]:
    """Growth of all that the server held, by its name in a summary, from the lines of `probes.jsonl`."""
    begin_s = generator.zero_unix_s + generator.warmup_us / 1e6
    end_s = generator.zero_unix_s + generator.measure_us / 1e6
    server = [reading for reading in readings if reading["side"] == "server"]
    held = {
        "rss_growth_bytes": [(r["unix_s"], r["rss_bytes"]) for r in server],
        "descriptor_growth": [(r["unix_s"], _descriptors(r)) for r in server],
        "thread_growth": [(r["unix_s"], r["threads"]) for r in server],
    }
    return {
        name: growth([(at, value) for at, value in figures if value is not None], begin_s, end_s)
        for name, figures in held.items()
    }


def _descriptors(reading: Mapping[str, Any]) -> int | None:
    # how many connections stay open is the clients' affair; one that the server forgot is in close-wait
    total: int | None = reading["descriptors"]
    return None if total is None else total - (reading["sockets"] or {}).get("established", 0)
