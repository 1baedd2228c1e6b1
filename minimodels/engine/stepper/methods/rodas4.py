"""RODAS, linearly implicit of order 4(3), L-stable: Hairer & Wanner, Solving ODEs II (1996), IV.10."""

from numba import njit

from ..layout import HS, K0, K1, K2, K3, K4, K5, K6, K7, LANE, LANES, LAST, STATE, STEPS, YN, YS, Y, apart, run

ADAPTIVE = True
IMPLICIT = True
DISCRETE = False
SAFETY, EXPONENT, MEMORY, ORDER = 0.9, 0.25, 0.0, 0.25

GAMMA = 0.25
A = (
    (0.0, 0.0, 0.0, 0.0, 0.0),
    (1.544, 0.0, 0.0, 0.0, 0.0),
    (0.9466785280815826, 0.2557011698983284, 0.0, 0.0, 0.0),
    (3.314825187068521, 2.896124015972201, 0.9986419139977817, 0.0, 0.0),
    (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 0.0),
    (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1.0),
)
C = (
    (0.0, 0.0, 0.0, 0.0, 0.0),
    (-5.6688, 0.0, 0.0, 0.0, 0.0),
    (-2.430093356833875, -0.2063599157091915, 0.0, 0.0, 0.0),
    (-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0.0, 0.0),
    (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160, 0.0),
    (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054),
)
DENSE = (
    (10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662),
    (-0.6762803392806898, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872),
)
# the solutions of the six stages, and the slope at a stage
U0, U1, U2, U3, U4, U5, KS = K1, K2, K3, K4, K5, K6, K7


@njit(**LANE)
def past(x, w, row):  # type: ignore[no-untyped-def]
    """Return a weighted sum of the first five stages."""
    return row[0] * x[U0 + w] + row[1] * x[U1 + w] + row[2] * x[U2 + w] + row[3] * x[U3 + w] + row[4] * x[U4 + w]


@njit(**LANE)
def step(a, lanes, programs):  # type: ignore[no-untyped-def]
    """Propose YN from Y and K0: (1/(h gamma) - J) U = slopes and earlier stages, six times."""
    apart()
    c = a.rows
    run(programs.jacobian, a, Y, K0, a.matrix, lanes)
    shorten(a, lanes)
    factor(a, lanes)
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[U0 + w] = x[K0 + w]
            x[U1 + w] = x[U2 + w] = x[U3 + w] = x[U4 + w] = x[U5 + w] = 0.0
    solve(a, lanes, U0)
    for stage in range(1, 6):
        move, pull, u = A[stage], C[stage], U0 + stage * LANES
        for i in range(a.n):
            x = a.rows[i * STATE :]
            for w in range(lanes):
                x[YS + w] = x[Y + w] + past(x, w, move)
        run(programs.drift, a, YS, KS, a.old, lanes)
        for i in range(a.n):
            x = a.rows[i * STATE :]
            for w in range(lanes):
                x[u + w] = x[KS + w] + past(x, w, pull) / c[HS + w]
        solve(a, lanes, u)
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YN + w] = x[Y + w] + past(x, w, A[5]) + x[U5 + w]


@njit(**LANE)
def shorten(a, lanes):  # type: ignore[no-untyped-def]
    """Make the first step of a trajectory no longer than 1/|J|: error control does not see a Jacobian that is wrong.

    As that of atan(x)/x next to 0, where rounding makes it huge: nothing would move, without any error.
    """
    apart()
    c, n = a.rows, a.n
    for w in range(lanes):
        if c[STEPS + w] == 0.0:
            norm = 0.0
            for i in range(n):
                row = 0.0
                for k in range(n):
                    row += abs(a.rows[a.matrix + (i * n + k) * LANES + w])
                norm = row if row > norm else norm
            if c[HS + w] * norm > 1.0:
                c[HS + w], c[LAST + w] = 1.0 / norm, 0.0


@njit(**LANE)
def factor(a, lanes):  # type: ignore[no-untyped-def]
    """Replace the Jacobian J by the factors of 1/(h gamma) - J, with partial pivoting in every lane."""
    apart()
    n = a.n
    m, pivot = a.rows[a.matrix : a.pivot], a.rows[a.pivot : a.end]
    for i in range(n):
        for k in range(n):
            x = m[(i * n + k) * LANES :]
            for w in range(lanes):
                x[w] = (1.0 / (GAMMA * a.rows[HS + w]) if i == k else 0.0) - x[w]
    for k in range(n):
        for w in range(lanes):
            best, size = k, abs(m[(k * n + k) * LANES + w])
            for i in range(k + 1, n):
                if abs(m[(i * n + k) * LANES + w]) > size:
                    best, size = i, abs(m[(i * n + k) * LANES + w])
            pivot[k * LANES + w] = best
            for j in range(n if best != k else 0):
                at, to = (k * n + j) * LANES + w, (best * n + j) * LANES + w
                m[at], m[to] = m[to], m[at]
        top = m[(k * n + k) * LANES :]
        for i in range(k + 1, n):
            x = m[(i * n + k) * LANES :]
            for w in range(lanes):
                x[w] = x[w] / top[w]
            for j in range(k + 1, n):
                y, z = m[(i * n + j) * LANES :], m[(k * n + j) * LANES :]
                for w in range(lanes):
                    y[w] -= x[w] * z[w]


@njit(**LANE)
def solve(a, lanes, u):  # type: ignore[no-untyped-def]
    """Solve for the right-hand side in the row ``u`` of the states, in its place."""
    apart()
    n = a.n
    m, pivot = a.rows[a.matrix : a.pivot], a.rows[a.pivot : a.end]
    for k in range(n):
        for w in range(lanes):
            at, to = k * STATE + u + w, int(pivot[k * LANES + w]) * STATE + u + w
            a.rows[at], a.rows[to] = a.rows[to], a.rows[at]
    for i in range(n):
        x = a.rows[i * STATE + u :]
        for k in range(i):
            f, y = m[(i * n + k) * LANES :], a.rows[k * STATE + u :]
            for w in range(lanes):
                x[w] -= f[w] * y[w]
    for i in range(n - 1, -1, -1):
        x = a.rows[i * STATE + u :]
        for k in range(i + 1, n):
            f, y = m[(i * n + k) * LANES :], a.rows[k * STATE + u :]
            for w in range(lanes):
                x[w] -= f[w] * y[w]
        f = m[(i * n + i) * LANES :]
        for w in range(lanes):
            x[w] = x[w] / f[w] + 0.0 * f[w]  # nan if the factor is infinite


@njit(**LANE)
def error(x, h, w):  # type: ignore[no-untyped-def]
    """Return the estimated error of one state."""
    return x[U5 + w]


@njit(**LANE)
def dense(x, h, w, at):  # type: ignore[no-untyped-def]
    """Return one state at ``at`` in [0, 1] of the step."""
    bend = past(x, w, DENSE[0]) + at * past(x, w, DENSE[1])
    return (1.0 - at) * x[Y + w] + at * (x[YN + w] + (1.0 - at) * bend)
