"""A program at many points."""

from numba import njit

from .layout import ENTRY, GROUP, K0, LANES, STATE, Y, carve, run


@njit(
    "void(int64, int64, float64[:,::1], float64[:,::1], int64, float64[::1], float64[:,::1])",
    **ENTRY,
)
def evaluate(program, n_scratch, y, table, repeat, work, out):  # type: ignore[no-untyped-def]
    """Evaluate a program at states ``y``, ``repeat`` of them in turn to a row of ``table``."""
    count, n = y.shape
    a = carve(work, 0, n, 0, 0, table.shape[1], n_scratch, False)
    for first in range(0, count, LANES):
        size = min(LANES, count - first)
        for w in range(size):
            for i in range(n):
                work[i * STATE + Y + w] = y[first + w, i]
            for row in range(table.shape[1]):
                work[a.table + row * LANES + w] = table[(first + w) // repeat, row]
        run(program, a, Y, K0, a.end, GROUP * ((size + GROUP - 1) // GROUP))
        for w in range(size):
            for row in range(out.shape[1]):
                out[first + w, row] = work[a.end + row * LANES + w]
