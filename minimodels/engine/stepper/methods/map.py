"""A map or a descent, iterated: the state moves by its slope, and there is nothing between two steps.

Most maps have a program that takes many steps at a time (`engine.leap`); ``step`` is for those too large for it.
"""

from numba import njit

from ..box import project
from ..layout import K0, KN, LANE, STATE, YN, Y

ADAPTIVE = False
IMPLICIT = False
DISCRETE = True
SAFETY = EXPONENT = MEMORY = ORDER = 0.0


@njit(**LANE)
def step(a, lanes, programs):  # type: ignore[no-untyped-def]
    """Propose YN from Y and K0."""
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YN + w] = x[Y + w] + x[K0 + w]
    project(a, YN, 0, lanes)


@njit(**LANE)
def error(x, h, w):  # type: ignore[no-untyped-def]
    """Return 0, or nan if the step is not finite."""
    return 0.0 * x[YN + w] + 0.0 * x[KN + w]


@njit(**LANE)
def dense(x, h, w, at):  # type: ignore[no-untyped-def]
    """Return one state at ``at`` in [0, 1] of the step: it jumps at the end."""
    return x[YN + w] if at >= 1.0 else x[Y + w]
