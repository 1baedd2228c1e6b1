"""What is read off a recorded curve: crossings, half-rise times, the width of a jump, the plateau before it."""

import numpy as np
from numpy.typing import ArrayLike

from minimodels.measure import first_time_above


def crossing(x: ArrayLike, y: ArrayLike, level: float) -> float:
    """First x at which y passes `level` upwards (`minimodels.measure.first_time_above`); inf, later than all, if never.

    A result says nan and *censored*; a check compares, and there never is later than any end.
    """
    time = first_time_above(x, y, level)
    return float("inf") if np.isnan(time) else time


def half_rise(x: ArrayLike, y: ArrayLike) -> float:
    """First x at which y passes the middle between its first and its last value upwards."""
    y = np.asarray(y, float)
    return crossing(x, y, (y[0] + y[-1]) / 2)


def jump(x: ArrayLike, correct: ArrayLike, chance: float) -> tuple[float, float]:
    """Time and width of the jump of the correct probability from `chance` to 1.

    Time: through 1/2. Width: between a quarter and three quarters of the way from `chance` to 1.
    """
    low, high = (crossing(x, correct, chance + part * (1 - chance)) for part in (0.25, 0.75))
    return crossing(x, correct, 0.5), high - low if np.isfinite(high) else float("inf")


def plateau(x: ArrayLike, loss: ArrayLike, start: float, end: float) -> tuple[float, float]:
    """Where the loss falls most slowly between `start` and `end`, and the loss there; nan if there is no such place.

    The slope at each record is that of a straight line fitted to the records within a tenth of `end`.
    """
    x, loss = np.asarray(x, float), np.asarray(loss, float)
    inside = np.flatnonzero((x >= start) & (x <= end))
    if not np.isfinite(end) or not inside.size:
        return float("nan"), float("nan")
    slopes = []
    for i in inside:
        near = np.abs(x - x[i]) <= max(0.1 * end, np.diff(x).min())
        slopes.append(np.polyfit(x[near], loss[near], 1)[0])
    best = inside[int(np.argmax(slopes))]
    return float(x[best]), float(loss[best])
