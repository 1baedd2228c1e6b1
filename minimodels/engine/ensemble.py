"""Run many trajectories through segments of constant rates."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minimodels.engine import steppers
from minimodels.engine.kernel import Floats, Kernel
from minimodels.engine.stepper.methods import Method
from minimodels.engine.stepper.status import PENDING, Status


@dataclass(frozen=True)
class Control:
    """Tolerances and limits of an integration; ``step`` is for methods of fixed step, ``max_step`` for the others."""

    rtol: float = 1e-6
    atol: float = 1e-9
    step: float = 1.0
    max_step: float = np.inf
    max_steps: int = 1_000_000
    steady: float = 0.0


@dataclass(frozen=True)
class Segment:
    """A stretch of time in which some states are held and some parameters have values of their own: index -> value.

    A state may be held at a value of its own in every point (P,).
    """

    start: float
    end: float
    held: Mapping[int, float | Floats]
    set: dict[int, float]


@dataclass(frozen=True)
class Watch:
    """An event: the level of the kernel's expression, the direction of the crossing, whether it ends the trajectory."""

    level: float
    direction: int
    stops: bool


@dataclass(frozen=True)
class Batch:
    """Trajectories that ended: final state (P, n), time (P,), event times (P, e), saved states (P, T, n).

    ``crossings`` (c, 2 + n): event, time and state of every crossing, if room for them was asked for.
    """

    state: Floats
    time: Floats
    events: Floats
    status: NDArray[np.int8]
    steps: NDArray[np.int64]
    saved: Floats
    crossings: Floats


