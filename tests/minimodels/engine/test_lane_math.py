"""The lanes' own exp, log and log1p against mpmath over the whole range of float64."""

import math
from collections.abc import Callable
from functools import cache

import mpmath
import numpy as np
import pytest

from minimodels.engine.graph import Graph
from minimodels.engine.kernel import Kernel

RNG = np.random.default_rng(0)
TINY = 5e-324
SMALLEST_NORMAL = 2.2250738585072014e-308
LARGEST = 1.7976931348623157e308


@cache
def kernel(operation: str) -> Kernel:
    """Return the program of one operation, as models are compiled."""
    g = Graph()
    x = [g.state(0), g.state(1)]
    result = g.node(operation, *x) if operation in ("max", "min") else g.node(operation, x[0])
    return Kernel(g, {"f": ([], [result])}, 0, operation)


def apply(operation: str, x: np.ndarray, y: float = 0.0) -> np.ndarray:
    states = np.stack([np.asarray(x, dtype=float), np.full(len(x), y)], axis=1)
    return kernel(operation).evaluate("f", states, np.empty((1, 0)))[:, 0]


def one(operation: str, x: float, y: float = 0.0) -> float:
    return float(apply(operation, np.array([x]), y)[0])


def ulps(found: float, exact: mpmath.mpf) -> float:
    """Return the error in units of the last place of the exact value."""
    return float(abs(mpmath.mpf(float(found)) - exact) / math.ulp(float(exact)))


def worst(operation: str, exact: Callable[[mpmath.mpf], mpmath.mpf], points: np.ndarray) -> float:
    with mpmath.workdps(60):
        found = apply(operation, points)
        return max(ulps(y, exact(mpmath.mpf(x))) for x, y in zip(points.tolist(), found, strict=True))


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
    assert worst("exp", mpmath.exp, points[points >= -707.5]) < 1.5


def test_exp_at_its_ends() -> None:
    assert one("exp", 0.0) == 1.0
    assert one("exp", -0.0) == 1.0
    for x in (709.79, 1e4, 1e308, math.inf):
        assert one("exp", x) == math.inf
    for x in (-707.6, -740.0, -1e4, -1e308, -math.inf):
        assert one("exp", x) == 0.0
    assert math.isnan(one("exp", math.nan))


def test_the_exponential_of_what_is_never_positive_is_the_same() -> None:
    points = np.concatenate([-(10.0 ** RNG.uniform(-320, 2.8497, 3000)), [0.0, -TINY, -707.4999]])
    assert np.array_equal(apply("decay", points), apply("exp", points))
    ends = apply("decay", np.array([-707.6, -1e300, -math.inf, math.nan, -0.0]))
    assert ends[:3].tolist() == [0.0, 0.0, 0.0]
    assert math.isnan(ends[3])
    assert ends[4] == 1.0


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
    assert worst("log", mpmath.log, points[points != 1]) < 1.0


def test_log_at_its_ends() -> None:
    assert one("log", 1.0) == 0.0
    assert one("log", 0.0) == one("log", -0.0) == -math.inf
    assert one("log", math.inf) == math.inf
    for x in (-TINY, -1.0, -math.inf, math.nan):
        assert math.isnan(one("log", x))


def test_log1p_is_within_two_ulp_down_to_the_smallest_arguments() -> None:
    points = np.concatenate(
        [
            RNG.choice([-1, 1], 3000) * 10.0 ** RNG.uniform(-307, -0.31, 3000),
            10.0 ** RNG.uniform(-1, 307, 2000),
            -1 + 10.0 ** RNG.uniform(-15, -0.1, 500),
            [TINY, -TINY, -1 + 2.0**-53],
        ]
    )
    assert worst("log1p", mpmath.log1p, points) < 2.0


def test_log1p_at_its_ends() -> None:
    assert one("log1p", 0.0) == 0.0
    assert one("log1p", -1.0) == -math.inf
    assert one("log1p", math.inf) == math.inf
    for x in (-1.5, -math.inf, math.nan):
        assert math.isnan(one("log1p", x))


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (2.0, -math.inf), (math.inf, 0.0)])
def test_max_and_min(a: float, b: float) -> None:
    assert one("max", a, b) == one("max", b, a) == max(a, b)
    assert one("min", a, b) == one("min", b, a) == min(a, b)


def test_the_rough_powers_of_the_step_control_are_within_a_thousandth() -> None:
    """They run in the steppers, where errors over many decades decide the size of a step."""
    from minimodels.engine.stepper.steps import exp2, log2

    errors = np.exp(RNG.uniform(np.log(1e-8), np.log(1e60), 3000))
    assert max(abs(log2.py_func(e) - math.log2(e)) for e in errors) < 1e-3
    powers = RNG.uniform(-60, 60, 3000)
    assert max(abs(exp2.py_func(x) / 2.0**x - 1) for x in powers) < 1e-3
