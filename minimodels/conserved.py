"""Weighted sums of the states that a drift conserves: the left null space of the drift over all states."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def conserved_sums(linearise: Callable[[Floats], tuple[Floats, Floats]], points: Floats) -> Floats:
    """Return the independent weights c (k, n) with c.f(x) = 0, in reduced echelon form.

    The drift at every other of the points (P, n) proposes them, that at the others confirms them: the terms c_i f_i
    must cancel to 1e-12 of their size, beyond what rounding adds to them, which the Jacobian tells. Points where
    either is not finite are left out.
    """
    n = points.shape[1]
    values, jacobians = linearise(points)
    rounding = 1e-14 * (np.abs(jacobians) @ np.abs(points)[..., None])[..., 0]
    finite = np.isfinite(values).all(axis=1) & np.isfinite(rounding).all(axis=1)
    seen, fresh, rounding = values[finite][::2], values[finite][1::2], rounding[finite][1::2]
    if len(fresh) < n:
        return np.empty((0, n))
    seen = seen / _or_one(np.abs(seen).max(axis=1, keepdims=True))
    size = _or_one(np.abs(seen).max(axis=0))
    _, singular, directions = np.linalg.svd(seen / size)
    rank = int((singular > 1e-10 * singular[0]).sum())
    weights = _weights(directions[rank:] / size)
    cancels = np.abs(fresh @ weights.T) <= (1e-12 * np.abs(fresh) + rounding) @ np.abs(weights).T
    return weights[cancels.all(axis=0)]


def written(weights: Floats, names: Sequence[str], value: float) -> str:
    """Return a conserved sum as text, such as ``A + 2*B = 1``."""
    text = ""
    for weight, name in zip(weights, names, strict=True):
        if weight:
            sign = (" - " if weight < 0 else " + ") if text else ("-" if weight < 0 else "")
            text += sign + (name if abs(weight) == 1 else f"{abs(weight):.6g}*{name}")
    return f"{text} = {value:.6g}"


def _or_one(sizes: Floats) -> Floats:
    return np.where(sizes > 0, sizes, 1.0)


def _weights(rows: Floats) -> Floats:
    """Return the reduced echelon form of weights, with simple fractions in place of numbers close to them."""
    rows = rows / _or_one(np.abs(rows).max(axis=1, keepdims=True))
    if not np.isfinite(rows).all():
        return rows[:0]
    rows = echelon(rows, lambda rows: 1e-8)
    near = np.array([float(Fraction(v).limit_denominator(1000)) for v in rows.ravel()]).reshape(rows.shape)
    return np.where(np.abs(rows - near) < 1e-9, near, rows)


def echelon(independent: Floats, smallest: Callable[[Floats], float]) -> Floats:
    """Return the reduced row echelon form of independent rows; ``smallest`` tells of rows what is no pivot any more."""
    rows, done = independent.copy(), 0
    for column in range(rows.shape[1]):
        if done == len(rows):
            break
        best = done + int(np.abs(rows[done:, column]).argmax())
        if abs(rows[best, column]) < smallest(rows):
            continue
        rows[[done, best]] = rows[[best, done]]
        rows[done] /= rows[done, column]
        others = np.arange(len(rows)) != done
        rows[others] -= np.outer(rows[others, column], rows[done])
        done += 1
    return rows
