"""Histograms, quantiles and maps of a sweep beyond memory, shard by shard: every point is counted, none dropped.

A point has a number, or is *censored* (its event did not come by the end), *failed*, *outside* of the model's domain,
*missing* (not computed yet) or *undefined* (nan otherwise, as an event after which the run was stopped early).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minimodels.errors import (
    InputError,
    by_name,
    check_array,
    check_flag,
    check_number,
    check_numbers,
    check_whole,
    shown,
    unknown,
)
from minimodels.store import Store
from minimodels.tally import DIGITS, EXTREMES, WITHOUT, cells_of, counts_in, digits, extent, over, valued

if TYPE_CHECKING:
    import xarray as xr


def histogram(
    sweep: str | Path,
    name: str,
    *,
    bins: int | ArrayLike = 100,
    log: bool = False,
    time: float | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> "xr.Dataset":
    """Count the numbers of a result in bins, over all points of a sweep in a folder .zarr.

    Parameters
    ----------
    sweep : path
        What was ``out`` of `sweep`.
    name : str
        A result that it kept.
    bins : int or array of float
        Number of bins of equal width from the smallest to the largest number, or their edges, increasing.
    log : bool
        Of equal ratio instead of equal width.
    time : float
        Which of the saved times, of a result that has some.
    threads, executor
        As of `sweep`.

    Returns
    -------
    xarray.Dataset
        ``count`` (bin) between ``low`` and ``high`` (the last one included), and how many points are ``below``,
        ``above``, ``censored``, ``failed``, ``outside``, ``missing`` and ``undefined``: together all points.

    Raises
    ------
    InputError
        For an unknown result, or bins that cannot be.

    Examples
    --------
    >>> import minimodels as mm, tempfile
    >>> out = tempfile.mkdtemp() + "/grid.zarr"
    >>> m = mm.model("nested_logit", attend="labels")
    >>> grid = mm.sweep(m, {"N": [2, 4, 8], "L": [2, 16, 32]}, t_end=60.0, out=out)
    >>> found = mm.histogram(out, "escape_time", bins=[0, 30, 60])
    >>> found["count"].values.tolist(), int(found.censored), int(found.outside)
    ([5, 2], 0, 2)
    """
    import xarray as xr

    store, at = asked(sweep, name, time)
    check_flag(log, "`log`")
    run: dict[str, Any] = {"threads": threads, "executor": executor}
    if isinstance(bins, int | np.integer):
        count = check_whole(bins, "`bins`", high=10**7)
        low, high, _ = extremes(sweep, name, time=time, **run)
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InputError(f"{name!r} has no finite range: give the edges of `bins`.")
        if log and low <= 0:
            raise InputError(f"{name!r} goes down to {low:g}, which has no logarithm: give the edges of `bins`.")
        high = high if high > low else np.nextafter(low, np.inf)
        edges = np.geomspace(low, high, count + 1) if log else np.linspace(low, high, count + 1)
        edges[[0, -1]] = low, high
    else:
        edges = check_array(bins, "`bins`", "[0, 10, 100]")
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise InputError(f"the edges of `bins` must be two or more, and increase; got {shown(edges.tolist())}.")
    found = over(store, counts_in, name, at, edges, **run)
    scalars = {k: ((), found[k]) for k in ("below", "above")} | without(found["kinds"])
    ds = xr.Dataset({"count": ("bin", found["count"]), **scalars})
    return ds.assign_coords(low=("bin", edges[:-1]), high=("bin", edges[1:])).assign_attrs(about(store, name, time))


def quantiles(
    sweep: str | Path,
    name: str,
    q: ArrayLike = (0.1, 0.25, 0.5, 0.75, 0.9),
    *,
    time: float | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> "xr.Dataset":
    """Find quantiles of a result, exactly, over all points of a sweep in a folder .zarr.

    The q-quantile of n numbers is the ceil(q n)-th smallest (NumPy's ``inverted_cdf``). Points that are censored are
    larger than every number: a quantile among them is nan and ``censored``. It takes four passes, each of which decides
    16 of the 64 bits of every quantile by counting.

    Parameters
    ----------
    sweep, name, time, threads, executor
        As of `histogram`.
    q : array of float
        Shares, from 0 to 1.

    Returns
    -------
    xarray.Dataset
        ``value`` (q) and ``value_censored`` (q); how many points have a number (``count``) or are ``censored``, which
        both count, and ``failed``, ``outside``, ``missing`` and ``undefined``, which do not.

    Raises
    ------
    InputError
        For an unknown result or shares beyond 0 and 1.
    """
    import xarray as xr

    store, at = asked(sweep, name, time)
    shares = check_numbers(q, "`q`", 0.0, 1.0)
    prefixes, ranks = [0] * len(shares), np.zeros(len(shares), dtype=np.int64)
    beyond = np.zeros(len(shares), dtype=bool)
    for done in range(0, 64, DIGITS):
        distinct = tuple(sorted(set(prefixes)))
        found = over(store, digits, name, at, distinct, done, threads=threads, executor=executor)
        if done == 0:
            numbers, censored = int(found["kinds"][0]), int(found["kinds"][1])
            ranks = np.maximum(1, np.ceil(shares * (numbers + censored)).astype(np.int64))
            beyond = ranks > numbers
        for i in np.flatnonzero(~beyond):
            upto = found["count"][distinct.index(prefixes[i])].cumsum()
            digit = int(np.searchsorted(upto, ranks[i]))
            ranks[i] -= upto[digit - 1] if digit else 0
            prefixes[i] = (prefixes[i] << DIGITS) + digit
    values = [np.nan if b else valued(p) for p, b in zip(prefixes, beyond, strict=True)]
    late = beyond & bool(found["kinds"][1])
    ds = xr.Dataset(
        {"value": ("q", values), "value_censored": ("q", late), "count": ((), found["kinds"][0])}
        | without(found["kinds"])
    )
    return ds.assign_coords(q=shares).assign_attrs(about(store, name, time))


def coarse(
    sweep: str | Path,
    name: str,
    cells: Mapping[str, int],
    *,
    time: float | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> "xr.Dataset":
    """Draw a sweep in a folder .zarr together to a coarser map: means and shares in cells of its grid.

    Parameters
    ----------
    sweep, name, time, threads, executor
        As of `histogram`.
    cells : mapping of str to int
        Axis -> number of cells, of as many values each, as far as they go; over all other axes it is taken together.

    Returns
    -------
    xarray.Dataset
        Over the middles of the cells: the mean of ``name`` over the points that have a number, their ``count``, and the
        shares of all points that are ``censored``, ``failed``, ``outside``, ``missing`` and ``undefined``. The mean of
        an event's time leaves out where it did not come: look at ``censored`` beside it.

    Raises
    ------
    InputError
        For an unknown result or axis.
    """
    import xarray as xr

    store, at = asked(sweep, name, time)
    cells = by_name(cells, "`cells`", "{'N': 100}")
    for dim, count in cells.items():
        if dim not in store.dims:
            raise unknown("axis in cells", dim, store.dims)
        check_whole(count, f"cells[{dim!r}]", high=store.shape[store.dims.index(dim)])
    dims = [dim for dim in store.dims if dim in cells]
    shape = tuple(int(cells[dim]) for dim in dims)
    places = tuple(
        np.arange(n) * int(cells[dim]) // n if dim in cells else None
        for dim, n in zip(store.dims, store.shape, strict=True)
    )
    if np.prod(shape, dtype=float) > 10**7:
        raise InputError(f"a map of {shape} cells is not coarse: ask for 10 million cells at most.")
    found = over(store, cells_of, name, at, places, shape, threads=threads, executor=executor)
    count = found["kinds"][0].reshape(shape)
    with np.errstate(invalid="ignore"):
        mean = found["sum"].reshape(shape) / count
        shares = found["kinds"].reshape(6, *shape) / found["kinds"].sum(axis=0).reshape(shape)
    data = {name: (dims, mean), "count": (dims, count)}
    data |= {what: (dims, shares[k]) for k, what in enumerate(WITHOUT, start=1)}
    middles = {}
    for dim, place in zip(store.dims, places, strict=True):
        if place is not None:
            at_each = np.arange(len(place), dtype=np.float64) if dim == "point" else store.coordinate(dim)
            middles[dim] = np.bincount(place, weights=at_each) / np.bincount(place)
    return xr.Dataset(data, coords=middles).assign_attrs(about(store, name, time))


def extremes(
    sweep: str | Path,
    name: str,
    *,
    time: float | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> tuple[float, float, dict[str, int]]:
    """Return the smallest and the largest number of a result, and how many points have one or why they have none."""
    store, at = asked(sweep, name, time)
    found = over(store, extent, name, at, merge=EXTREMES, threads=threads, executor=executor)
    counts = {what: int(count) for what, count in zip(("number", *WITHOUT), found["kinds"], strict=True)}
    return float(found["low"]), float(found["high"]), counts


def asked(sweep: Any, name: str, time: float | None) -> tuple[Store, int | None]:
    """Return the store, and the number of the saved time that is meant."""
    store = Store.read(sweep)
    names = [k for k in store.variables if k != "status" and not k.endswith("_censored")]
    if not isinstance(name, str) or name not in names:
        raise unknown("result", name, names)
    if not store.variables[name][1]:
        if time is not None:
            raise InputError(f"{name!r} has no saved times: leave `time` out.")
        return store, None
    axis = "time" if (store.folder / "time").is_dir() else "step"
    saved = store.coordinate(axis)
    if time is None or check_number(time, "`time`") not in saved:
        raise InputError(f"{name!r} is saved at several times: give one of them as `time`; got {shown(time)}.")
    return store, int(np.flatnonzero(saved == time)[0])


def without(counted: Sequence[int] | NDArray[np.int64]) -> dict[str, Any]:
    """Name the points without a number."""
    return {what: ((), int(counted[k])) for k, what in enumerate(WITHOUT, start=1)}


def about(store: Store, name: str, time: float | None) -> dict[str, Any]:
    """Return what a reduction says of itself."""
    kept = {k: v for k, v in store.attributes.items() if k not in ("store", "coordinates")}
    return kept | {"result": name} | ({} if time is None else {"time": float(time)})
