"""The classical Runge-Kutta method of order 4 with a fixed step, and Hermite's cubic as its dense output."""

from numba import njit

from ..layout import HS, K0, K1, K2, K3, KN, LANE, STATE, YN, YS, Y, apart, run

ADAPTIVE = False
IMPLICIT = False
DISCRETE = False
SAFETY = EXPONENT = MEMORY = ORDER = 0.0


@njit(**LANE)
def stage(a, lanes, k, share):  # type: ignore[no-untyped-def]
    """Move to a share of the step along the slope ``k``."""
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YS + w] = x[Y + w] + share * a.rows[HS + w] * x[k + w]


@njit(**LANE)
def step(a, lanes, programs):  # type: ignore[no-untyped-def]
    """Propose YN from Y and K0."""
    apart()
    stage(a, lanes, K0, 0.5)
    run(programs.drift, a, YS, K1, a.old, lanes)
    stage(a, lanes, K1, 0.5)
    run(programs.drift, a, YS, K2, a.old, lanes)
    stage(a, lanes, K2, 1.0)
    run(programs.drift, a, YS, K3, a.old, lanes)
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            slope = x[K0 + w] + 2.0 * x[K1 + w] + 2.0 * x[K2 + w] + x[K3 + w]
            x[YN + w] = x[Y + w] + a.rows[HS + w] * (slope / 6.0)


@njit(**LANE)
def error(x, h, w):  # type: ignore[no-untyped-def]
    """Return 0, or nan if the step is not finite."""
    return 0.0 * x[YN + w] + 0.0 * x[KN + w]


@njit(**LANE)
def dense(x, h, w, at):  # type: ignore[no-untyped-def]
    """Return one state at ``at`` in [0, 1] of the step."""
    rise = x[YN + w] - x[Y + w]
    bend = (1.0 - 2.0 * at) * rise + (at - 1.0) * h * x[K0 + w] + at * h * x[KN + w]
    return x[Y + w] + at * rise + at * (at - 1.0) * bend
