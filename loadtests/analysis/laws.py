"""Scaling laws: Amdahl, the Universal Scalability Law, and the bound that slots set.

USL (Gunther, "Guerrilla Capacity Planning", Springer 2007, chapter 4):

    X(N) = gain * N / (1 + sigma * (N - 1) + kappa * N * (N - 1))

sigma is the share of work that waits its turn (contention), kappa the cost of keeping copies agreed
(coherency); Amdahl's law is kappa = 0. Fitted by non-linear least squares of the throughput, as in R's
`usl` package, started from Gunther's linearised form.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtests.model.samples import Floats

LEAST_LEVELS = 4  # three parameters and at least one degree of freedom


class UnfittableError(ValueError):
    """Why no law can be fitted, in one sentence."""


@dataclass(frozen=True)
class Law:
    """Fitted parameters; `residual_share`: root mean square of the residuals over the mean throughput."""

    gain_per_s: float
    sigma: float
    kappa: float
    residual_share: float

    def throughput_per_s(self, n: float) -> float:
        return self.gain_per_s * n / (1 + self.sigma * (n - 1) + self.kappa * n * (n - 1))

    @property
    def peak(self) -> float | None:
        """The N of the highest throughput; None where more never hurts (kappa <= 0) or always does."""
        if self.kappa <= 0 or self.sigma >= 1:
            return None
        return math.sqrt((1 - self.sigma) / self.kappa)

    @property
    def ceiling_per_s(self) -> float | None:
        """Throughput that no N exceeds by contention alone, gain / sigma; None where nothing contends."""
        return self.gain_per_s / self.sigma if self.sigma > 0 else None


def fit_usl(levels: Sequence[float], throughput_per_s: Sequence[float]) -> Law:
    """Fit gain, sigma and kappa to at least four distinct levels (N >= 1); raises UnfittableError."""
    n, x = _checked(levels, throughput_per_s, LEAST_LEVELS)
    return _fit(n, x, _start(n, x))


def fit_amdahl(levels: Sequence[float], throughput_per_s: Sequence[float]) -> Law:
    """Fit gain and sigma, kappa being 0, to at least three distinct levels; raises UnfittableError."""
    n, x = _checked(levels, throughput_per_s, LEAST_LEVELS - 1)
    return _fit(n, x, _start(n, x)[:2])


def slots_bound_per_s(slots: int, service_time_s: float) -> float:
    """Little's law: what `slots` requests at a time of `service_time_s` each can amount to."""
    return slots / service_time_s


def _checked(levels: Sequence[float], throughput_per_s: Sequence[float], least: int) -> tuple[Floats, Floats]:
    n, x = np.asarray(levels, dtype=float), np.asarray(throughput_per_s, dtype=float)
    if n.shape != x.shape:
        raise UnfittableError("there must be one throughput for each level")
    if len(set(levels)) < least:
        raise UnfittableError(f"{len(set(levels))} levels are too few: the law needs {least}")
    if not (np.all(n >= 1) and np.all(x > 0) and np.all(np.isfinite(x))):
        raise UnfittableError("levels must be at least 1 and throughputs positive")
    return n, x


def _start(n: Floats, x: Floats) -> list[float]:
    # Gunther's form: with the gain as X(1), N·gain/X(N) - 1 = sigma (N-1) + kappa N (N-1) is linear
    gain = float(x[n == n.min()].mean() / n.min())
    terms = np.column_stack([n - 1, n * (n - 1)])
    (sigma, kappa), *_ = np.linalg.lstsq(terms, n * gain / x - 1, rcond=None)
    return [gain, float(np.clip(sigma, 0, 0.99)), float(max(kappa, 0.0))]


def _fit(n: Floats, x: Floats, start: Sequence[float]) -> Law:
    from scipy import optimize  # type: ignore[import-untyped]  # no types, and half a second to import

    scale = float(x.mean())

    def residuals(parameters: Floats) -> Floats:
        gain, sigma, kappa = [*parameters, 0.0][:3]
        fitted = gain * n / _denominator(n, sigma, kappa)
        return np.asarray((fitted - x) / scale)

    def jacobian(parameters: Floats) -> Floats:
        gain, sigma, kappa = [*parameters, 0.0][:3]
        below = _denominator(n, sigma, kappa)
        by_sigma = -gain * n * (n - 1) / below**2
        columns = [n / below, by_sigma, n * by_sigma]
        return np.column_stack(columns[: len(parameters)]) / scale

    fit = optimize.least_squares(residuals, start, jacobian, method="lm", ftol=1e-15, xtol=1e-15, gtol=1e-15)
    gain, sigma, kappa = [*map(float, fit.x), 0.0][:3]
    root_mean_square = float(np.sqrt(np.mean(fit.fun**2)))
    return Law(gain, sigma, kappa, root_mean_square)


def _denominator(n: Floats, sigma: float, kappa: float) -> Floats:
    below = 1 + sigma * (n - 1) + kappa * n * (n - 1)
    return np.where(below > 1e-9, below, 1e-9)  # a step of the search may leave the law's domain
