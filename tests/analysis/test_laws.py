"""Published data sets, refitted.

SPEC SDM91 on a SPARCcenter 2000: Gunther, "Guerrilla Capacity Planning" (2007), with the coefficients that
R's `usl` package prints for it. The Cisco benchmark: Schwartz, "Practical Scalability Analysis with the
Universal Scalability Law" (2015), listed with its coefficients.
"""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.analysis.laws import Law, UnfittableError, fit_amdahl, fit_usl, slots_bound_per_s
from loadtests.analysis.scaling import LawFit, over_blocks

SDM91 = {1: 64.9, 18: 995.9, 36: 1652.4, 72: 1853.2, 108: 1828.9, 144: 1775.0, 216: 1702.2}
CISCO = [
    *(955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71),
    *(8646.7, 9047.84, 9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43),
    *(11518.63, 11806.0, 12089.37, 12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4),
    12074.39,
]
LEVELS = [1, 2, 4, 8, 16, 32, 64]


def test_sdm91_to_the_published_digits() -> None:
    law = fit_usl(list(SDM91), list(SDM91.values()))
    assert f"{law.sigma:.7f}" == "0.0277285"
    assert f"{law.kappa:.7f}" == "0.0001044"
    assert law.gain_per_s == pytest.approx(89.9952330, abs=1e-6)
    assert law.peak is not None
    assert f"{law.peak:.0f}" == "97"


def test_cisco_to_the_published_digits() -> None:
    law = fit_usl(list(range(1, 33)), CISCO)
    assert law.sigma == pytest.approx(0.02671591, rel=2e-6)
    assert law.kappa == pytest.approx(7.690945e-4, rel=2e-6)
    assert law.gain_per_s == pytest.approx(995.6486, rel=2e-6)
    assert law.peak is not None
    assert int(law.peak) == 35
    assert int(law.throughput_per_s(35)) == 12341


def test_r_package_s_own_test() -> None:
    law = fit_usl([1, 2, 4, 6, 8, 10], [1, 1.8868, 3.0769, 3.5294, 3.5398, 3.3557])
    assert (law.sigma, law.kappa, law.gain_per_s) == pytest.approx((0.02, 0.02, 1.0), abs=5e-4)


@given(st.floats(1, 1e4), st.floats(0, 0.3), st.floats(0, 0.01))
def test_planted_parameters_come_back(gain: float, sigma: float, kappa: float) -> None:
    planted = Law(gain, sigma, kappa, 0.0)
    law = fit_usl(LEVELS, [planted.throughput_per_s(n) for n in LEVELS])
    assert law.sigma == pytest.approx(sigma, abs=1e-6)
    assert law.kappa == pytest.approx(kappa, abs=1e-8)
    assert law.residual_share < 1e-6


@given(st.floats(1, 1e4), st.floats(0, 0.9))
def test_amdahl_comes_back(gain: float, sigma: float) -> None:
    planted = Law(gain, sigma, 0.0, 0.0)
    law = fit_amdahl(LEVELS, [planted.throughput_per_s(n) for n in LEVELS])
    assert law.sigma == pytest.approx(sigma, abs=1e-6)
    assert law.kappa == 0.0


def test_peak_and_ceiling() -> None:
    law = Law(100.0, 0.05, 1e-4, 0.0)
    assert law.peak == pytest.approx(np.sqrt(0.95 / 1e-4))
    assert law.ceiling_per_s == pytest.approx(2000)
    assert Law(100.0, 0.05, 0.0, 0.0).peak is None
    assert Law(100.0, 0.0, 0.0, 0.0).ceiling_per_s is None


@pytest.mark.parametrize(
    ("levels", "throughput"),
    [([1, 2, 4], [1, 2, 3]), ([0.5, 1, 2, 4], [1, 2, 3, 4]), ([1, 2, 4, 8], [1, 2, 0, 4]), ([1, 2], [1])],
)
def test_what_cannot_be_fitted_says_why(levels: list[float], throughput: list[float]) -> None:
    with pytest.raises(UnfittableError):
        fit_usl(levels, throughput)


def test_little_s_law_bound() -> None:
    assert slots_bound_per_s(32, 0.05) == pytest.approx(640)


def over(sigmas: Sequence[float], kappas: Sequence[float], missed: float = 0.01) -> LawFit:
    return over_blocks([Law(100, sigma, kappa, missed) for sigma, kappa in zip(sigmas, kappas, strict=True)])


def test_a_peak_and_a_ceiling_are_claimed_where_they_are_certain() -> None:
    sure, unsure = (0.049, 0.050, 0.051), (0.001, 0.090, 0.001)
    certain = over(sure, [s / 50 for s in sure])
    assert certain.sigma.low == pytest.approx(0.050 - 4.3027 * 0.001 / math.sqrt(3), abs=1e-6)
    assert certain.peak is not None
    assert certain.ceiling_per_s is not None
    assert certain.peak.value == pytest.approx(math.sqrt(0.95 / 0.001), rel=0.01)
    assert certain.ceiling_per_s.value == pytest.approx(2000, rel=0.01)
    assert over(sure, [s / 50 for s in unsure]).peak_reason == "κ's interval holds zero"
    assert (
        over(sure, [s / 50 for s in sure], 0.06).peak_reason == "the law misses the measured points by 6.0%"
    )
    assert over(unsure, [s / 50 for s in sure]).ceiling_per_s is None
    one = over(sure[:1], [0.001])
    assert (one.ceiling_per_s, one.peak, one.peak_reason) == (None, None, "one block gives no interval for κ")
