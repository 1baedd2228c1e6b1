r"""What a curve foretells without a model: a power law and the slope of its end.

.. math:: y = a + b\,(s/s_n)^{-k}, \qquad y = a + b\,s \quad\text{through the last third of what was seen.}
"""

import math
from collections.abc import Callable

import numpy as np

from minimodels.engine.kernel import Floats
from minimodels.forecast.seen import Seen

NAMES = ("power law", "slope")
Line = Callable[[Floats], Floats]


def baselines(seen: Seen, now: float) -> dict[str, Line]:
    """Return both as functions of the step."""
    return {"power law": _power_law(seen, now), "slope": _slope(seen, now)}


def _power_law(seen: Seen, now: float) -> Line:
    from scipy.optimize import least_squares

    there = seen.step > 0
    x, y, weight = seen.step[there] / now, seen.value[there], np.sqrt(seen.points[there])
    size = max(seen.size, 1e-300)

    def law(p: Floats, x: Floats) -> Floats:
        return p[0] + p[1] * np.expm1(-p[2] * np.log(x))  # p[0] is the value now

    start = np.array([y[-1], (y[0] - y[-1]) or size, 0.5])
    found = least_squares(
        lambda p: weight * (law(p, x) - y) / size, start, bounds=([-np.inf, -np.inf, 1e-3], [np.inf, np.inf, 5.0])
    )
    return lambda step: np.asarray(law(found.x, np.maximum(step, 1e-9 * now) / now), np.float64)


def _slope(seen: Seen, now: float) -> Line:
    late = seen.step >= 2 / 3 * now
    if late.sum() < 2:
        late = np.arange(len(seen.step)) >= len(seen.step) - 2
    b, a = np.polyfit(seen.step[late] / now, seen.value[late], 1, w=np.sqrt(seen.points[late]))
    return lambda step: np.asarray(a + b * np.asarray(step) / now, np.float64)


def crossing(line: Line, level: float, now: float, horizon: float) -> float:
    """Return the first step from now on at which a line crosses a level, inf if none up to the horizon."""
    if not math.isfinite(level):
        return math.inf
    steps = np.geomspace(now, horizon, 2000)
    side = np.sign(line(steps) - level)
    other = np.flatnonzero(side != side[0])
    return float(steps[other[0]]) if len(other) else math.inf
