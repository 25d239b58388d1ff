"""Arrivals of the open loop, computed from the seed before anything is sent (pure).

A profile is the rate over time; arrivals are drawn at rate one and mapped through the inverse of the
profile's integral, so that every kind of arrivals follows every profile exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from loadtests.model.samples import Floats

BLOCK = 4096


@dataclass(frozen=True)
class RateSegment:
    """Rates go linearly from `first_per_s` to `last_per_s` in `seconds`."""

    first_per_s: float
    last_per_s: float
    seconds: float


Profile = tuple[RateSegment, ...]


def parse_profile(text: str) -> Profile:
    """Read `2000`, steps such as `100x10,500x5,100x10`, or ramps such as `100>500x10`; the last rate stays.

    Raises ValueError with one plain sentence.
    """
    segments = []
    for part in text.split(","):
        rates, times, seconds = part.strip().partition("x")
        first, _, final = rates.partition(">")
        try:
            segment = RateSegment(
                float(first), float(final or first), float(seconds) if times else float("inf")
            )
        except ValueError:
            raise ValueError(
                f"the rate '{text}' cannot be read: it looks like 2000, 100x10,500x5 or 100>500x10."
            ) from None
        if not (0 <= segment.first_per_s < float("inf") and 0 <= segment.last_per_s < float("inf")):
            raise ValueError(f"the rate '{part}' is out of range: the nearest valid rate is 0.")
        if not segment.seconds > 0:
            raise ValueError(f"the rate '{part}' lasts {segment.seconds:g} s: it must last longer than 0 s.")
        segments.append(segment)
    if any(s.seconds == float("inf") for s in segments[:-1]):
        raise ValueError(f"the rate '{text}' needs seconds, as in 100x10, for all but its last part.")
    last = segments[-1]
    if last.seconds == float("inf"):
        if last.first_per_s != last.last_per_s:
            raise ValueError(
                f"the ramp in '{text}' needs seconds, as in {last.first_per_s:g}>{last.last_per_s:g}x10."
            )
        return tuple(segments)
    return (*segments, RateSegment(last.last_per_s, last.last_per_s, float("inf")))


def mean_rate(profile: Profile, start_s: float, end_s: float) -> float:
    """The mean rate between two times."""
    return (expected_arrivals(profile, end_s) - expected_arrivals(profile, start_s)) / (end_s - start_s)


def expected_arrivals(profile: Profile, at_s: float) -> float:
    """The integral of the profile from 0 to `at_s`."""
    total, start = 0.0, 0.0
    for segment in profile:
        t = min(at_s - start, segment.seconds)
        if t <= 0:
            break
        slope = (segment.last_per_s - segment.first_per_s) / segment.seconds
        total += segment.first_per_s * t + slope * t * t / 2
        start += segment.seconds
    return total


def _times(profile: Profile, amounts: Floats) -> Floats:
    """The inverse of `expected_arrivals`; infinite where the profile never gets there."""
    times = np.full(len(amounts), np.inf)
    start_s, before = 0.0, 0.0
    for segment in profile:
        last = segment.seconds == float("inf")
        slope = 0.0 if last else (segment.last_per_s - segment.first_per_s) / segment.seconds
        after = (
            float("inf")
            if last
            else before + (segment.first_per_s + segment.last_per_s) / 2 * segment.seconds
        )
        here = (amounts >= before) & (amounts < after)
        wanted = amounts[here] - before
        # the root of first * t + slope * t² / 2 = wanted, in the form that also holds for slope 0
        root = segment.first_per_s + np.sqrt(np.maximum(0.0, segment.first_per_s**2 + 2 * slope * wanted))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(wanted == 0, 0.0, 2 * wanted / root)
        times[here] = start_s + t
        start_s, before = start_s + segment.seconds, after
    return times


def arrivals(kind: str, profile: Profile, seed: int, part: int = 0, parts: int = 1) -> Iterator[list[int]]:
    """Blocks of arrival times in ns since zero, ascending, without end unless the rate ends at 0.

    Of `parts` Locust workers, each takes every `parts`-th arrival of one common schedule.
    """
    random = np.random.default_rng(seed)
    reached = 0.0
    for block in count():
        if kind == "poisson":
            amounts = reached + np.cumsum(random.exponential(size=BLOCK))
            reached = float(amounts[-1])
        else:
            amounts = np.arange(block * BLOCK, (block + 1) * BLOCK, dtype=np.float64)
        times = _times(profile, amounts)
        mine = (np.arange(BLOCK) + block * BLOCK) % parts == part
        finite = np.isfinite(times)
        yield np.rint(times[mine & finite] * 1e9).astype(np.int64).tolist()
        if not finite.all():
            return


def read_replay(path: Path, part: int = 0, parts: int = 1) -> Iterator[list[int]]:
    """Arrival times from a file: one number of seconds since zero per line, ascending; `#` begins a comment.

    Raises ValueError with one plain sentence, naming the line.
    """
    times: list[int] = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if not text:
                continue
            try:
                at_ns = round(float(text) * 1e9)
            except (ValueError, OverflowError):
                raise ValueError(f"{path}, line {number}: '{text}' is not a number of seconds.") from None
            if at_ns < (times[-1] if times else 0):
                raise ValueError(f"{path}, line {number}: {text} s is before the arrival above it.")
            times.append(at_ns)
    if not times:
        raise ValueError(f"{path} holds no arrivals: it has one number of seconds per line.")
    yield times[part::parts]
