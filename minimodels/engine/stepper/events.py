"""Where the level of an event crosses zero inside a step: found on the dense output, eight places at a time."""

import numpy as np
from numba import njit

from .layout import GROUP, LANE, LANES, YS, apart, run
from .steps import inside

LAST = GROUP + 1  # of a bracket and the eight places inside it, counted from 0
INNER = 2 * GROUP  # where a second bracket begins, beside the first

NODES = np.arange(LAST + 1.0)
BETWEEN = (np.arange(LAST)[:, None] + np.arange(1, GROUP + 1.0) / LAST).ravel()  # eight places between every two nodes
# values there of the polynomial through all nodes (Lagrange)
BASIS = np.array([
    [np.prod([(x - m) / (k - m) for m in NODES if m != k]) for k in NODES] for x in BETWEEN
])  # fmt: skip


@njit(**LANE)
def crosses(before, after, direction):  # type: ignore[no-untyped-def]
    """Tell whether a level passes zero between two places, in the direction asked for (0 for either)."""
    up = (before < 0.0) & (after >= 0.0)
    down = (before > 0.0) & (after <= 0.0)
    return (up & (direction >= 0.0)) | (down & (direction <= 0.0))


@njit(**LANE)
def lowest(before, half, after, rise, rise_after, side):  # type: ignore[no-untyped-def]
    """Return how low a level may lie between both ends of a step, seen from above (1) or below (-1), and how it bends.

    By its values at both ends and in the middle, and its slopes: the quartic through them, which is the level itself
    where that is linear in the states, stays between its Bernstein coefficients.
    """
    b1, b3 = before + rise / 4.0, after - rise_after / 4.0
    b2 = (16.0 * half - before - 4.0 * b1 - 4.0 * b3 - after) / 6.0
    third = (after - before) / 4.0
    bend = max(abs(b1 - before - third), max(abs(b2 - before - 2.0 * third), abs(b3 - before - 3.0 * third)))
    return min(side * b1, min(side * b2, side * b3)), bend


@njit(**LANE)
def may_cross(before, half, after, rise, rise_after, pending, direction):  # type: ignore[no-untyped-def]
    """Tell whether an event may happen inside a step, from its level at both ends and in the middle, and its slopes.

    As the level may not be the quartic of `lowest`, one is looked at too that comes as close to zero as it bends.
    """
    low, bend = lowest(before, half, after, rise, rise_after, 1.0 if before > 0.0 else -1.0)
    touches = (before == 0.0) | (after == 0.0)
    return (pending > 0.0) & (crosses(before, after, direction) | (low <= bend) | touches)


@njit(**LANE)
def sample(a, w, b, j, level, x, g, programs):  # type: ignore[no-untyped-def]
    """Evaluate the level of event ``j`` at the eight places inside a bracket, in the columns of ``b``."""
    apart()
    inside(a, w, x[1:], GROUP, b, 0)
    run(programs.levels, b, YS, YS, b.new, GROUP)
    for q in range(1, LAST):
        g[q] = b.rows[b.new + 2 * j * LANES + q - 1] - level


@njit(**LANE)
def spread(x, g, left, right, before, after):  # type: ignore[no-untyped-def]
    """Begin a bracket with eight places at equal distances."""
    g[0], g[LAST] = before, after
    for q in range(LAST + 1):
        x[q] = left + (right - left) * q / LAST
    x[LAST] = right


@njit(**LANE)
def straightened(x, g, first):  # type: ignore[no-untyped-def]
    """Return where the level is zero by inverse interpolation through four places, from ``first`` on (Neville)."""
    x0, x1, x2, x3 = x[first], x[first + 1], x[first + 2], x[first + 3]
    g0, g1, g2, g3 = g[first], g[first + 1], g[first + 2], g[first + 3]
    x01, x12, x23 = (g1 * x0 - g0 * x1) / (g1 - g0), (g2 * x1 - g1 * x2) / (g2 - g1), (g3 * x2 - g2 * x3) / (g3 - g2)
    x012, x123 = (g2 * x01 - g0 * x12) / (g2 - g0), (g3 * x12 - g1 * x23) / (g3 - g1)
    return (g3 * x012 - g0 * x123) / (g3 - g0)


