"""The phase diagram: an event or a final value over two parameters, computed from coarse to fine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.engine.stepper.status import Status
from minimodels.explore.background import LATER
from minimodels.explore.looks import symbol
from minimodels.explore.state import State
from minimodels.problem import problem
from minimodels.sweep import solve

COARSE = 1  # level after which other work comes first
LEVELS = (9, 17, 33, 65, 129)  # points of an axis, each with all points of the level before
FIRST = 27  # points that are run at a time before it is known how long they take
PART = 0.04  # seconds of a part, between which other work may come first
MAX_STEPS = 20_000  # of a point
LONGEST = 6.0  # seconds: a level that would take longer is left out, the first three excepted
REASONS = ("outside the domain", "none by the end", "failed", "no value")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Diagram:
    """A phase diagram as far as it is computed.

    ``values`` (y, x) with nan where there is none, and ``reason`` (y, x) why: the place in `REASONS`, -1 where there is
    a number. ``final`` tells whether it is as fine as it gets.
    """

    x: Floats
    y: Floats
    values: Floats
    reason: NDArray[np.int8]
    final: bool


def key(state: State) -> tuple[tuple[str, str], ...]:
    """Return what the diagram of a state depends on: equal keys, equal diagrams."""
    assert state.diagram is not None
    own = {state.key(name) for name, _ in state.diagram}
    views = {"time", "values", "show", "slice", "at", *own}
    return tuple(sorted((k, v) for k, v in state.settings().items() if k not in views))


def diagrams(state: State, interrupt: NDArray[np.uint8]) -> Iterator[Any]:
    """Compute the phase diagram of a state from coarse to fine; after every level the `Diagram`, between parts None.

    Parameters
    ----------
    interrupt : array of one byte
        Set to 1 from another thread, it makes a running kernel return at once.
    """
    assert state.diagram is not None
    (first, across), (second, up) = state.diagram
    options = state.options()
    options = options if state.discrete else replace(options, max_steps=MAX_STEPS)
    stated = problem(state.model, state.end, options, what="steps" if state.discrete else "t_end")
    finest = LEVELS[-1]
    xs, ys = across.points(finest), up.points(finest)
    values, reason = np.full((finest, finest), np.nan), np.full((finest, finest), -1, dtype=np.int8)
    done = np.zeros((finest, finest), dtype=bool)
    size, pace = FIRST, 0.0
    for number, level in enumerate(LEVELS):
        stride = (finest - 1) // (level - 1)
        wanted = np.zeros_like(done)
        wanted[::stride, ::stride] = True
        rows, columns = np.nonzero(wanted & ~done)
        if number > 2 and pace * len(rows) > LONGEST:
            return
        left = 0
        while left < len(rows):
            part = slice(left, left + size)
            i, j = rows[part], columns[part]
            began = perf_counter()
            found = solve(stated, {first: xs[j], second: ys[i]}, len(i), [state.target], "nan", interrupt)
            if interrupt[0]:
                return
            pace = (perf_counter() - began) / len(i)
            values[i, j] = found[state.target]
            reason[i, j] = reasons(found, state.target)
            done[i, j] = True
            left += size
            size = int(min(max(1, PART / max(pace, 1e-9)), 4 * size, 4096))
            yield None
        at = slice(None, None, stride)
        coming = LEVELS[number + 1] ** 2 - level**2 if level != finest else 0
        final = level == finest or (number >= 2 and pace * coming > LONGEST)
        yield Diagram(xs[at], ys[at], values[at, at].copy(), reason[at, at].copy(), final)
        if number == COARSE:
            yield LATER


def reasons(found: dict[str, NDArray[Any]], target: str) -> NDArray[np.int8]:
    """Return why a point has no number, the place in `REASONS`, and -1 where it has one."""
    status = found["status"]
    never = found.get(f"{target}_censored", np.zeros(len(status), dtype=bool))
    why = np.full(len(status), REASONS.index("no value"))
    for reason, holds in (
        ("failed", status >= Status.MAX_STEPS),
        ("none by the end", never),
        ("outside the domain", status == Status.OUT_OF_DOMAIN),
    ):
        why[holds] = REASONS.index(reason)
    return np.where(np.isfinite(found[target]), -1, why).astype(np.int8)


def described(state: State) -> str:
    """Return what a diagram shows, as a title."""
    shown = symbol(state.target)
    if state.target in state.problem.events:
        return shown
    return f"{shown} at {'step' if state.discrete else 'time'} {state.end:g}"
