"""A sweep into a store: its shards over threads or an executor, from what is there to the end."""

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError
from minimodels.notices import bar
from minimodels.part import solve_shard
from minimodels.pool import run_parts
from minimodels.problem import Problem
from minimodels.store import Store, is_store

if TYPE_CHECKING:
    import xarray as xr


def taken_up(target: Path, template: "xr.Dataset", dims: tuple[str, ...], *, overwrite: bool) -> Store:
    """Return the store that the same sweep left unfinished, or a new one.

    Raises
    ------
    InputError
        If something else is there, or what is there is finished and may not be replaced.
    """
    if not target.exists():
        return Store.make(target, template, dims)
    if not is_store(target):
        raise InputError(f"{str(target)!r} exists and is no sweep: it is left as it is; choose another `out`.")
    store = Store.read(target)
    same = store.attributes["settings"] == template.attrs["settings"] and store.dims == dims
    same = same and store.shape == tuple(template.sizes[dim] for dim in dims)
    same = same and all(np.array_equal(store.coordinate(str(k)), v.values) for k, v in template.coords.items())
    if same and store.missing():
        return store
    if not overwrite:
        what = "is finished" if same else "holds another sweep"
        raise InputError(f"{str(target)!r} {what} and is left as it is; choose another `out` or allow overwriting.")
    old = target.rename(target.with_name(f".{uuid4().hex}.tmp"))
    shutil.rmtree(old, ignore_errors=True)
    return Store.make(target, template, dims)


def fill(
    store: Store,
    stated: Problem,
    keep: Sequence[str],
    on_failure: str,
    rows: Mapping[str, NDArray[np.float64]],
    grid: Mapping[str, NDArray[np.float64]],
    *,
    threads: int | None,
    executor: Executor | None,
    progress: bool | None,
) -> NDArray[np.int64]:
    """Compute the shards that are not there; return how often each status came."""
    missing = store.missing()
    counts = np.zeros(16, dtype=np.int64)

    def points(number: int) -> int:
        return int(np.prod([s.stop - s.start for s in store.part(number)]))

    def task(part: slice) -> tuple[Any, ...]:
        boxes = dict(zip(store.dims, store.part(part.start), strict=True))
        columns = {name: values[boxes["point"]] for name, values in rows.items()}
        axes = {name: values[boxes[name]] for name, values in grid.items()}
        return stated, keep, on_failure, store, part.start, columns, axes

    total = int(np.prod(store.shape))
    there = total - sum(map(points, missing))
    with bar(total, "points", progress, done=there) as under_way:

        def finished(part: slice, result: tuple[NDArray[np.int64], dict[str, NDArray[Any]] | None] | None) -> None:
            if result is None:
                return
            here, left = result
            if left is not None:
                store.write(part.start, left)
            counts[:] += here
            under_way.update(points(part.start))

        parts = (slice(number, number + 1) for number in missing)
        run_parts(solve_shard, task, parts, threads=threads, executor=executor, on_done=finished)
    return counts
