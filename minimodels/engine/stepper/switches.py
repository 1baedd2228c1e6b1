"""Where a bounded state meets its bound or leaves it: the step ends there, like at an event, and goes on from there.

A step is proposed as if free states could go beyond their bounds, so that its dense output is smooth where they meet
one. There the state is put on the bound, and held as long as the drift points outwards.
"""

import numpy as np
from numba import njit

from .box import bounded, box, outward
from .events import INNER, closer, crosses, dips, locate, lowest, narrowed, opened, spread
from .events import LAST as END
from .layout import FREE, GROUP, HIGH, HS, KN, LANE, LANES, LAST, LOW, SPEED, STATE, YN, YS, H, Y, apart, run
from .steps import inside

AT = np.int64(GROUP)  # column where the helping lanes keep a switched state, beside those that look inside a step
SOON = 1e-6  # share of a step: after a switch before it, the next one is half as long
CLOSE = 1e-9  # switches that are nearer to each other than this share of a step are one


@njit(**LANE)
def may_switch(before, half, after, rise, rise_after):  # type: ignore[no-untyped-def]
    """Tell whether a state may switch inside a step, from its level at both ends and in the middle, and its slopes.

    As the quartic of `lowest` would, or where the cubic through the ends is as wrong in the middle as the level is
    low. A level of a free state is the state itself; that of a held one is a slope that no error control looks at.
    """
    low, bend = lowest(before, half, after, rise, rise_after, 1.0)
    wrong = abs(half - 0.5 * (before + after) - 0.125 * (rise - rise_after))
    return (after < 0.0) | (low < 0.05 * bend) | ((before > 0.0) & (min(before, min(half, after)) <= wrong))


@njit(**LANE)
def switches(a, w, b, j, programs):  # type: ignore[no-untyped-def]
    """Return where in [0, 1] of the step of lane ``w`` the switch in level ``j`` happens first, 2 if it does not."""
    apart()
    old, new = a.rows[a.old + 2 * j * LANES + w :], a.rows[a.new + 2 * j * LANES + w :]
    h, half = a.rows[HS + w], a.rows[a.half + 2 * j * LANES + w]
    if not may_switch(old[0], half, new[0], h * old[LANES], h * new[LANES]):
        return 2.0
    if a.rows[box(a, j - a.switch) + FREE + w] > 0.0:
        found = first(a, w, b, j, 1.0, new[0], programs)
    else:
        found = locate(a, w, b, j, 0.0, -1.0, 0.0, old[0], programs)
    if found > 1.0 and new[0] < 0.0:
        return 0.0
    return 1.0 if found > 1.0 and old[0] > 0.0 and new[0] == 0.0 else found


@njit(**LANE)
def first(a, w, b, j, end, after, programs):  # type: ignore[no-untyped-def]
    """Return where the level ``j``, at last ``after``, falls below zero first until ``end`` of the step, 2 if nowhere.

    Eight places inside are looked at, and between them where it dips. A level that starts at zero, as after a switch,
    has to rise first; if it falls, the last switch was none.
    """
    x, g = b.rows[b.old :], b.rows[b.old + LANES :]
    y, k = x[INNER:], g[INNER:]
    opened(a, w, b, j, 0.0, 0.0, a.rows[a.old + 2 * j * LANES + w], end, after, x, g, programs)
    for q in range(END):
        if crosses(g[q], g[q + 1], -1.0):
            return narrowed(a, w, b, j, 0.0, -1.0, x, g, q, programs)
    for q in range(1, END):
        if g[q] > 0.0 and dips(g[q - 1], g[q], g[q + 1]):
            spread(y, k, x[q - 1], x[q + 1], g[q - 1], g[q + 1])
            found = closer(a, w, b, j, 0.0, -1.0, y, k, programs)
            if found <= 1.0:
                return found
    return 2.0


@njit(**LANE)
def turns(a, w, b, where, programs):  # type: ignore[no-untyped-def]
    """Return where in the step of lane ``w`` states switch first, 2 if none does; ``where`` each of them does.

    A switch that is undone by the end of a step may still show in its level where another one happens.
    """
    apart()
    turn, again = 2.0, a.bounded > 1
    for j in range(a.switch, a.m):
        where[j] = switches(a, w, b, j, programs)
        turn = min(turn, where[j])
    while again and 0.0 < turn <= 1.0:
        again = False
        b.rows[:GROUP] = turn
        inside(a, w, b.rows, GROUP, b, 0)
        run(programs.levels, b, YS, YS, b.new, GROUP)
        for j in range(a.switch, a.m):
            level = b.rows[b.new + 2 * j * LANES]
            if where[j] > turn + CLOSE and level < 0.0:
                where[j] = first(a, w, b, j, turn, level, programs)
                again = again or where[j] < turn
        for j in range(a.switch, a.m):
            turn = min(turn, where[j])
    return turn


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
    for s in range(a.bounded):
        j = a.switch + s
        x, r = b.rows[bounded(b, s, 0) + YS + AT :], b.rows[box(b, s) :]
        if where[j] <= at + CLOSE:
            if r[FREE] > 0.0:
                x[0] = r[LOW] if x[0] - r[LOW] < r[HIGH] - x[0] else r[HIGH]
            where[j] = r[FREE]  # 1 if it may be held now, 0 if it leaves its bound
            r[FREE] = 1.0
        else:
            where[j] = 2.0
    run(programs.advance, b, YS + AT, KN + AT, b.new + AT, GROUP)
    again = False
    for s in range(a.bounded):
        j = a.switch + s
        if where[j] == 1.0 and outward(b, s, YS + AT, KN + AT, 0):
            again = True
            b.rows[box(b, s) + FREE] = 0.0
    if again:
        run(programs.advance, b, YS + AT, KN + AT, b.new + AT, GROUP)
    for s in range(a.bounded):
        where[a.switch + s] = b.rows[box(b, s) + FREE]


@njit(**LANE)
def go_on(a, w, b, at, where):  # type: ignore[no-untyped-def]
    """End the step of lane ``w`` at the place ``at``, where `switched` has put its state."""
    apart()
    c = a.rows
    if at < 1.0:
        if at < SOON:  # perhaps it cannot see what happens next
            c[H + w] = 0.5 * c[HS + w]
        c[HS + w], c[LAST + w] = at * c[HS + w], 0.0
    c[SPEED + w] = 0.0
    for i in range(a.n):
        c[i * STATE + YN + w] = b.rows[i * STATE + YS + AT]
        c[i * STATE + KN + w] = b.rows[i * STATE + KN + AT]
        c[SPEED + w] = max(c[SPEED + w], abs(c[i * STATE + KN + w]))
    for row in range(2 * a.m):
        c[a.new + row * LANES + w] = b.rows[b.new + row * LANES + AT]
    for s in range(a.bounded):
        a.rows[box(a, s) + FREE + w] = where[a.switch + s]
