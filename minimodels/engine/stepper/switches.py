"""Where a bounded state meets its bound or leaves it: the step ends there, like at an event, and goes on from there.

A step is proposed as if free states could go beyond their bounds, so that its dense output is smooth where they meet
one. There the state is put on the bound, and held as long as the drift points outwards.
"""

import numpy as np
from numba import njit

from .box import box, outward
from .events import INNER, closer, crosses, dips, lowest, narrowed, opened, spread
from .events import LAST as END
from .layout import (
    FREE,
    GROUP,
    HIGH,
    HS,
    KN,
    LANE,
    LANES,
    LAST,
    LOW,
    SPEED,
    STATE,
    YN,
    YS,
    H,
    Y,
    apart,
    run,
)  # fmt: skip
from .method import ADAPTIVE
from .steps import inside

AT = np.int64(
    GROUP
)  # column of the helping lanes where the switched state is kept, beside those that look inside a step
CLOSE = 1e-9  # switches that are nearer to each other than this share of a step are one


@njit(**LANE)
def may_switch(before, half, after, rise, rise_after):  # type: ignore[no-untyped-def]
    """Tell whether a state may switch inside a step, from its level at both ends and in the middle, and its slopes.

    What `lowest` does not show is as small as the error of the step: most states at rest at a bound come close to it.
    """
    low, bend = lowest(before, half, after, rise, rise_after)
    return (after < 0.0) | ((before > 0.0) & ((after == 0.0) | (low <= 0.05 * bend)))


@njit(**LANE)
def switches(a, w, b, j, programs):  # type: ignore[no-untyped-def]
    """Return where in [0, 1] of the step of lane ``w`` the switch in level ``j`` happens first, 2 if it does not.

    Eight places inside are looked at, and between them where it dips.
    """
    apart()
    old, new = a.rows[a.old + 2 * j * LANES + w :], a.rows[a.new + 2 * j * LANES + w :]
    h, half = a.rows[HS + w], a.rows[a.half + 2 * j * LANES + w]
    if not may_switch(old[0], half, new[0], h * old[LANES], h * new[LANES]):
        return 2.0
    if old[0] <= 0.0:  # it was about to, and rounding told otherwise
        return 0.0
    x, g = b.rows[b.old :], b.rows[b.old + LANES :]
    y, k = x[INNER:], g[INNER:]
    opened(a, w, b, j, 0.0, 0.0, old[0], x, g, programs)
    for q in range(END):
        if crosses(g[q], g[q + 1], -1.0):
            return narrowed(a, w, b, j, 0.0, -1.0, x, g, q, programs)
    for q in range(1, END):
        if dips(g[q - 1], g[q], g[q + 1]):
            spread(y, k, x[q - 1], x[q + 1], g[q - 1], g[q + 1])
            found = closer(a, w, b, j, 0.0, -1.0, y, k, programs)
            if found <= 1.0:
                return found
    return 1.0 if new[0] <= 0.0 else 2.0


@njit(**LANE)
def switched(a, w, b, at, where, programs):  # type: ignore[no-untyped-def]
    """Put the state of lane ``w`` at the place ``at`` of its step, after what switches there, into column AT of ``b``.

    With its slope in KN and the levels there; ``where`` of a switch, until now its place, becomes what FREE is after.
    """
    apart()
    for row in range((a.scratch - a.table) // LANES):
        b.rows[b.table + row * LANES] = a.rows[a.table + row * LANES + w]
    b.rows[0] = at
    inside(a, w, b.rows, 1, b, AT)
    for i in range(a.n):
        if at <= 0.0 or at >= 1.0:
            b.rows[i * STATE + YS + AT] = a.rows[i * STATE + (YN if at >= 1.0 else Y) + w]
    for s in range(len(a.bounded)):
        j = a.switch + s
        x, r = b.rows[a.bounded[s] * STATE + YS + AT :], b.rows[box(b, s) :]
        if where[j] <= at + CLOSE:
            if r[FREE] > 0.0:
                x[0] = r[LOW] if x[0] - r[LOW] < r[HIGH] - x[0] else r[HIGH]
            where[j] = r[FREE]  # 1 if it may be held now, 0 if it leaves its bound
            r[FREE] = 1.0
        else:
            where[j] = 2.0
    run(programs.advance, b, YS + AT, KN + AT, b.new + AT, GROUP)
    again = False
    for s in range(len(a.bounded)):
        j = a.switch + s
        if where[j] == 1.0 and outward(b, s, YS + AT, KN + AT, 0):
            again = True
            b.rows[box(b, s) + FREE] = 0.0
    if again:
        run(programs.advance, b, YS + AT, KN + AT, b.new + AT, GROUP)
    for s in range(len(a.bounded)):
        where[a.switch + s] = b.rows[box(b, s) + FREE]


@njit(**LANE)
def go_on(a, w, b, at, where):  # type: ignore[no-untyped-def]
    """End the step of lane ``w`` at the place ``at``, where `switched` has put its state."""
    apart()
    c = a.rows
    if at < 1.0:
        if ADAPTIVE and at <= 0.0:
            c[H + w] = 0.5 * c[HS + w]
        c[HS + w], c[LAST + w] = at * c[HS + w], 0.0
    c[SPEED + w] = 0.0
    for i in range(a.n):
        c[i * STATE + YN + w] = b.rows[i * STATE + YS + AT]
        c[i * STATE + KN + w] = b.rows[i * STATE + KN + AT]
        c[SPEED + w] = max(c[SPEED + w], abs(c[i * STATE + KN + w]))
    for row in range(2 * a.m):
        c[a.new + row * LANES + w] = b.rows[b.new + row * LANES + AT]
    for s in range(len(a.bounded)):
        a.rows[box(a, s) + FREE + w] = where[a.switch + s]