def integrate(
    kernel: Kernel,
    method: Method,
    y0: Floats,
    par: Floats,
    status: NDArray[np.int8],
    *,
    segments: Sequence[Segment],
    control: Control,
    save: Floats,
    events: Sequence[Watch],
    interrupt: NDArray[np.uint8],
    room: int = 0,
) -> Batch:
    """Integrate points in one thread; the last columns of ``par`` are the rates.

    With ``room``, every crossing of a single trajectory is kept, and it is an OverflowError if there are more. Points
    whose status is not PENDING are left alone. What does not depend on the other points of the call is bitwise
    independent of them.
    """
    count, n = y0.shape
    state = np.array(y0, dtype=np.float64, order="C")
    time = np.full(count, np.nan)
    happened = np.full((count, len(events)), np.nan)
    levels = np.array([event.level for event in events], dtype=np.float64)
    directions = np.array([event.direction for event in events], dtype=np.float64)
    stops = np.array([event.stops for event in events], dtype=np.uint8)
    there = np.zeros(happened.shape, dtype=bool)
    log, logged = np.empty((room, 2 + n)), np.zeros(1, dtype=np.int64)
    earlier = np.empty((count, 0))  # the table of the segment before
    programs = np.array([kernel.address.get(name, 0) for name in steppers.layout.Programs._fields], dtype=np.int64)
    stepper = steppers.driver(method.name).integrate
    bounded, size = kernel.bounded, steppers.layout.BOX
    status = status.copy()
    steps = np.zeros(count, dtype=np.int64)
    saved = np.full((count, len(save), n), np.nan)
    state[status != PENDING] = np.nan

    def above(y: Floats, table: Floats) -> Floats:
        return kernel.evaluate("levels", y, table)[:, : 2 * len(levels) : 2] - levels

    for number, segment in enumerate(segments):
        given = np.array(par, dtype=np.float64, order="C")
        for index, value in segment.set.items():
            given[:, index] = value
        start = state.copy()
        for index, held in segment.held.items():
            start[:, index] = held
            given[:, par.shape[1] - n + index] = 0.0
        table = kernel.table(given)
        if number:
            status[np.isin(status, (Status.SUCCESS, Status.CENSORED, Status.STEADY))] = PENDING
        low, high = (table[:, row : size * len(bounded) : size] for row in (0, 1))
        # states are placed inside of their bounds, but a bound that jumps takes them along
        placed = np.array([number == 0 or i in segment.held for i in bounded], dtype=bool)
        beyond = (outside(start[:, bounded], low, high) & (placed | ~(low <= high))).any(axis=1) & (status == PENDING)
        status[beyond], state[beyond], start[beyond] = Status.OUT_OF_DOMAIN, np.nan, np.nan
        time[beyond] = segment.start if number else np.nan
        start[:, bounded] = np.clip(start[:, bounded], low, high)
        if events and number == 0:
            there = reached(above(start, table), directions)
        elif events:  # a jump may cross a level
            before, after = above(state, earlier), above(start, table)
            jump = ((directions >= 0) & (before < 0) & (after >= 0)) | ((directions <= 0) & (before > 0) & (after <= 0))
            jump &= (status == PENDING)[:, None]
            for j in np.flatnonzero(jump[0]) if room else ():
                if logged[0] < room:
                    log[logged[0]] = j, segment.start, *start[0]
                logged[0] += 1
            jump &= np.isnan(happened)
            happened[jump] = segment.start
            stopped = (jump & (stops != 0)).any(axis=1)
            status[stopped], time[stopped], state[stopped] = Status.EVENT, segment.start, start[stopped]
        earlier = table
        lower = -np.inf if number == 0 else segment.start
        here = (save > lower) & (save <= segment.end)
        part = np.full((count, int(here.sum()), n), np.nan)
        used = np.zeros(count, dtype=np.int64)
        watched = len(events) + (0 if method.discrete else len(bounded))
        work = steppers.work(n, table.shape[1], watched, kernel.scratch, implicit=method.implicit, copies=2)
        notes = np.empty(3 * steppers.layout.LANES, dtype=np.int64), np.empty(watched)
        stepper(
            programs, kernel.scratch, len(bounded), start, table, segment.start, segment.end, control.rtol,
            control.atol, min(control.step, control.max_step), control.max_step, control.steady, control.max_steps,
            np.ascontiguousarray(save[here]), levels, directions, stops, interrupt, work, *notes,
            state, time, happened, status, used, part, log, logged,
        )  # fmt: skip
        # interpolated next to a bound, a state may be beyond it by rounding
        state[:, bounded] = np.clip(state[:, bounded], low, high)
        part[:, :, bounded] = np.clip(part[:, :, bounded], low[:, None], high[:, None])
        if room:
            crossings = log[: logged[0], 2:]
            crossings[:, bounded] = np.clip(crossings[:, bounded], low, high)
        if method.discrete:  # when a leap noticed that it rests is nobody's concern
            used[status == Status.STEADY] = math.ceil(segment.end - segment.start)
        # what came to rest stays where it is
        part = np.where(np.isnan(part) & (status == Status.STEADY)[:, None, None], state[:, None, :], part)
        saved[:, here] = part
        steps += used
    if control.steady <= 0:  # at rest to the last bit, which nobody asked about
        resting = status == Status.STEADY
        waiting = (np.isnan(happened) & (stops != 0)).any(axis=1)
        time[resting] = segments[-1].end
        status[resting] = np.where(waiting[resting], Status.CENSORED, Status.SUCCESS)
    ended = np.isin(status, (Status.SUCCESS, Status.CENSORED, Status.STEADY))
    from_the_start = there & np.isnan(happened) & ended[:, None]
    happened[from_the_start] = segments[0].start
    status[(from_the_start & (stops != 0)).any(axis=1) & (status == Status.CENSORED)] = Status.SUCCESS
    status[status == PENDING] = Status.INTERRUPTED
    if logged[0] > room:
        raise OverflowError(f"more than {room} crossings")
    return Batch(state, time, happened, status, steps, saved, log[: logged[0]])


def outside(x: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Tell where a state lies beyond its bounds, or these leave no room, further than by rounding."""
    slack = 1e-12 * np.maximum(1, np.abs(x))
    return ~((x >= low - slack) & (x <= high + slack) & (low <= high))


def reached(level: Floats, direction: Floats) -> NDArray[np.bool_]:
    """Tell where a level lies at zero or beyond, as seen in the direction of its event; for either, on it."""
    return np.where(direction > 0, level >= 0, np.where(direction < 0, level <= 0, level == 0))
