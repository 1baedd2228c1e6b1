"""One step of any method in all lanes: proposal, verdict, size of the next step."""

import math

import numpy as np
from numba import njit

from .layout import *
from .method import ADAPTIVE, EXPONENT, MEMORY, ORDER, SAFETY, dense, error, step

HUGE = 1e60

MAGIC = 6755399441055744.0  # 1.5*2**52: adding it rounds to a whole number, which its bits then hold
MAGIC_BITS = 4843621399236968448
ONE_BITS = 4607182418800017408
MANTISSA = 4503599627370495


@njit(**LANE)
def log2(x):  # type: ignore[no-untyped-def]
    """Return the binary logarithm of a positive number within 1e-3: enough for step sizes."""
    bits = np.float64(x).view(np.int64)
    whole = np.int64((bits >> 52) + (MAGIC_BITS - 1023)).view(np.float64) - MAGIC
    f = np.int64((bits & MANTISSA) | ONE_BITS).view(np.float64) - 1.0
    return whole + f * (1.4384 + f * (-0.6737 + f * (0.3171 - 0.0818 * f)))


@njit(**LANE)
def exp2(x):  # type: ignore[no-untyped-def]
    """Return 2**x within 1e-3, for abs(x) below 1000."""
    shifted = x + MAGIC
    f = x - (shifted - MAGIC)
    bits = np.float64(shifted).view(np.int64) - MAGIC_BITS
    return np.int64((bits + 1023) << 52).view(np.float64) * (1.0 + f * (0.6933 + f * (0.2402 + 0.0558 * f)))


@njit(**LANE)
def clocked(a, lanes, t1):  # type: ignore[no-untyped-def]
    """Put into HS how long this step is in every lane, and into LAST whether it is the last."""
    apart()
    c = a.rows
    for w in range(lanes):
        last = c[T + w] + 1.0000001 * c[H + w] >= t1
        c[LAST + w] = 1.0 if last else 0.0
        c[HS + w] = t1 - c[T + w] if last else c[H + w]


@njit(**LANE)
def propose(a, lanes, t1, programs):  # type: ignore[no-untyped-def]
    """Propose the end of a step in every lane, YN, with what follows there: slopes KN and the levels of the events."""
    clocked(a, lanes, t1)
    step(a, lanes, programs)
    run(programs.advance, a, YN, KN, a.new, lanes)


@njit(**LANE)
def measure(a, lanes, rtol, atol):  # type: ignore[no-untyped-def]
    """Put the mean square of error over tolerance into ERR; without an estimate 0, or nan if anything is not finite."""
    apart()
    c = a.rows
    for w in range(lanes):
        c[ERR + w] = 0.0
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            e = error(x, c[HS + w], w)
            if ADAPTIVE:
                e /= atol + rtol * max(abs(x[Y + w]), abs(x[YN + w]))
                e = e * e / a.n
            c[ERR + w] += e


@njit(**LANE)
def control(a, lanes, longest, fixed):  # type: ignore[no-untyped-def]
    """Judge the proposals, and choose the size of the next step: the fixed one, or by a PI controller."""
    apart()
    c = a.rows
    if ADAPTIVE:
        for w in range(lanes):
            e = c[ERR + w]
            good = e <= 1.0
            size, before = 0.5 * log2(min(max(e, 1e-8), HUGE)), c[ERR_LOG + w]  # of the root
            power = -EXPONENT * size + MEMORY * before if good else -ORDER * size
            change = SAFETY * exp2(power)
            change = min(change, 1.0 if c[HELD + w] > 0.0 else 10.0)
            change = change if e < HUGE else 0.1  # nan too
            c[H + w] = min(c[HS + w] * max(change, 0.2 if good else 0.1), longest)
            c[ERR_LOG + w] = size if good else before
            c[HELD + w] = 0.0 if good else 1.0
            c[OK + w] = 1.0 if good else 0.0
            c[STEPS + w] += 1.0
    else:
        for w in range(lanes):
            c[OK + w] = 1.0 if c[ERR + w] == 0.0 else 0.0
            c[H + w] = fixed
            c[STEPS + w] += 1.0


