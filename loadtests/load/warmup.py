"""When the warm-up may end: throughput and response time have stopped changing over a sliding window (pure).

The window is as long as the shortest warm-up. It slides along the run until its variation is small, as in
Georges, Buytaert and Eeckhout, "Statistically rigorous Java performance evaluation" (OOPSLA 2007). They ask
for a small coefficient of variation of a few long iterations; requests come in small and bursty numbers, and
what matters is a trend. So the window is cut into ten slices, and counts as steady when the medians of its
two halves differ by no more than a tenth, or by no more than twice what one slice usually differs from the
next (the median again; after the mean successive difference of von Neumann et al., Annals of Mathematical
Statistics 12(2), 1941, which a trend or a step does not inflate). Noise alone does not prolong a warm-up,
and neither a stop of the machine nor a cold start of one or two slices decides.

A level that is held for longer than the window passes for the last one; the self-check of the steady state
looks at all that was measured.
"""

import numpy as np
import numpy.typing as npt

from loadtests.model.samples import OK, Samples

SLICES = 10
CHANGE_SHARE = 0.10
STEPS = 2.0
FEWEST = 2 * SLICES

Micros = npt.NDArray[np.int64]


class Warmup:
    """A listener of the recorder that keeps what ended within the last `window_us` before a moment."""

    def __init__(self, window_us: int) -> None:
        self._window_us = window_us
        self._ended = np.empty(0, dtype=np.int64)
        self._response = np.empty(0, dtype=np.int64)
        # numpy's first median takes longer than a beat of the loop: not while requests are due
        steady(np.arange(FEWEST), np.arange(FEWEST), 0, FEWEST)

    def take(self, samples: Samples) -> None:
        good = samples[samples["kind"] == OK]
        response = good["last_byte_us"].astype(np.int64)
        self._ended = np.concatenate([self._ended, good["due_us"] + response])
        self._response = np.concatenate([self._response, response])

    def steady(self, now_us: int) -> bool | None:
        """Whether the window that ends now was steady; None where too few requests ended in it to tell."""
        begin_us = now_us - self._window_us
        inside = self._ended >= begin_us
        self._ended, self._response = self._ended[inside], self._response[inside]
        return steady(self._ended, self._response, begin_us, now_us)


def steady(ended_us: Micros, response_us: Micros, begin_us: int, end_us: int) -> bool | None:
    """Whether successes that ended from `begin_us` to `end_us` came evenly and took equally long.

    None below two successes a slice, or where a half holds fewer than two slices with any.
    """
    if len(ended_us) < FEWEST:
        return None
    edges = np.linspace(begin_us, end_us, SLICES + 1)
    places = np.clip(np.searchsorted(edges, ended_us, side="right") - 1, 0, SLICES - 1)
    counts = np.bincount(places, minlength=SLICES).astype(np.float64)
    times = [
        float(np.median(response_us[places == slice_])) if counts[slice_] else np.nan
        for slice_ in range(SLICES)
    ]
    verdicts = [_unchanged(counts), _unchanged(np.array(times))]
    return None if None in verdicts else all(verdicts)


def _unchanged(values: npt.NDArray[np.float64]) -> bool | None:
    halves = [half[~np.isnan(half)] for half in np.split(values, 2)]
    if min(map(len, halves)) < 2:
        return None
    first, second = (float(np.median(half)) for half in halves)
    step = float(np.median(np.abs(np.diff(np.concatenate(halves)))))
    return abs(second - first) <= max(CHANGE_SHARE * (first + second) / 2, STEPS * step)
