"""Plateaus, escape times and saddle visits of any curve: of a model's run or of a trained network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minimodels.errors import InputError, check_number, check_positive, shown

Floats = NDArray[np.float64]
RESOLUTION = 0.0125  # of a curve's range: how far a plateau may be from straight


@dataclass(frozen=True)
class Plateau:
    """A stretch of a curve that is flat on a logarithmic time axis."""

    start: float
    end: float
    level: float


def _floats(values: ArrayLike, what: str) -> Floats:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{what} of a curve must be an array of numbers; got {shown(values)}.")
    return array.astype(np.float64)


def _curve(time: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    t, y = _floats(time, "the times"), _floats(values, "the values")
    if t.ndim != 1 or t.shape != y.shape or len(t) < 2 or not (np.diff(t) > 0).all():
        raise InputError("a curve is two equally long arrays, time increasing, of at least two points.")
    known = np.isfinite(y)
    return t[known], y[known]


def escape_time(time: ArrayLike, values: ArrayLike, level: float, direction: int = 1) -> float:
    """Return the first time the curve crosses ``level`` (+1 up, -1 down), linear between points; nan if never.

    Examples
    --------
    >>> escape_time([0.0, 1.0, 2.0], [0.0, 0.4, 0.8], level=0.5)
    1.25
    """
    t, y = _curve(time, values)
    level = check_number(level, "`level`")
    if isinstance(direction, bool) or not isinstance(direction, int) or direction not in (-1, 1):
        raise InputError(f"`direction` is 1 (up) or -1 (down); got {shown(direction)}.")
    above = direction * (y - level)
    crossed = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    if not len(crossed):
        return float("nan")
    i = crossed[0]
    return float(t[i] - above[i] * (t[i + 1] - t[i]) / (above[i + 1] - above[i]))


def first_time_above(time: ArrayLike, values: ArrayLike, level: float) -> float:
    """Return the first time the curve is above ``level``, its beginning if it begins there; nan if it never is.

    Examples
    --------
    >>> first_time_above([0.0, 1.0], [0.7, 0.9], level=0.5)
    0.0
    """
    t, y = np.asarray(time, np.float64), np.asarray(values, np.float64)
    if len(y) and y[0] > level:
        return float(t[0])
    return escape_time(t, y, level) if len(y) > 1 else float("nan")


def half_rise_time(time: ArrayLike, values: ArrayLike) -> float:
    """Return the first time the curve is half-way between its first and its last value; nan if it is flat.

    Examples
    --------
    >>> half_rise_time([0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 3.0, 3.0])
    1.5
    """
    t, y = _curve(time, values)
    if len(y) < 2 or y[-1] == y[0]:
        return float("nan")
    return escape_time(t, y, (y[0] + y[-1]) / 2, 1 if y[-1] > y[0] else -1)


def jump_width(time: ArrayLike, values: ArrayLike, low: float = 0.2, high: float = 0.9) -> float:
    """Return the time between the first crossings of two levels, the width of an abrupt rise."""
    return escape_time(time, values, high) - escape_time(time, values, low)


def plateaus(time: ArrayLike, values: ArrayLike, *, flat: float = 0.05, decades: float = 0.3) -> list[Plateau]:
    r"""Return the stretches where :math:`|dy/d\log_{10} t|` is below ``flat`` times the curve's range, noise or not.

    The curve is averaged in cells of logarithmic time and cut into straight stretches at least cost: squared deviations
    in units of the noise, which is measured, or of a hundredth of the range, plus a price for every cut (the optimal
    partition, by dynamic programming). A stretch is a plateau if it is at least ``decades`` long and its slope is not
    above the limit by more than two standard errors.

    Parameters
    ----------
    flat : float
        Largest slope of a plateau, as a share of the curve's range per decade.
    decades : float
        Shortest plateau.

    Notes
    -----
    Optimal partitioning: Jackson et al., IEEE Signal Process. Lett. 12 (2005) 105.

    Examples
    --------
    >>> t = np.geomspace(1, 1e4, 401)
    >>> [round(p.level, 2) for p in plateaus(t, 1 / (1 + (t / 100) ** 4))]
    [1.0, 0.0]
    """
    flat, decades = check_positive(flat, "`flat`"), check_positive(decades, "`decades`")
    t, y = _curve(time, values)
    t, y = t[t > 0], y[t > 0]
    if len(t) < 3 or np.ptp(y) == 0:
        return []
    edges, means, members = _cells(np.log10(t), y, decades / 10)
    noise = 1.4826 * float(np.median(np.abs(np.diff(y, 2)))) / np.sqrt(6) if len(y) > 3 else 0.0
    weights = np.maximum(members, 0.1)  # of a cell without points: hardly any
    size = float(np.ptp(_smooth(means, weights)))
    weights = 1 / (noise**2 / weights + (RESOLUTION * size) ** 2)
    found = []
    for a, b in _partition((edges[:-1] + edges[1:]) / 2, means, weights):
        if edges[b] - edges[a] < decades or b - a < 3:
            continue
        w, y_here = weights[a:b] / weights[a:b].sum(), means[a:b]
        x_here = (edges[a:b] + edges[a + 1 : b + 1]) / 2
        spread = x_here - w @ x_here
        variance = w @ spread**2
        slope, error = (w * spread) @ y_here / variance, 1 / np.sqrt(weights[a:b].sum() * variance)
        if abs(slope) <= flat * size + (2 * error if noise > 0 else 0.0):
            found.append(Plateau(float(10 ** edges[a]), float(10 ** edges[b]), float(w @ y_here)))
    return found


def _cells(x: Floats, y: Floats, width: float) -> tuple[Floats, Floats, Floats]:
    """Return the edges of at most 800 equal cells (n + 1,), the mean of the curve in each (n,), its points (n,)."""
    count = int(np.clip(np.ceil((x[-1] - x[0]) / width), 3, 800))
    edges = np.linspace(x[0], x[-1], count + 1)
    cell = np.minimum(np.searchsorted(edges, x, side="right") - 1, count - 1)
    members = np.bincount(cell, minlength=count).astype(np.float64)
    between = np.interp((edges[:-1] + edges[1:]) / 2, x, y)  # where there is no point
    means = np.where(members > 0, np.bincount(cell, y, minlength=count) / np.maximum(members, 1), between)
    return edges, means, members


def _smooth(y: Floats, weights: Floats) -> Floats:
    """Return weighted means of five neighbours."""
    five = np.ones(5)
    return np.convolve(y * weights, five, "valid" if len(y) > 5 else "same") / np.convolve(
        weights, five, "valid" if len(y) > 5 else "same"
    )


def _partition(x: Floats, y: Floats, weights: Floats) -> list[tuple[int, int]]:
    """Return the cut of a curve into straight stretches (first, after last) of least cost."""
    n = len(y)
    x, y = x - x.mean(), y - y.mean()
    moments = (weights, weights * x, weights * y, weights * x**2, weights * x * y, weights * y**2)
    sums = np.concatenate([np.zeros((6, 1)), np.cumsum(moments, axis=1)], axis=1)
    price = 4 * np.log(n) + 4
    cost, last = np.zeros(n + 1), np.zeros(n + 1, dtype=int)
    for b in range(1, n + 1):
        w, wx, wy, wxx, wxy, wyy = sums[:, b, None] - sums[:, :b]
        xx, xy, yy = wxx - wx**2 / w, wxy - wx * wy / w, wyy - wy**2 / w
        explained = np.divide(xy**2, xx, out=np.zeros(b), where=xx > 1e-12 * (1 + wxx))
        ending = cost[:b] + np.maximum(yy - explained, 0.0) + price
        last[b] = int(np.argmin(ending))
        cost[b] = ending[last[b]]
    stretches, b = [], n
    while b:
        stretches.append((int(last[b]), b))
        b = int(last[b])
    return stretches[::-1]


def saddle_visits(time: ArrayLike, states: ArrayLike, *, depth: float = 3.0) -> NDArray[np.float64]:
    """Return the times at which the speed of a trajectory has a pronounced minimum.

    Parameters
    ----------
    states : array, shape (T, n)
    depth : float
        By what factor the speed must rise again on both sides of the minimum.
    """
    t, x = _floats(time, "the times"), _floats(states, "the states")
    depth = check_number(depth, "`depth`")
    if depth <= 1:
        raise InputError(f"`depth` must be above 1; got {depth:g}.")
    if t.ndim != 1 or x.ndim != 2 or len(x) != len(t) or len(t) < 3 or not (np.diff(t) > 0).all():
        raise InputError("saddle visits need times (T,) and states (T, n) with at least three times.")
    from scipy.signal import find_peaks

    speed = np.linalg.norm(np.gradient(x, t, axis=0), axis=1)
    slow, _ = find_peaks(-np.log(np.maximum(speed, 1e-300)), prominence=np.log(depth))
    return t[slow]
