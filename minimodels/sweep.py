"""Many trajectories over a grid of parameters, on threads, resumable."""

import hashlib
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minimodels.clamp import Windows
from minimodels.compiled import compiled
from minimodels.engine.stepper.status import REMEDIES, WHAT, Status
from minimodels.errors import (
    InputError,
    by_name,
    check_array,
    check_choice,
    check_flag,
    check_memory,
    check_names,
    check_steps,
    unknown,
)
from minimodels.fill import fill, taken_up
from minimodels.model import Event, Model, Statement, check_model
from minimodels.notices import bar
from minimodels.part import solve
from minimodels.pool import available_threads, check_workers, run_parts
from minimodels.problem import Options, Problem, problem
from minimodels.results import check_target, dataset, load
from minimodels.results import save as save_dataset
from minimodels.shards import Shards
from minimodels.store import open_sweep

if TYPE_CHECKING:
    import xarray as xr

CHUNK = 8192  # points that a thread or a shard takes at a time


def sweep(
    model: Model,
    axes: Mapping[str, ArrayLike] | None = None,
    *,
    points: Mapping[str, ArrayLike] | None = None,
    t_end: float | None = None,
    steps: int | None = None,
    lr: float = Options.lr,
    keep: str | Sequence[str] | None = None,
    init: Mapping[str, float] | None = None,
    rates: Mapping[str, Statement] | None = None,
    clamp: Mapping[str, Windows] | None = None,
    schedule: Mapping[str, Windows] | None = None,
    method: str = Options.method,
    rtol: float = Options.rtol,
    atol: float = Options.atol,
    step: float | None = None,
    max_step: float = Options.max_step,
    save: ArrayLike | None = None,
    events: Mapping[str, Event] | None = None,
    stop_at: str | None = None,
    max_steps: int = Options.max_steps,
    steady: float = Options.steady,
    on_failure: Literal["nan", "keep"] = "nan",
    threads: int | None = None,
    executor: Executor | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    extend: "str | Path | xr.Dataset | None" = None,
    progress: bool | None = None,
) -> "xr.Dataset":
    """Integrate the model at every point of the grid spanned by ``axes``, or iterate it as `descend` does.

    Parameters
    ----------
    axes : mapping of str to array of numbers
        Parameter -> values; also ``<state>_0`` (initial value), ``rate_<state>`` and, with ``steps``, ``lr``.
    points : mapping of str to array of numbers
        A table of points, a column for each name, all of one length: their values belong together, row by row. Every
        row is combined with all of ``axes``; the first dimension of the result is then ``point``.
    t_end : float
        End of the integration, for a flow.
    steps, lr : int, float
        In its place: iterate a map, or descend by ``lr``, this many steps. ``save`` is then in steps.
    keep : sequence of str
        States, ``loss``, observables (at the end of the run, or over time if ``save`` is given), events,
        ``stop_time``, ``steps``; unless given, the loss, if the model has one, and its events, or else the states.
    on_failure : {"nan", "keep"}
        Whether the numbers of a point that failed are nan or what it got to (``stop_time`` tells how far that is).
    threads : int
        Kernels release the interpreter lock; all available processors unless given. Results do not depend on it.
    executor : concurrent.futures.Executor
        Runs the parts instead of threads of our own: of threads, of processes, or of a cluster, as
        ``client.get_executor()`` of a ``distributed.Client`` (docs/cluster.md). Its workers compile once a machine and
        give the same results to the last bit; a part whose worker dies goes to another one.
    out : path
        Save the result there: a NetCDF file (.nc), finished shards of which are kept beside it meanwhile, or, for
        results beyond memory, a folder in the format Zarr (.zarr, extra ``[cluster]``), filled shard by shard, by
        workers of an executor where they see it. The same call resumes after an interruption, bitwise equal to an
        uninterrupted one.
    overwrite : bool
        Whether an existing ``out`` may be replaced.
    extend : path or xarray.Dataset
        An earlier result of the same model, options and names of axes: its points are taken from there, and only the
        others are computed, bitwise as if all were.
    progress : bool
        Show a progress bar; on terminals unless given.

    Returns
    -------
    xarray.Dataset
        Dimensions are the axes, then ``time`` or ``step`` if ``save`` is given. No point raises: see ``status``, and a
        warning says how many failed. After Ctrl-C the points that are missing have the status INTERRUPTED. Of a folder
        .zarr: what `open_sweep` returns. The other arguments are those of `simulate`.

    Raises
    ------
    InputError
        For a bad axis or option, an unwritable ``out``, or shards of another sweep beside it.

    Examples
    --------
    >>> import minimodels as mm
    >>> m = mm.model("nested_logit", attend="labels")
    >>> grid = mm.sweep(m, {"N": [2, 4], "L": [16, 32, 64]}, t_end=300.0)
    >>> grid.escape_time.dims, grid.escape_time.shape
    (('N', 'L'), (2, 3))
    """
    check_model(model)
    end = t_end if steps is None else steps
    if end is None or (t_end is not None and steps is not None):
        raise InputError("give either `t_end`, to integrate a flow, or `steps`, to iterate a map or to descend.")
    if steps is not None:
        steps = check_steps(steps)
        if method != Options.method or step is not None or schedule is not None or steady != 0:
            raise InputError("`method`, `step`, `schedule` and `steady` are for an integration, with `t_end`.")
        method, max_steps = "map", steps + 1
    elif lr != 1:
        raise InputError("`lr` is for a descent by `steps`; the time of a flow is learning rate x steps.")
    options = Options(
        init=init, rates=rates, clamp=clamp, schedule=schedule, method=method, rtol=rtol, atol=atol, step=step,
        max_step=max_step, save=save, events=events, stop_at=stop_at, max_steps=max_steps, steady=steady, lr=lr,
    )  # fmt: skip
    stated = problem(model, end, options, what="t_end" if steps is None else "steps")
    rows, grid = _table(points, stated), _grid(axes, stated)
    if not rows and not grid:
        raise InputError("a sweep needs at least one axis, e.g. {'N': [4, 8, 16]}, or `points`.")
    for name in rows:
        if name in grid:
            raise InputError(f"{name!r} is both an axis and a column of `points`; leave one out.")
    usual = [*(name for name in ("loss",) if name in stated.results), *stated.model.events] or list(stated.model.state)
    keep = list(
        dict.fromkeys([keep] if isinstance(keep, str) else usual if keep is None else check_names(keep, "`keep`"))
    )
    for name in keep:
        if name not in stated.results:
            raise unknown("result to keep", name, stated.results)
    check_choice(on_failure, "`on_failure` of a sweep", ("nan", "keep"))
    threads = check_workers(threads, executor)
    check_flag(overwrite, "`overwrite`")
    if progress is not None:
        check_flag(progress, "`progress`")
    target = None if out is None else check_target(out, overwrite=overwrite, folders=True)
    beyond = target is not None and target.suffix == ".zarr"
    if beyond and extend is not None:
        raise InputError("`extend` is for results in memory: a sweep in a folder .zarr goes on from what is there.")
    sizes = {"point": len(next(iter(rows.values())))} if rows else {}
    sizes |= {name: len(values) for name, values in grid.items()}
    shape, total = tuple(sizes.values()), math.prod(sizes.values())
    settings = _settings(stated, keep, on_failure, [*rows, *grid])
    dims, over = tuple(sizes), "time" if steps is None else "step"
    tail = {0: (), 1: (over,)}
    varied = {*rows, *grid}

    def described(results: Mapping[str, NDArray[Any]]) -> "xr.Dataset":
        return dataset(
            stated.model,
            dict(grid) | ({over: stated.save} if len(stated.save) else {}),
            {k: ((*dims, *tail[v.ndim - len(dims)]), v) for k, v in results.items()},
            **stated.settings(varied),
            **({"t_end": stated.end} if steps is None else {"steps": steps, "lr": stated.lr}),
            parameters=json.dumps({k: v for k, v in stated.stated_values().items() if k not in varied}),
            settings=settings,
        ).assign_coords({k: ("point", v) for k, v in rows.items()})

    if target is not None and beyond:
        first = solve(stated, {k: v[:1] for k, v in (*rows.items(), *grid.items())}, 1, keep, on_failure)
        template = described({k: np.broadcast_to(v[0], (*shape, *v.shape[1:])) for k, v in first.items()})
        store = taken_up(target, template, dims, overwrite=overwrite)
        warn_of_failures(
            fill(store, stated, keep, on_failure, rows, grid, threads=threads, executor=executor, progress=progress)
        )
        return open_sweep(target)
    check_memory(8 * total * (len(keep) * max(1, len(stated.save)) + 1), f"the result of {total:.3g} points")
    results: dict[str, NDArray[Any]] = {}
    todo = np.arange(total)
    if extend is not None:
        results, todo = known(earlier(extend, settings), rows, grid)
    where = hashlib.sha256(b"".join(v.tobytes() for v in (*rows.values(), *grid.values(), todo))).hexdigest()
    shards = None if target is None else Shards.open(target, json.dumps([settings, sizes, list(rows), where, CHUNK]))

    def task(part: slice) -> tuple[Any, ...]:
        index = dict(zip(sizes, np.unravel_index(todo[part], shape), strict=True))
        given = {name: values[index["point"]] for name, values in rows.items()}
        given |= {name: values[index[name]] for name, values in grid.items()}
        return stated, given, len(todo[part]), keep, on_failure

    def collect(part: slice, values: Mapping[str, NDArray[Any]]) -> None:
        for name, array in values.items():
            if name not in results:
                results[name] = _blank((total, *array.shape[1:]), name, array.dtype)
            results[name][todo[part]] = array

    def finished(part: slice, values: Mapping[str, NDArray[Any]]) -> None:
        collect(part, values)
        under_way.update(len(todo[part]))
        if shards is not None and not (values["status"] == Status.INTERRUPTED).any():
            shards.write(part, values)

    if shards is None:  # every so many points: parts take equally long, and end at the same time
        workers = threads or available_threads()
        count = min(len(todo), workers * -(-len(todo) // (workers * CHUNK)))
        parts = [slice(first, len(todo), count) for first in range(count)]
    else:
        parts = [slice(a, min(a + CHUNK, len(todo)), 1) for a in range(0, len(todo), CHUNK)]
        missing = []
        for part in parts:
            found = shards.read(part)
            if found is None:
                missing.append(part)
            else:
                collect(part, found)
        parts = missing
    stated.kernel()
    compiled(stated.model).observe()
    before = len(todo) - sum(len(todo[part]) for part in parts)
    with bar(len(todo), "points", progress, done=before) as under_way:
        complete = run_parts(solve, task, parts, threads=threads, executor=executor, on_done=finished)
    if not results:
        results = {"status": _blank((total,), "status", np.dtype(np.int8))}
    warn_of_failures(np.bincount(results["status"], minlength=16))
    ds = described({k: v.reshape(*shape, *v.shape[1:]) for k, v in results.items()})
    if target is not None and shards is not None and complete:
        save_dataset(ds, target, overwrite=True)  # it was not there, or may be replaced, when the sweep began
        shards.remove()
    return ds


def warn_of_failures(counts: NDArray[np.int64]) -> None:
    """Say once how many points failed, and what to do about the most frequent kind; counts by status."""
    kinds = (Status.MAX_STEPS, Status.STEP_TOO_SMALL, Status.NON_FINITE)
    failed = sum(int(counts[kind]) for kind in kinds)
    if failed:
        worst = max(kinds, key=lambda kind: int(counts[kind]))
        many = "a point" if failed == 1 else f"{failed} points"
        cause = f"most of them because the run {WHAT[worst]}: {REMEDIES[worst]}"
        warnings.warn(f"{many} of {counts.sum()} failed, {cause}.", RuntimeWarning, stacklevel=3)


def _axis(name: str, values: ArrayLike, stated: Problem, what: str) -> NDArray[np.float64]:
    if name not in stated.axes:
        raise unknown("sweep axis", name, stated.axes)
    array = check_array(values, f"{what} {name!r}", "[1, 2, 4]")
    if array.size == 0:
        raise InputError(f"{what} {name!r} is empty; give it at least one number.")
    return array


def _grid(axes: Any, stated: Problem) -> dict[str, NDArray[np.float64]]:
    found = by_name({} if axes is None else axes, "`axes`", "{'N': [4, 8, 16]}")
    return {name: _axis(name, values, stated, "the axis") for name, values in found.items()}


def _table(points: Any, stated: Problem) -> dict[str, NDArray[np.float64]]:
    columns = dict(points.items()) if hasattr(points, "columns") else {} if points is None else points  # of pandas
    found = by_name(columns, "`points`", "{'N': [4, 8], 'L': [16, 32]}")
    rows = {name: _axis(name, values, stated, "the column") for name, values in found.items()}
    lengths = {name: len(values) for name, values in rows.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"the columns of `points` must be equally long; got {lengths}.")
    return rows


def earlier(result: Any, settings: str) -> "xr.Dataset":
    """Return an earlier result, if its settings are those of this sweep."""
    import xarray as xr

    found = result if isinstance(result, xr.Dataset) else load(result)
    if found.attrs.get("settings") != settings:
        raise InputError("`extend` is not a sweep of the same model, options, results to keep and names of axes.")
    return found


def known(
    result: "xr.Dataset", rows: Mapping[str, NDArray[np.float64]], grid: Mapping[str, NDArray[np.float64]]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Return what an earlier result holds of a grid, blank elsewhere, and the numbers of the points it lacks."""
    if set(rows) != {k for k, v in result.coords.items() if v.dims == ("point",) and k != "point"}:
        raise InputError("`extend` has other columns of `points`.")
    places = {}
    if rows:
        there = {key: i for i, key in enumerate(zip(*(result[k].values.tolist() for k in rows), strict=True))}
        keys = zip(*(v.tolist() for v in rows.values()), strict=True)
        places["point"] = np.array([there.get(key, -1) for key in keys])
    for name, values in grid.items():
        there = {key: i for i, key in enumerate(result[name].values.tolist())}
        places[name] = np.array([there.get(key, -1) for key in values.tolist()])
    at = np.ix_(*places.values())
    found = np.logical_and.reduce(np.broadcast_arrays(*(i >= 0 for i in at))).ravel()
    taken = {}
    for variable, array in result.data_vars.items():
        part = array.transpose(*places, ...).values[at]
        taken[str(variable)] = part.reshape(found.size, *part.shape[len(places) :])
    found &= taken["status"] != Status.INTERRUPTED
    blank = {name: _blank(v.shape, name, v.dtype) for name, v in taken.items()}
    for name, part in taken.items():
        blank[name][found] = part[found]
    return blank, np.flatnonzero(~found)


def _blank(shape: tuple[int, ...], name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    if name == "status":
        return np.full(shape, Status.INTERRUPTED, dtype=dtype)
    return np.full(shape, np.nan if dtype.kind == "f" else 0, dtype=dtype)


def _settings(stated: Problem, keep: Sequence[str], on_failure: str, varied: Sequence[str]) -> str:
    """Return a hash that is equal for two sweeps exactly if a point has the same results in both."""
    text = json.dumps(
        {
            "kernels": [stated.kernel().fingerprint, compiled(stated.model).observe().fingerprint],
            "names": [list(stated.model.state), list(stated.model.observables)],  # kernels know numbers only
            "method": stated.method.name,
            "events": [[k, str(e.level), e.direction] for k, e in stated.events.items()],
            "given": {k: v for k, v in stated.model.given.items() if k not in varied},
            "defaults": {k: str(v) for k, v in stated.model.defaults.items()},
            "rates": {k: str(v) for k, v in stated.model.rates.items()},
            "end": stated.end,
            "init": {k: v for k, v in stated.init.items() if f"{k}_0" not in varied},
            "lr": stated.lr,
            "varied": sorted(varied),
            "clamp": repr(stated.clamp),
            "schedule": repr(stated.schedule),
            "domain": [[k, p.low, p.high] for k, p in stated.model.parameters.items()],
            "constraints": [str(c.expr) for c in stated.model.constraints],
            "control": repr(stated.control),
            "save": hashlib.sha256(stated.save.tobytes()).hexdigest(),
            "stop_at": stated.stop_at,
            "keep": [list(keep), on_failure],
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()
