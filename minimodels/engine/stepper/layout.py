"""Where lanes keep their numbers: rows of `LANES` doubles, a row for every quantity, a column for every trajectory.

The rows of one state stand together, ``ROWS`` of them, at distances that are known when the steppers are compiled. That
lets LLVM see that they do not overlap and vectorise every loop over the lanes, for any number of states.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from .status import PENDING as NOT_YET
from .status import Status

LANES = 64
GROUP = 8  # lanes that the programs of a model compute at once

# NumPy's integers in what follows: Numba compiles a function anew for every plain one that it is called with
# rows of a lane's clock: time, next step, this step and whether it is the last; verdict, its error, the error before,
# whether the last step was refused; steps so far, fastest change, next time to save, whether it needs attention; since
# when the state has been compared with REF, and how far it has moved from there
CLOCK = 14
T, H, HS, LAST, OK, ERR, ERR_LOG, HELD, STEPS, SPEED, SAVE, NEED, SINCE, MOVED = (
    np.int64(row * LANES) for row in range(CLOCK)
)

# rows of state 0: at the start and the proposed end of the step, at a stage; rates of change; stages of the methods;
# where it was some time ago
ROWS = 13
STATE = ROWS * LANES
Y, YN, YS, K0, KN, K1, K2, K3, K4, K5, K6, K7, REF = (np.int64((CLOCK + row) * LANES) for row in range(ROWS))

# rows for every bounded state, at the beginning of the table: its bounds, whether it is free (1) or held at one of them
# (0), where the programs stop to follow it (nowhere at first), and which state it is
BOX = 6
LOW, HIGH, FREE, BELOW, ABOVE, WHICH = (np.int64(row * LANES) for row in range(BOX))

PENDING = np.int64(NOT_YET)
SUCCESS, EVENT, STEADY, CENSORED, MAX_STEPS, STEP_TOO_SMALL, NON_FINITE, INTERRUPTED, _ = map(np.int64, Status)

# No fast-math flag but one: `reassoc` would undo the rounding of `log2`, `nnan` and `ninf` the checks of finiteness.
# No reference counts (`_nrt`): lanes are slices by the million, and nothing is allocated.
LANE = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
ENTRY = {**LANE, "no_cpython_wrapper": False, "cache": True}


class Lanes(NamedTuple):
    """Some lanes: one array, which begins with their clock and their states, and where the rest begins in it."""

    rows: Any
    bounded: int  # states with bounds
    n: int  # states
    m: int  # levels: of the events, then the switches of the bounded states
    switch: int  # which of the levels is the first switch
    old: int  # levels of the events at the start of the step, each followed by its slope
    new: int  # the same at its proposed end
    half: int  # levels in the middle of the step, spaced likewise
    pending: int  # 1 until an event has happened
    table: int  # what the parameters decide
    scratch: int  # the programs' own
    matrix: int  # Jacobian, then its factors
    pivot: int  # a row for every row of the matrix
    end: int


class Programs(NamedTuple):
    """Addresses of a model's programs."""

    drift: int  # rates of change
    advance: int  # rates of change, levels and slopes of the events
    levels: int  # levels of the events
    jacobian: int  # derivatives of the rates of change, row by row
    leap: int  # steps of a map, 0 if it has no such program


@njit(**LANE)
def carve(rows, bounded, n, m, switch, n_table, n_scratch, implicit):  # type: ignore[no-untyped-def]
    """Return lanes in an array."""
    old = (CLOCK + n * ROWS) * LANES
    new = old + 2 * m * LANES
    half = new + 2 * m * LANES
    pending = half + 2 * m * LANES
    table = pending + m * LANES
    scratch = table + n_table * LANES
    matrix = scratch + n_scratch * LANES
    pivot = matrix + (n * n * LANES if implicit else 0)
    end = pivot + (n * LANES if implicit else 0)
    return Lanes(rows, bounded, n, m, switch, old, new, half, pending, table, scratch, matrix, pivot, end)


@intrinsic
def run(typing, program, a, y, k, out, count):  # type: ignore[no-untyped-def]
    """Call the program at an address: states in the row ``y``, rates of change to ``k``, other results to ``out``."""
    from llvmlite import ir

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        address, lanes, y, k, out, count = arguments
        kind = signature.args[1]

        def field(name):  # type: ignore[no-untyped-def]
            return builder.extract_value(lanes, kind.fields.index(name))

        start = context.make_array(kind.types[0])(context, builder, field("rows")).data
        pointer = ir.IntType(8).as_pointer()
        program = ir.FunctionType(ir.VoidType(), [*[pointer] * 5, ir.IntType(64)]).as_pointer()
        places = [builder.gep(start, [place]) for place in (y, k, out, field("table"), field("scratch"))]
        places = [builder.bitcast(place, pointer) for place in places]
        builder.call(builder.inttoptr(address, program), [*places, count])
        return context.get_dummy_value()

    return types.void(types.int64, a, *[types.int64] * 4), generate


@intrinsic
def apart(typing):  # type: ignore[no-untyped-def]
    """Keep the function that calls this from being inlined: it compiles once, not at every call."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate
