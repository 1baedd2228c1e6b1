"""A part of a sweep, computed anywhere: in a thread, another process or on another machine."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.problem import Problem
from minimodels.store import Store

ROWS = 8192  # points of a shard that are integrated at a time


def solve(
    stated: Problem,
    given: Mapping[str, NDArray[np.float64]],
    count: int,
    keep: Sequence[str],
    on_failure: str,
    interrupt: NDArray[np.uint8] | None = None,
) -> dict[str, NDArray[Any]]:
    """Integrate some points of a problem, in any thread or process, and return the results by name."""
    y0, par, status = stated.points(given, count)
    batch = stated.run(y0, par, status, np.zeros(1, dtype=np.uint8) if interrupt is None else interrupt)
    return stated.named(batch, par, keep, on_failure=on_failure)


def solve_shard(
    stated: Problem,
    keep: Sequence[str],
    on_failure: str,
    store: Store,
    number: int,
    rows: Mapping[str, NDArray[np.float64]],
    grid: Mapping[str, NDArray[np.float64]],
    interrupt: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]] | None] | None:
    """Integrate a shard of a store, whose points are made as they are needed.

    It is written here if the folder of the store is there, else handed back. Returns how often each status came, and
    what is left to write; None if Ctrl-C came in between.
    """
    sizes = ([len(next(iter(rows.values())))] if rows else []) + [len(values) for values in grid.values()]
    count = math.prod(sizes)
    found: dict[str, NDArray[Any]] = {}
    for first in range(0, count, ROWS):
        part = slice(first, min(first + ROWS, count))
        at = np.unravel_index(np.arange(part.start, part.stop), sizes)
        given = {name: values[at[0]] for name, values in rows.items()}
        given |= {name: values[i] for (name, values), i in zip(grid.items(), at[bool(rows) :], strict=True)}
        for name, values in solve(stated, given, part.stop - first, keep, on_failure, interrupt).items():
            if name not in found:
                found[name] = np.empty((count, *values.shape[1:]), dtype=values.dtype)
            found[name][part] = values
        if interrupt is not None and interrupt[0]:
            return None
    counts = np.bincount(found["status"], minlength=16)
    if not store.here():
        return counts, found
    store.write(number, found)
    return counts, None
