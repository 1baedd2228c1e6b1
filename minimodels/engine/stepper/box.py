"""The box that bounds states: put on its bounds, held there, and followed beyond them or not."""

import math

import numpy as np
from numba import njit

from .layout import ABOVE, BELOW, BOX, ERR, FREE, HIGH, KN, LANE, LANES, LOW, STATE, WHICH, apart


@njit(**LANE)
def box(a, s):  # type: ignore[no-untyped-def]
    """Return where the rows of a bounded state begin."""
    return a.table + s * BOX * LANES


@njit(**LANE)
def bounded(a, s, w):  # type: ignore[no-untyped-def]
    """Return where the rows of a bounded state are, by a lane that has been loaded."""
    return np.int64(a.rows[box(a, s) + WHICH + w]) * STATE


@njit(**LANE)
def project(a, y, first, end):  # type: ignore[no-untyped-def]
    """Put the states in the row ``y`` of some lanes that lie beyond a bound on it."""
    for s in range(a.bounded):
        x, r = a.rows[bounded(a, s, first) :], a.rows[box(a, s) :]
        for w in range(first, end):
            value = r[LOW + w] if x[y + w] < r[LOW + w] else x[y + w]
            x[y + w] = r[HIGH + w] if value > r[HIGH + w] else value


@njit(**LANE)
def outward(a, s, y, k, w):  # type: ignore[no-untyped-def]
    """Tell whether a bounded state in the row ``y`` is at a bound and its slope in the row ``k`` points out of it."""
    x, r = a.rows[bounded(a, s, w) :], a.rows[box(a, s) :]
    above = (x[y + w] >= r[HIGH + w]) & (x[k + w] > 0.0)
    return above | ((x[y + w] <= r[LOW + w]) & (x[k + w] < 0.0))


@njit(**LANE)
def hold(a, y, lanes):  # type: ignore[no-untyped-def]
    """Hold the states, all of them free, that the slopes KN take out of the box; tell whether there are any."""
    apart()
    found = False
    for s in range(a.bounded):
        r = a.rows[box(a, s) :]
        for w in range(lanes):
            if outward(a, s, y, KN, w):
                r[FREE + w] = 0.0
                found = True
    return found


@njit(**LANE)
def follows(a, w):  # type: ignore[no-untyped-def]
    """Tell whether the programs follow the states of a lane beyond their bounds, and a step has met no number there."""
    r = a.rows[box(a, 0) :]
    beyond = (r[BELOW + w] != r[LOW + w]) | (r[ABOVE + w] != r[HIGH + w])
    return beyond & (not math.isfinite(a.rows[ERR + w]))


@njit(**LANE)
def forbid(a, w):  # type: ignore[no-untyped-def]
    """Let the programs see states beyond a bound as if they were on it, from now on."""
    for s in range(a.bounded):
        r = a.rows[box(a, s) :]
        r[BELOW + w], r[ABOVE + w] = r[LOW + w], r[HIGH + w]
