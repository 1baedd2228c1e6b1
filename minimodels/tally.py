"""What is counted in the shards of a sweep beyond memory, and how the counts of many are put together."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.engine.stepper.status import Status
from minimodels.errors import InputError
from minimodels.pool import check_workers, run_parts
from minimodels.store import Store

Found = dict[str, NDArray[Any]]
WITHOUT = ("censored", "failed", "outside", "missing", "undefined")  # why a point has no number
GROUP = 16  # shards that a task goes through
DIGITS = 16  # bits of a number that `digits` counts
SUMS: Mapping[str, Callable[..., Any]] = {}  # counts are added


def kinds(store: Store, number: int, name: str, at: int | None) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return the numbers of a shard, and of each point 0 or which one of `WITHOUT` (from 1) it is, both in its box."""
    values = store.values(number, name)
    values = (values if at is None else values[..., at]).astype(np.float64)
    status = store.values(number, "status")
    kind = np.where(np.isnan(values), np.int8(5), np.int8(0))
    if f"{name}_censored" in store.variables:
        kind[store.values(number, f"{name}_censored")] = 1
    kind[(status >= Status.MAX_STEPS) & (status < Status.INTERRUPTED)] = 2
    kind[status == Status.OUT_OF_DOMAIN] = 3
    kind[status == Status.INTERRUPTED] = 4
    return values, kind


def over(
    store: Store,
    function: Callable[..., Found],
    *given: Any,
    merge: Mapping[str, Callable[..., Any]] = SUMS,
    threads: int | None,
    executor: Executor | None,
) -> Found:
    """Merge what a function finds in all groups of shards, in their order: no bit depends on who was first."""
    threads = check_workers(threads, executor)
    waiting: dict[int, Found] = {}
    total: Found = {}
    last = 0

    def collect(part: slice, found: Found) -> None:
        nonlocal last, total
        waiting[part.start] = found
        while last in waiting:
            total = merged(total, waiting.pop(last), merge)
            last += GROUP

    parts = (slice(first, min(first + GROUP, len(store))) for first in range(0, len(store), GROUP))
    run_parts(
        through, lambda part: (function, merge, store, range(part.start, part.stop), given), parts,
        threads=threads, executor=executor, on_done=collect, whole=True,
    )  # fmt: skip
    return total


def through(
    function: Callable[..., Found],
    merge: Mapping[str, Callable[..., Any]],
    store: Store,
    numbers: range,
    given: tuple[Any, ...],
    interrupt: NDArray[np.uint8] | None = None,
) -> Found:
    """Merge what a function finds in some shards; after Ctrl-C the rest is left out."""
    if not store.here():
        raise InputError(f"a worker does not see {str(store.folder)!r}: they must share it.")
    total: Found = {}
    for number in numbers:
        if interrupt is None or not interrupt[0]:
            total = merged(total, function(store, number, *given), merge)
    return total


def merged(one: Found, other: Found, merge: Mapping[str, Callable[..., Any]]) -> Found:
    """Merge two findings, name by name: sums, unless something else is asked for."""
    if not one or not other:
        return one or other
    return {name: merge.get(name, np.add)(one[name], other[name]) for name in one}


def extent(store: Store, number: int, name: str, at: int | None) -> Found:
    """Find the smallest and the largest number of a shard, and how many points are of each kind."""
    values, kind = kinds(store, number, name, at)
    numbers = values[kind == 0]
    return {
        "low": np.asarray(numbers.min(initial=np.inf)),
        "high": np.asarray(numbers.max(initial=-np.inf)),
        "kinds": np.bincount(kind.ravel(), minlength=6),
    }


EXTREMES: Mapping[str, Callable[..., Any]] = {"low": np.minimum, "high": np.maximum}


def counts_in(store: Store, number: int, name: str, at: int | None, edges: NDArray[np.float64]) -> Found:
    """Count the numbers of a shard between edges, below them and above."""
    values, kind = kinds(store, number, name, at)
    numbers = values[kind == 0]
    return {
        "count": np.histogram(numbers, edges)[0],
        "below": np.asarray((numbers < edges[0]).sum()),
        "above": np.asarray((numbers > edges[-1]).sum()),
        "kinds": np.bincount(kind.ravel(), minlength=6),
    }


def ordered(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return whole numbers in the order of the given ones, one for each double."""
    bits = (values + 0.0).view(np.uint64)  # -0 is 0
    negative = (bits >> np.uint64(63)).astype(bool)
    return np.where(negative, ~bits, bits | np.uint64(1 << 63))


def valued(key: int) -> float:
    """Return the number that `ordered` made a whole number of."""
    bits = key ^ (1 << 63) if key >> 63 else ~key & (2**64 - 1)
    return float(np.array([bits], dtype=np.uint64).view(np.float64)[0])


def digits(store: Store, number: int, name: str, at: int | None, prefixes: tuple[int, ...], done: int) -> Found:
    """Count the next digits of the numbers of a shard that begin with one of the prefixes, of ``done`` bits."""
    values, kind = kinds(store, number, name, at)
    keys = ordered(values[kind == 0])
    ahead = keys >> np.uint64(64 - done) if done else np.zeros(len(keys), dtype=np.uint64)
    here = (keys >> np.uint64(64 - done - DIGITS)) & np.uint64(2**DIGITS - 1)
    rows = [np.bincount(here[ahead == np.uint64(p)].astype(np.int64), minlength=2**DIGITS) for p in prefixes]
    return {"count": np.array(rows), "kinds": np.bincount(kind.ravel(), minlength=6)}


def cells_of(store: Store, number: int, name: str, at: int | None, places: tuple[NDArray[np.int64] | None, ...],
             shape: tuple[int, ...]) -> Found:  # fmt: skip
    """Sum the numbers of a shard in the cells of a coarser grid; ``places``: of every index of an axis its cell."""
    values, kind = kinds(store, number, name, at)
    cell = np.zeros(values.shape, dtype=np.int64)
    steps = iter(np.cumprod([1, *shape[::-1]])[:-1][::-1])
    for axis, (place, part) in enumerate(zip(places, store.part(number), strict=True)):
        if place is not None:
            along = [1] * values.ndim
            along[axis] = -1
            cell += int(next(steps)) * place[part].reshape(along)
    size = int(np.prod(shape))
    flat, what = cell.ravel(), kind.ravel()
    counted = [np.bincount(flat[what == k], minlength=size) for k in range(6)]
    numbers = values.ravel()[what == 0]
    return {"sum": np.bincount(flat[what == 0], weights=numbers, minlength=size), "kinds": np.array(counted)}
