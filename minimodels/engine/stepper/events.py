"""Where the level of an event crosses zero inside a step: found on the dense output, eight places at a time."""

from numba import njit

from .layout import GROUP, LANE, LANES, YS, apart, run
from .steps import inside


@njit(**LANE)
def crosses(before, after, direction):  # type: ignore[no-untyped-def]
    """Tell whether a level passes zero between two places, in the direction asked for (0 for either)."""
    up = (before < 0.0) & (after >= 0.0)
    down = (before > 0.0) & (after <= 0.0)
    return (up & (direction >= 0.0)) | (down & (direction <= 0.0))


@njit(**LANE)
def may_cross(before, after, slope, slope_after, pending, direction, smooth):  # type: ignore[no-untyped-def]
    """Tell whether an event may happen inside a step, from its level and slope at both ends.

    Besides a change of sign, a smooth level may cross twice: then it heads for zero at the start of the step and away
    from it at the end.
    """
    twice = (before * after > 0.0) & (before * slope < 0.0) & (after * slope_after > 0.0) & smooth
    return (pending > 0.0) & (crosses(before, after, direction) | twice)


@njit(**LANE)
def sample(a, w, b, j, level, places, found, programs):  # type: ignore[no-untyped-def]
    """Evaluate the level of event ``j`` at eight places of the step of lane ``w``, in the columns of ``b``."""
    apart()
    inside(a, w, places[1:], GROUP, b, 0)
    run(programs.levels, b, YS, YS, b.new, GROUP)
    for q in range(1, GROUP + 1):
        found[q] = b.rows[b.new + j * LANES + q - 1] - level


@njit(**LANE)
def straightened(x, g, first):  # type: ignore[no-untyped-def]
    """Return where the level is zero by inverse interpolation through four places, from ``first`` on (Neville)."""
    x0, x1, x2, x3 = x[first], x[first + 1], x[first + 2], x[first + 3]
    g0, g1, g2, g3 = g[first], g[first + 1], g[first + 2], g[first + 3]
    x01, x12, x23 = (g1 * x0 - g0 * x1) / (g1 - g0), (g2 * x1 - g1 * x2) / (g2 - g1), (g3 * x2 - g2 * x3) / (g3 - g2)
    x012, x123 = (g2 * x01 - g0 * x12) / (g2 - g0), (g3 * x12 - g1 * x23) / (g3 - g1)
    return (g3 * x012 - g0 * x123) / (g3 - g0)


@njit(**LANE)
def locate(a, w, b, j, level, direction, programs):  # type: ignore[no-untyped-def]
    """Return where in [0, 1] event ``j`` happens first in the step of lane ``w``, 2 if it does not."""
    apart()
    for row in range((a.scratch - a.table) // LANES):
        for q in range(GROUP):
            b.rows[b.table + row * LANES + q] = a.rows[a.table + row * LANES + w]
    x, g = b.rows[b.old :], b.rows[b.old + LANES :]  # a bracket, eight places inside it; the levels there
    last = GROUP + 1
    x[0], x[last] = 0.0, 1.0
    g[0], g[last] = a.rows[a.old + 2 * j * LANES + w], a.rows[a.new + 2 * j * LANES + w]
    away = 1.0 if g[0] < 0.0 else -1.0
    for q in range(1, last):
        x[q] = q / last
    for _ in range(60):
        sample(a, w, b, j, level, x, g, programs)
        hit, top = -1, 0
        for q in range(last):
            if hit < 0 and crosses(g[q], g[q + 1], direction):
                hit = q
            top = q if away * g[q] > away * g[top] else top
        if hit >= 0:
            left, right, before, after = x[hit], x[hit + 1], g[hit], g[hit + 1]
            middle = straightened(x, g, min(max(hit - 1, 0), last - 3))
            if not left < middle < right:
                middle = left + (right - left) * before / (before - after)
            if right - left < 1e-4 or after == 0.0:
                return right if after == 0.0 else middle
            reach = right - left
            for q in range(1, GROUP // 2 + 1):  # next closer and closer to where it seems to be
                reach *= 0.1
                x[q], x[last - q] = max(middle - reach, left), min(middle + reach, right)
        else:  # the level turns inside: look closer at its extremum
            low, high = max(top - 1, 0), top + 1
            left, right, before, after = x[low], x[high], g[low], g[high]
            if right - left < 1e-9:
                return 2.0
            for q in range(1, last):
                x[q] = left + (right - left) * q / last
        x[0], x[last], g[0], g[last] = left, right, before, after
    return 2.0
