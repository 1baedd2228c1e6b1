"""Tsitouras' method of order 5(4) with its dense output of order 4: Comput. Math. Appl. 62 (2011) 770."""

from numba import njit

from ..layout import HS, K0, K1, K2, K3, K4, K5, KN, LANE, STATE, YN, YS, Y, apart, run

ADAPTIVE = True
IMPLICIT = False
DISCRETE = False
# measured: as many steps as with 0.9, 0.17, 0.04 and 0.2, and half the error
SAFETY, EXPONENT, MEMORY, ORDER = 0.75, 0.2, 0.02, 0.2

A1 = 0.161
A2 = (-0.008480655492356989, 0.335480655492357)
A3 = (2.8971530571054935, -6.359448489975075, 4.3622954328695815)
A4 = (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525)
A5 = (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383)
A6 = (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774)
ERROR = (
    -0.00178001105222577714,
    -0.0008164344596567469,
    0.007880878010261995,
    -0.1447110071732629,
    0.5823571654525552,
    -0.45808210592918697,
    0.015151515151515152,
)


@njit(**LANE)
def step(a, lanes, programs):  # type: ignore[no-untyped-def]
    """Propose YN from Y and K0, by way of the stages K1 to K5."""
    apart()
    c = a.rows
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YS + w] = x[Y + w] + c[HS + w] * (A1 * x[K0 + w])
    run(programs.drift, a, YS, K1, a.old, lanes)
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YS + w] = x[Y + w] + c[HS + w] * (A2[0] * x[K0 + w] + A2[1] * x[K1 + w])
    run(programs.drift, a, YS, K2, a.old, lanes)
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YS + w] = x[Y + w] + c[HS + w] * (A3[0] * x[K0 + w] + A3[1] * x[K1 + w] + A3[2] * x[K2 + w])
    run(programs.drift, a, YS, K3, a.old, lanes)
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YS + w] = x[Y + w] + c[HS + w] * (
                A4[0] * x[K0 + w] + A4[1] * x[K1 + w] + A4[2] * x[K2 + w] + A4[3] * x[K3 + w]
            )
    run(programs.drift, a, YS, K4, a.old, lanes)
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YS + w] = x[Y + w] + c[HS + w] * (
                A5[0] * x[K0 + w] + A5[1] * x[K1 + w] + A5[2] * x[K2 + w] + A5[3] * x[K3 + w] + A5[4] * x[K4 + w]
            )
    run(programs.drift, a, YS, K5, a.old, lanes)
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YN + w] = x[Y + w] + c[HS + w] * (
                A6[0] * x[K0 + w] + A6[1] * x[K1 + w] + A6[2] * x[K2 + w]
                + A6[3] * x[K3 + w] + A6[4] * x[K4 + w] + A6[5] * x[K5 + w]
            )  # fmt: skip


@njit(**LANE)
def error(x, h, w):  # type: ignore[no-untyped-def]
    """Return the estimated error of one state, once KN is known."""
    return h * (
        ERROR[0] * x[K0 + w] + ERROR[1] * x[K1 + w] + ERROR[2] * x[K2 + w] + ERROR[3] * x[K3 + w]
        + ERROR[4] * x[K4 + w] + ERROR[5] * x[K5 + w] + ERROR[6] * x[KN + w]
    )  # fmt: skip


@njit(**LANE)
def dense(x, h, w, at):  # type: ignore[no-untyped-def]
    """Return one state at ``at`` in [0, 1] of the step."""
    b0 = -1.0530884977290216 * at * (at - 1.3299890189751412) * (at * at - 1.4364028541716351 * at + 0.7139816917074209)
    b1 = 0.1017 * at * at * (at * at - 2.1966568338249754 * at + 1.2949852507374631)
    b2 = 2.490627285651252793 * at * at * (at * at - 2.38535645472061657 * at + 1.57803468208092486)
    b3 = -16.54810288924490272 * (at - 1.21712927295533244) * (at - 0.61620406037800089) * at * at
    b4 = 47.37952196281928122 * (at - 1.203071208372362603) * (at - 0.658047292653547382) * at * at
    b5 = -34.87065786149660974 * (at - 1.2) * (at - 0.666666666666666667) * at * at
    b6 = 2.5 * (at - 1.0) * (at - 0.6) * at * at
    return x[Y + w] + h * (
        b0 * x[K0 + w]
        + b1 * x[K1 + w]
        + b2 * x[K2 + w]
        + b3 * x[K3 + w]
        + b4 * x[K4 + w]
        + b5 * x[K5 + w]
        + b6 * x[KN + w]
    )