@njit(**LANE)
def first_step(a, w, t0, t1, rtol, atol):  # type: ignore[no-untyped-def]
    """Put a guess of the first step into H, and the state an Euler step of that size ahead into YS (Hairer)."""
    apart()
    size = speed = 0.0
    for i in range(a.n):
        x = a.rows[i * STATE :]
        scale = atol + rtol * abs(x[Y + w])
        size += (x[Y + w] / scale) ** 2 / a.n
        speed += (x[K0 + w] / scale) ** 2 / a.n
    size, speed = math.sqrt(size), math.sqrt(speed)
    h = min(0.01 * size / speed if size > 1e-10 and speed > 1e-10 else 1e-6 * (t1 - t0), t1 - t0)
    a.rows[H + w] = h
    for i in range(a.n):
        x = a.rows[i * STATE :]
        x[YS + w] = x[Y + w] + h * x[K0 + w]


@njit(**LANE)
def better_step(a, w, t0, t1, rtol, atol, longest):  # type: ignore[no-untyped-def]
    """Improve H by the change of the slope, which is in K1 at the state of `first_step`."""
    apart()
    speed = bend = 0.0
    for i in range(a.n):
        x = a.rows[i * STATE :]
        scale = atol + rtol * abs(x[Y + w])
        speed += (x[K0 + w] / scale) ** 2 / a.n
        bend += ((x[K1 + w] - x[K0 + w]) / scale) ** 2 / a.n
    h = a.rows[H + w]
    size = max(math.sqrt(speed), math.sqrt(bend) / h)
    first = 0.25 * (0.01 / size) ** ORDER if size > 1e-15 else max(1e-6 * (t1 - t0), 1e-3 * h)
    a.rows[H + w] = min(min(min(100.0 * h, first) if first > 0.0 else h, t1 - t0), longest)


@njit(**LANE)
def accept(a, lanes):  # type: ignore[no-untyped-def]
    """Move every accepted lane to the end of its step; loads come before choices, or nothing vectorises."""
    apart()
    c = a.rows
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            good, y, yn, k0, kn = c[OK + w] > 0.0, x[Y + w], x[YN + w], x[K0 + w], x[KN + w]
            x[Y + w] = yn if good else y
            x[K0 + w] = kn if good else k0
    for row in range(2 * a.m):
        before, after = a.rows[a.old + row * LANES :], a.rows[a.new + row * LANES :]
        for w in range(lanes):
            good, old, new = c[OK + w] > 0.0, before[w], after[w]
            before[w] = new if good else old
    for w in range(lanes):
        good, h = c[OK + w] > 0.0, c[HS + w]
        c[T + w] += h if good else 0.0


@njit(**LANE)
def inside(a, w, places, count, b, column):  # type: ignore[no-untyped-def]
    """Put the dense output at places in [0, 1] of the step of lane ``w`` into YS of columns of ``b``."""
    apart()
    h = a.rows[HS + w]
    for i in range(a.n):
        x, y = a.rows[i * STATE :], b.rows[i * STATE + YS + column :]
        for q in range(count):
            y[q] = dense(x, h, w, places[q])


@njit(**LANE)
def halfway(a, lanes, programs):  # type: ignore[no-untyped-def]
    """Evaluate the levels of the events in the middle of the step, for all lanes."""
    apart()
    c = a.rows
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YS + w] = dense(x, c[HS + w], w, 0.5)
    run(programs.levels, a, YS, YS, a.half, lanes)


@njit(**LANE)
def rest(a, lanes, rtol, atol, steady):  # type: ignore[no-untyped-def]
    """Put into SPEED how fast every lane changes: now, or on average for so long that the error of a step is no speed.

    A stiff flow at rest jitters within the tolerance at every step of an explicit method, and its slopes stay large.
    Its mean speed does not, over a time in which a move by ten tolerances would be ``steady``.
    """
    apart()
    c = a.rows
    for w in range(lanes):
        c[SPEED + w] = c[MOVED + w] = 0.0
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            c[SPEED + w] = max(abs(x[KN + w]), c[SPEED + w])
    if steady <= 0.0:
        return
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            c[MOVED + w] = max(abs(x[YN + w] - x[REF + w]) - 10.0 * (atol + rtol * abs(x[REF + w])), c[MOVED + w])
    for w in range(lanes):
        if c[OK + w] > 0.0:
            size = 0.0
            for i in range(a.n):
                size = max(size, atol + rtol * abs(a.rows[i * STATE + REF + w]))
            now = c[T + w] + c[HS + w]
            if c[MOVED + w] > 0.0:  # it goes somewhere: compare with where it is
                c[SINCE + w] = now
                for i in range(a.n):
                    a.rows[i * STATE + REF + w] = a.rows[i * STATE + YN + w]
            elif (now - c[SINCE + w]) * steady >= 10.0 * size:
                c[SPEED + w] = 0.0
