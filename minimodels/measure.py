"""Plateaus, escape times and saddle visits of any curve: of a model's run or of a trained network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minimodels.errors import InputError


@dataclass(frozen=True)
class Plateau:
    """A stretch of a curve that is flat on a logarithmic time axis."""

    start: float
    end: float
    level: float


def _curve(time: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    t, y = np.asarray(time, dtype=np.float64), np.asarray(values, dtype=np.float64)
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
    above = direction * (y - level)
    crossed = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    if not len(crossed):
        return float("nan")
    i = crossed[0]
    return float(t[i] - above[i] * (t[i + 1] - t[i]) / (above[i + 1] - above[i]))


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
    r"""Return the stretches where :math:`|dy/d\log_{10} t|` is below ``flat`` times the curve's range.

    Stretches shorter than ``decades`` of time are left out; the level is the mean over log time.

    Examples
    --------
    >>> t = np.geomspace(1, 1e4, 401)
    >>> [round(p.level, 2) for p in plateaus(t, 1 / (1 + (t / 100) ** 4))]
    [1.0, 0.0]
    """
    t, y = _curve(time, values)
    t, y = t[t > 0], y[t > 0]
    if len(t) < 3 or np.ptp(y) == 0:
        return []
    x = np.log10(t)
    level = np.abs(np.gradient(y, x)) < flat * np.ptp(y)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], level.astype(int), [0]])))
    found = []
    for a, b in zip(edges[::2], edges[1::2] - 1, strict=True):
        if x[b] - x[a] >= decades:
            mean = float(np.trapezoid(y[a : b + 1], x[a : b + 1]) / (x[b] - x[a]))
            found.append(Plateau(float(t[a]), float(t[b]), mean))
    return found


def saddle_visits(time: ArrayLike, states: ArrayLike, *, depth: float = 3.0) -> NDArray[np.float64]:
    """Return the times at which the speed of a trajectory has a pronounced minimum.

    Parameters
    ----------
    states : array, shape (T, n)
    depth : float
        By what factor the speed must rise again on both sides of the minimum.
    """
    t, x = np.asarray(time, dtype=np.float64), np.asarray(states, dtype=np.float64)
    if x.ndim != 2 or len(x) != len(t) or len(t) < 3:
        raise InputError("saddle visits need times (T,) and states (T, n) with at least three times.")
    from scipy.signal import find_peaks

    speed = np.linalg.norm(np.gradient(x, t, axis=0), axis=1)
    slow, _ = find_peaks(-np.log(np.maximum(speed, 1e-300)), prominence=np.log(depth))
    return t[slow]