@njit(**LANE)
def narrowed(a, w, b, j, level, direction, x, g, hit, programs):  # type: ignore[no-untyped-def]
    """Return where the level crosses zero between the places ``hit`` and ``hit + 1``."""
    apart()
    for _ in range(60):
        left, right, before, after = x[hit], x[hit + 1], g[hit], g[hit + 1]
        middle = straightened(x, g, min(max(hit - 1, 0), LAST - 3))
        if not left < middle < right:
            middle = left + (right - left) * before / (before - after)
        if right - left < 1e-7 or after == 0.0:
            return right if after == 0.0 else middle
        x[0], x[LAST], g[0], g[LAST] = left, right, before, after
        reach = right - left
        for q in range(1, GROUP // 2 + 1):  # closer and closer to where it seems to be
            reach *= 0.1
            x[q], x[LAST - q] = max(middle - reach, left), min(middle + reach, right)
        sample(a, w, b, j, level, x, g, programs)
        for q in range(LAST):
            if crosses(g[q], g[q + 1], direction):
                hit = q
                break
    return x[hit + 1]


@njit(**LANE)
def dips(left, middle, right):  # type: ignore[no-untyped-def]
    """Tell whether a level at three places may reach zero between them, as a parabola through them would."""
    side = 1.0 if middle > 0.0 else -1.0
    left, middle, right = side * left, side * middle, side * right
    bend = left - 2.0 * middle + right
    if not bend > 0.0 or abs(right - left) > 2.4 * bend:  # it is lowest elsewhere
        return False
    lowest = middle - (right - left) ** 2 / (8.0 * bend)
    return lowest <= 0.5 * (max(left, right) - middle)


@njit(**LANE)
def closer(a, w, b, j, level, direction, x, g, programs):  # type: ignore[no-untyped-def]
    """Return where event ``j`` happens first in a bracket in which the level turns towards zero, 2 if it does not."""
    apart()
    for _ in range(15):
        sample(a, w, b, j, level, x, g, programs)
        lowest = 1
        for q in range(LAST):
            if crosses(g[q], g[q + 1], direction):
                return narrowed(a, w, b, j, level, direction, x, g, q, programs)
            if abs(g[q]) < abs(g[lowest]) and q > 0:
                lowest = q
        if x[LAST] - x[0] < 1e-9 or not dips(g[lowest - 1], g[lowest], g[lowest + 1]):
            return 2.0
        spread(x, g, x[lowest - 1], x[lowest + 1], g[lowest - 1], g[lowest + 1])
    return 2.0


@njit(**LANE)
def expected(g, q, direction):  # type: ignore[no-untyped-def]
    """Tell what the polynomial through all places does between two: 0 nothing, 1 cross once, 2 look more closely."""
    count, before = 0, g[q]
    lowest, highest = abs(before), abs(before)
    for r in range(GROUP + 1):
        after = g[q + 1]
        if r < GROUP:
            after = 0.0
            for k in range(LAST + 1):
                after += BASIS[q * GROUP + r, k] * g[k]
        count += 1 if crosses(before, after, 0.0) else 0
        lowest, highest = min(lowest, abs(after)), max(highest, abs(after))
        before = after
    if count == 0 and lowest > 0.05 * highest:
        return 0
    return 1 if count == 1 and crosses(g[q], g[q + 1], direction) else 2


@njit(**LANE)
def opened(a, w, b, j, level, left, before, right, after, x, g, programs):  # type: ignore[no-untyped-def]
    """Begin a bracket in the step of a lane, between two places where the level of event ``j`` is known."""
    apart()
    for row in range((a.scratch - a.table) // LANES):
        for q in range(GROUP):
            b.rows[b.table + row * LANES + q] = a.rows[a.table + row * LANES + w]
    spread(x, g, left, right, before, after)
    sample(a, w, b, j, level, x, g, programs)


@njit(**LANE)
def locate(a, w, b, j, level, direction, left, before, programs):  # type: ignore[no-untyped-def]
    """Return where in [left, 1] event ``j`` happens first in the step of lane ``w``, 2 if it does not.

    ``before`` is its level at ``left``.
    """
    apart()
    x, g = b.rows[b.old :], b.rows[b.old + LANES :]
    y, k = x[INNER:], g[INNER:]
    opened(a, w, b, j, level, left, before, 1.0, a.rows[a.new + 2 * j * LANES + w], x, g, programs)
    for q in range(LAST):
        what = expected(g, q, direction)
        if what == 1:
            return narrowed(a, w, b, j, level, direction, x, g, q, programs)
        if what == 2:
            spread(y, k, x[q], x[q + 1], g[q], g[q + 1])
            found = closer(a, w, b, j, level, direction, y, k, programs)
            if found <= 1.0:
                return found
    return 2.0


@njit(**LANE)
def again(a, w, b, j, level, direction, last, programs):  # type: ignore[no-untyped-def]
    """Return where event ``j`` happens next after it did at ``last``, 2 if it does not in this step."""
    left = last + 1e-8
    if left >= 1.0:
        return 2.0
    x, g = b.rows[b.old :], b.rows[b.old + LANES :]
    x[1 : GROUP + 1] = left
    sample(a, w, b, j, level, x, g, programs)
    return locate(a, w, b, j, level, direction, left, g[1], programs)
