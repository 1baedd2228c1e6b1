"""The lanes' own exp, log and log1p against mpmath over the whole range of float64."""

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from minimodels.engine.lane_math import exp_, log1p_, log_, max_, min_

RNG = np.random.default_rng(0)
TINY = 5e-324
SMALLEST_NORMAL = 2.2250738585072014e-308
LARGEST = 1.7976931348623157e308


def ulps(found: float, exact: mpmath.mpf) -> float:
    """Return the error in units of the last place of the exact value."""
    return float(abs(mpmath.mpf(float(found)) - exact) / math.ulp(float(exact)))


def worst(function: Callable[[float], float], exact: Callable[[mpmath.mpf], mpmath.mpf], points: np.ndarray) -> float:
    with mpmath.workdps(60):
        return max(ulps(function(x), exact(mpmath.mpf(x))) for x in points.tolist())


def test_exp_is_within_one_and_a_half_ulp_wherever_it_is_normal() -> None:
    points = np.concatenate(
        [
            RNG.uniform(-707.4, 709.78, 4000),
            RNG.uniform(-1, 1, 2000),
            RNG.choice([-1, 1], 1000) * 10.0 ** RNG.uniform(-320, 0, 1000),
            # rounding to the nearest multiple of log 2 turns over here
            (np.arange(-1020, 1024) + 0.5) * math.log(2),
            [0.0, -0.0, TINY, 709.782712893384, -707.5],
        ]
    )
    assert worst(exp_, mpmath.exp, points[points >= -707.5]) < 1.5


def test_exp_at_its_ends() -> None:
    assert exp_(0.0) == 1.0
    assert exp_(-0.0) == 1.0
    for x in (709.79, 1e4, 1e308, math.inf):
        assert exp_(x) == math.inf
    for x in (-707.6, -740.0, -1e4, -1e308, -math.inf):
        assert exp_(x) == 0.0
    assert math.isnan(exp_(math.nan))


def test_log_is_within_one_ulp_for_normal_and_subnormal_arguments() -> None:
    points = np.concatenate(
        [
            10.0 ** RNG.uniform(-307, 308, 4000),
            1 + RNG.uniform(-0.3, 0.5, 3000),
            1 + RNG.choice([-1, 1], 1000) * 2.0 ** -RNG.uniform(1, 52, 1000),
            2.0 ** np.arange(-1074, 1024),
            RNG.uniform(0.7, 1.42, 500) * SMALLEST_NORMAL * 2.0 ** -RNG.integers(0, 50, 500),
            [TINY, SMALLEST_NORMAL, LARGEST, math.sqrt(2), math.sqrt(0.5)],
        ]
    )
    assert worst(log_, mpmath.log, points[points != 1]) < 1.0


def test_log_at_its_ends() -> None:
    assert log_(1.0) == 0.0
    assert log_(0.0) == log_(-0.0) == -math.inf
    assert log_(math.inf) == math.inf
    for x in (-TINY, -1.0, -math.inf, math.nan):
        assert math.isnan(log_(x))


def test_log1p_is_within_two_ulp_down_to_the_smallest_arguments() -> None:
    points = np.concatenate(
        [
            RNG.choice([-1, 1], 3000) * 10.0 ** RNG.uniform(-307, -0.31, 3000),
            10.0 ** RNG.uniform(-1, 307, 2000),
            -1 + 10.0 ** RNG.uniform(-15, -0.1, 500),
            [TINY, -TINY, -1 + 2.0**-53],
        ]
    )
    assert worst(log1p_, mpmath.log1p, points) < 2.0


def test_log1p_at_its_ends() -> None:
    assert log1p_(0.0) == 0.0
    assert log1p_(-1.0) == -math.inf
    assert log1p_(math.inf) == math.inf
    for x in (-1.5, -math.inf, math.nan):
        assert math.isnan(log1p_(x))


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (2.0, -math.inf), (math.inf, 0.0)])
def test_max_and_min(a: float, b: float) -> None:
    assert max_(a, b) == max_(b, a) == max(a, b)
    assert min_(a, b) == min_(b, a) == min(a, b)
