"""Many trajectories through the lanes: loading, stepping, events, saving, and how each of them ends."""

import math

from numba import njit

from .box import follows, forbid, hold, project
from .events import again, crosses, locate, may_cross
from .layout import *
from .method import ADAPTIVE, DISCRETE, IMPLICIT
from .steps import accept, better_step, clocked, control, first_step, halfway, inside, measure, propose, rest
from .switches import AT, go_on, may_switch, switched, turns

WAIT = 4  # idle lanes that are worth loading together


@njit(**LANE)
def shift(a, first, lanes, levels):  # type: ignore[no-untyped-def]
    """Count levels of the events, in the rows from ``first`` on, from those asked for."""
    for j in range(a.switch):
        level = a.rows[first + 2 * j * LANES :]
        for w in range(lanes):
            level[w] -= levels[j]


@njit(**LANE)
def start(b, chosen, count, y0, table, t0, t1, rtol, atol, fixed, longest, levels, programs):  # type: ignore[no-untyped-def]
    """Put points into the first columns of ``b``, each ready for its first step."""
    apart()
    x = b.rows
    for q in range(count):
        for i in range(b.n):
            x[i * STATE + Y + q] = x[i * STATE + YN + q] = y0[chosen[q], i]
        for row in range(table.shape[1]):
            x[b.table + row * LANES + q] = table[chosen[q], row]
    lanes = GROUP * ((count + GROUP - 1) // GROUP)
    run(programs.advance, b, YN, KN, b.new, lanes)
    if b.switch < b.m and hold(b, YN, count):
        run(programs.advance, b, YN, KN, b.new, lanes)
    shift(b, b.new, lanes, levels)
    for q in range(count):
        for i in range(b.n):
            x[i * STATE + K0 + q] = x[i * STATE + KN + q]
        for row in range(2 * b.m):
            x[b.old + row * LANES + q] = x[b.new + row * LANES + q]
        x[T + q], x[H + q], x[STEPS + q] = t0, fixed, 0.0
        x[ERR_LOG + q], x[HELD + q], x[SINCE + q] = -13.0, 0.0, t0  # as after a step of error 1e-4
        if ADAPTIVE:
            first_step(b, q, t0, t1, rtol, atol)
    if ADAPTIVE:
        run(programs.drift, b, YS, K1, b.old, lanes)
        for q in range(count):
            better_step(b, q, t0, t1, rtol, atol, longest)


@njit(**LANE)
def finite(b, q):  # type: ignore[no-untyped-def]
    """Tell whether a point just loaded, and its slope, are finite."""
    for i in range(b.n):
        if not (math.isfinite(b.rows[i * STATE + Y + q]) and math.isfinite(b.rows[i * STATE + K0 + q])):
            return False
    return True


@njit(**LANE)
def move(b, q, a, w):  # type: ignore[no-untyped-def]
    """Copy a point just loaded from a column of ``b`` to a lane."""
    apart()
    for i in range(a.n):
        a.rows[i * STATE + Y + w] = a.rows[i * STATE + REF + w] = b.rows[i * STATE + Y + q]
        a.rows[i * STATE + K0 + w] = b.rows[i * STATE + K0 + q]
        if DISCRETE:
            a.rows[i * STATE + K1 + w] = b.rows[i * STATE + Y + q] + b.rows[i * STATE + K0 + q]
    for row in range(2 * a.m):
        a.rows[a.old + row * LANES + w] = b.rows[b.old + row * LANES + q]
    for row in range((a.scratch - a.table) // LANES):
        a.rows[a.table + row * LANES + w] = b.rows[b.table + row * LANES + q]
    if DISCRETE:
        project(a, K1, w, w + 1)
    a.rows[T + w], a.rows[H + w], a.rows[STEPS + w] = b.rows[T + q], b.rows[H + q], b.rows[STEPS + q]
    a.rows[ERR_LOG + w], a.rows[HELD + w], a.rows[SINCE + w] = b.rows[ERR_LOG + q], b.rows[HELD + q], b.rows[SINCE + q]


@njit(**LANE)
def look(a, lanes, steady, max_steps, directions):  # type: ignore[no-untyped-def]
    """Tell in NEED which lanes end, save, fail, or may meet an event in this step."""
    apart()
    c = a.rows
    for w in range(lanes):
        saves = (c[LAST + w] > 0.0) | (c[T + w] + c[HS + w] >= c[SAVE + w])
        c[NEED + w] = 1.0 if saves | (c[STEPS + w] >= max_steps) | (c[SPEED + w] <= steady) else 0.0
    for j in range(a.switch):
        old, new, pending = (
            a.rows[a.old + 2 * j * LANES :],
            a.rows[a.new + 2 * j * LANES :],
            a.rows[a.pending + j * LANES :],
        )
        half = a.rows[a.half + 2 * j * LANES :]
        for w in range(lanes):
            h, need = c[HS + w], c[NEED + w]
            here = crosses(old[w], new[w], directions[j]) & (pending[w] > 0.0)
            if not DISCRETE:
                rise, rise_after = h * old[LANES + w], h * new[LANES + w]
                here = may_cross(old[w], half[w], new[w], rise, rise_after, pending[w], directions[j])
            c[NEED + w] = 1.0 if here else need
    for j in range(a.switch, a.m):
        old, new = a.rows[a.old + 2 * j * LANES :], a.rows[a.new + 2 * j * LANES :]
        half = a.rows[a.half + 2 * j * LANES :]
        for w in range(lanes):
            h, need = c[HS + w], c[NEED + w]
            here = may_switch(old[w], half[w], new[w], h * old[LANES + w], h * new[LANES + w])
            c[NEED + w] = 1.0 if here else need
    for w in range(lanes):
        lost = (not ADAPTIVE) | (c[H + w] < 1e-15 * max(abs(c[T + w]), 1e-12)) | (c[STEPS + w] >= max_steps)
        need = c[NEED + w]
        c[NEED + w] = need if c[OK + w] > 0.0 else (1.0 if lost else 0.0)
    if a.switch < a.m:
        for w in range(lanes):
            if follows(a, w):
                c[NEED + w] = 1.0


@njit(**LANE)
def prepare(a, lanes, t1, max_steps, job, levels):  # type: ignore[no-untyped-def]
    """Tell a leap in MOVED how many steps every lane may take before it needs attention, and the levels asked for."""
    apart()
    c = a.rows
    for w in range(LANES):
        c[MOVED + w] = math.inf
        if w < lanes and job[w] >= 0:
            c[MOVED + w] = min(min(c[SAVE + w], t1) - c[T + w], max_steps - c[STEPS + w])
    for j in range(a.m):
        half, pending = a.rows[a.half + 2 * j * LANES :], a.rows[a.pending + j * LANES :]
        for w in range(LANES):
            half[w] = levels[j]
            pending[w] = pending[w] if w < lanes and job[w] >= 0 else 0.0


@njit(**LANE)
def end(a, y, w, time, outcome, i, y_end, t_end, status, steps):  # type: ignore[no-untyped-def]
    """Write how trajectory ``i`` of a lane ended, with the state in the row ``y``."""
    apart()
    for k in range(a.n):
        y_end[i, k] = a.rows[k * STATE + y + w]
    t_end[i], status[i], steps[i] = time, outcome, int(a.rows[STEPS + w])


@njit(**LANE)
def note(a, w, b, j, time, where, log, logged):  # type: ignore[no-untyped-def]
    """Write event, time and state of a crossing to the log, if there is room."""
    apart()
    if logged[0] < len(log):
        b.rows[0] = where
        inside(a, w, b.rows, 1, b, 0)
        log[logged[0], 0], log[logged[0], 1] = j, time
        for m in range(a.n):
            log[logged[0], 2 + m] = b.rows[m * STATE + YS]
    logged[0] += 1


@njit(**LANE)
def attend(  # type: ignore[no-untyped-def]
    a, w, b, i, t1, steady, max_steps, save, next_save, levels, directions, stops, where, programs,
    y_end, t_end, events, status, steps, saved, log, logged,
):  # fmt: skip
    """Record events and saved states of trajectory ``i`` in a lane, and tell whether it ended."""
    apart()
    c, t, h = a.rows, a.rows[T + w], a.rows[HS + w]
    if c[OK + w] == 0.0:
        if a.switch < a.m and follows(a, w):  # the same step again, without
            forbid(a, w)
            c[H + w] = h
            return False
        outcome = NON_FINITE
        if ADAPTIVE and c[STEPS + w] >= max_steps:
            outcome = MAX_STEPS
        elif ADAPTIVE and math.isfinite(c[ERR + w]):
            outcome = STEP_TOO_SMALL
        end(a, Y, w, t, outcome, i, y_end, t_end, status, steps)
        return True
    finish = t1 if c[LAST + w] > 0.0 else t + h
    stop, censored, turn = 2.0, False, 2.0
    if a.switch < a.m:
        turn = turns(a, w, b, where, programs)
    if turn <= 1.0:
        turn = 1.0 if t + turn * h >= finish else turn
        switched(a, w, b, turn, where, programs)
    for j in range(a.switch):
        where[j] = 2.0
        old, new, pending = (
            a.rows[a.old + 2 * j * LANES :],
            a.rows[a.new + 2 * j * LANES :],
            a.rows[a.pending + j * LANES :],
        )
        if DISCRETE:
            if crosses(old[w], new[w], directions[j]) and pending[w] > 0.0:
                where[j] = 1.0
        else:
            half = a.rows[a.half + 2 * j * LANES + w]
            rise, rise_after = h * old[LANES + w], h * new[LANES + w]
            if may_cross(old[w], half, new[w], rise, rise_after, pending[w], directions[j]):
                where[j] = locate(a, w, b, j, levels[j], directions[j], 0.0, old[w], programs)
            if turn <= 1.0 and where[j] > turn:
                met = crosses(old[w], b.rows[b.new + 2 * j * LANES + AT] - levels[j], directions[j])
                where[j] = turn if met and pending[w] > 0.0 else 2.0
        if stops[j] != 0:
            stop = min(stop, where[j])
            censored = censored or not math.isfinite(events[i, j])
    for j in range(a.switch):
        if where[j] <= 1.0 and where[j] <= stop:
            if not math.isfinite(events[i, j]):
                events[i, j] = min(t + where[j] * h, finish)
            if len(log) == 0:
                c[a.pending + j * LANES + w] = 0.0
                continue
            found = where[j]
            while found <= min(stop, min(turn, 1.0)):
                note(a, w, b, j, min(t + found * h, finish), found, log, logged)
                found = 2.0 if DISCRETE else again(a, w, b, j, levels[j], directions[j], found, programs)
    last = min(stop, turn)
    reached = finish if last >= 1.0 else t + last * h
    k = next_save[w]
    while k < len(save) and save[k] <= reached:
        b.rows[0] = min((save[k] - t) / h, 1.0)
        inside(a, w, b.rows, 1, b, 0)
        for m in range(a.n):
            saved[i, k, m] = b.rows[m * STATE + YS]
        k += 1
    next_save[w] = k
    c[SAVE + w] = save[k] if k < len(save) else math.inf
    if stop <= 1.0:
        b.rows[0] = stop
        inside(a, w, b.rows, 1, a, w)
        for m in range(a.n if stop == turn else 0):
            a.rows[m * STATE + YS + w] = b.rows[m * STATE + YS + AT]
        end(a, YS, w, reached, EVENT, i, y_end, t_end, status, steps)
        return True
    if turn <= 1.0:
        go_on(a, w, b, turn, where)
        finish = t1 if c[LAST + w] > 0.0 else t + c[HS + w]
    outcome = PENDING
    if c[LAST + w] > 0.0:
        outcome = CENSORED if censored else SUCCESS
    elif c[SPEED + w] <= steady:
        outcome = STEADY
    elif c[STEPS + w] >= max_steps:
        outcome = MAX_STEPS
    if outcome != PENDING:
        end(a, YN, w, finish, outcome, i, y_end, t_end, status, steps)
    return outcome != PENDING


@njit(
    "void(int64[::1], int64, int64, float64[:,::1], float64[:,::1], float64, float64, float64, float64, float64,"
    " float64, float64, int64, float64[::1], float64[::1], float64[::1], uint8[::1], uint8[::1], float64[::1],"
    " int64[::1], float64[::1], float64[:,::1], float64[::1], float64[:,::1], int8[::1], int64[::1], float64[:,:,::1],"
    " float64[:,::1], int64[::1])",
    **ENTRY,
)
def integrate(  # type: ignore[no-untyped-def]
    addresses, n_scratch, bounded, y0, table, t0, t1, rtol, atol, fixed, longest, steady,
    max_steps, save, levels, directions, stops, interrupt, work, notes, where,
    y_end, t_end, events, status, steps, saved, log, logged,
):  # fmt: skip
    """Integrate every point whose status is PENDING from ``t0`` to ``t1``, and fill the last arrays.

    With room in ``log``, the events of a single trajectory go on after they have happened, and every crossing is a row:
    event, time, state; ``logged`` counts them, also those beyond the room.
    """
    programs = Programs(addresses[0], addresses[1], addresses[2], addresses[3], addresses[4])
    count, n = y0.shape
    n_table, switch = table.shape[1], len(levels)
    m = switch if DISCRETE else switch + bounded
    a = carve(work, bounded, n, m, switch, n_table, n_scratch, IMPLICIT)
    b = carve(work[a.end :], bounded, n, m, switch, n_table, n_scratch, False)
    lanes = min(LANES, GROUP * ((count + GROUP - 1) // GROUP))
    job, chosen, next_save = notes[:LANES], notes[LANES : 2 * LANES], notes[2 * LANES :]
    for w in range(LANES):
        job[w] = -1
    active = queue = 0
    while interrupt[0] == 0:
        if queue < count and (lanes - active >= WAIT or active == 0):
            loaded = 0
            while queue < count and loaded < lanes - active:
                if status[queue] == PENDING:
                    chosen[loaded] = queue
                    loaded += 1
                queue += 1
            start(b, chosen, loaded, y0, table, t0, t1, rtol, atol, fixed, longest, levels, programs)
            w = 0
            for q in range(loaded):
                i = chosen[q]
                if not finite(b, q):
                    end(b, Y, q, t0, NON_FINITE, i, y_end, t_end, status, steps)
                    continue
                while job[w] >= 0:
                    w += 1
                move(b, q, a, w)
                for j in range(switch):  # what happened in an earlier segment is over
                    a.rows[a.pending + j * LANES + w] = 0.0 if math.isfinite(events[i, j]) and len(log) == 0 else 1.0
                k = 0
                while k < len(save) and save[k] <= t0:
                    for r in range(n):
                        saved[i, k, r] = y0[i, r]
                    k += 1
                next_save[w] = k
                a.rows[SAVE + w] = save[k] if k < len(save) else math.inf
                job[w] = i
                active += 1
            continue
        if active == 0:
            break
        if DISCRETE and programs.leap != 0:
            prepare(a, lanes, t1, max_steps, job, levels)
            run(programs.leap, a, Y, 0, a.old, lanes)
            clocked(a, lanes, t1)
        else:
            propose(a, lanes, t1, programs)
            shift(a, a.new, lanes, levels)
        measure(a, lanes, rtol, atol)
        control(a, lanes, longest, fixed)
        rest(a, lanes, rtol, atol, steady)
        if m > 0 and not DISCRETE:
            halfway(a, lanes, programs)
            shift(a, a.half, lanes, levels)
        look(a, lanes, steady, max_steps, directions)
        for w in range(lanes):
            if a.rows[NEED + w] > 0.0 and job[w] >= 0:
                over = attend(
                    a, w, b, job[w], t1, steady, max_steps, save, next_save, levels, directions, stops, where, programs,
                    y_end, t_end, events, status, steps, saved, log, logged,
                )  # fmt: skip
                if over:
                    job[w] = -1
                    active -= 1
        accept(a, lanes)
    for w in range(lanes):
        if job[w] >= 0:
            end(a, Y, w, a.rows[T + w], INTERRUPTED, job[w], y_end, t_end, status, steps)
