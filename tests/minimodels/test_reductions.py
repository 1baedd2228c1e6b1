"""Reductions shard by shard against the same numbers in memory; every point is in one place."""

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("zarr")
pytest.importorskip("dask")

import minimodels as mm
from minimodels import store as module
from minimodels.store import Store
from minimodels.tally import WITHOUT, ordered, through, valued
from tests.minimodels.systems import oscillator


def growth() -> mm.Flow:
    """Fails for large b, meets its event or not by the end, and has no a below -3."""
    return mm.Flow(
        name="growth", state={"x": 1.0}, parameters={"a": mm.Parameter(-1.0, low=-3), "b": 0.0},
        drift={"x": "a*x + b*x**2"}, events={"half": mm.Event("x", 0.5, -1), "low": mm.Event("x", 0.1, -1)},
    )  # fmt: skip


AXES = {"a": np.linspace(-3.5, -0.2, 31), "b": np.linspace(-1.0, 3.0, 23), "x_0": np.array([0.4, 0.8, 1.2])}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, xr.Dataset]:
    """Return a sweep in shards of at most 60 points, one of which is not there, and the same in memory."""
    out = tmp_path_factory.mktemp("reductions") / "grid.zarr"
    options: dict[str, Any] = {"t_end": 2.0, "keep": ["x", "half", "low", "steps"], "stop_at": "low", "progress": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SMALLEST", 60)
        with pytest.warns(RuntimeWarning, match="failed"):
            mm.sweep(growth(), AXES, out=out, **options)
    store = Store.read(out)
    assert len(store) > 20
    for name in store.variables:
        store.path(7, name).unlink()
    return out, mm.open_sweep(out).load()


def classes(grid: xr.Dataset, name: str) -> dict[str, np.ndarray]:
    status, values = grid.status.values, grid[name].values
    found = {
        "missing": status == mm.Status.INTERRUPTED,
        "outside": status == mm.Status.OUT_OF_DOMAIN,
        "failed": np.isin(status, (mm.Status.MAX_STEPS, mm.Status.STEP_TOO_SMALL, mm.Status.NON_FINITE)),
        "censored": grid[f"{name}_censored"].values if f"{name}_censored" in grid else np.zeros(status.shape, bool),
    }
    found["undefined"] = np.isnan(values) & ~np.logical_or.reduce(list(found.values()))
    found["number"] = ~np.logical_or.reduce(list(found.values()))
    return found


def test_the_grid_has_points_of_every_kind(both: tuple[Path, xr.Dataset]) -> None:
    found = classes(both[1], "half")
    assert all(found[what].sum() > 10 for what in ("missing", "outside", "failed", "censored", "number"))
    assert classes(both[1], "low")["number"].sum() > 100


@pytest.mark.parametrize("name", ["half", "x", "steps"])
@pytest.mark.parametrize("bins", [7, [0.1, 0.2, 0.25, 1.0]])
def test_a_histogram_counts_every_point_once(both: tuple[Path, xr.Dataset], name: str, bins: Any) -> None:
    out, grid = both
    found, kinds = mm.histogram(out, name, bins=bins, threads=1), classes(grid, name)
    numbers = grid[name].values[kinds["number"]]
    edges = [*found.low.values, found.high.values[-1]]
    np.testing.assert_array_equal(found["count"], np.histogram(numbers, edges)[0])
    assert int(found.below) == (numbers < edges[0]).sum()
    assert int(found.above) == (numbers > edges[-1]).sum()
    if isinstance(bins, int):
        assert (edges[0], edges[-1], len(edges)) == (numbers.min(), numbers.max(), 8)
    for what in WITHOUT:
        assert int(found[what]) == kinds[what].sum(), what
    assert int(found["count"].sum() + found.below + found.above) + sum(int(found[w]) for w in WITHOUT) == 31 * 23 * 3


@pytest.mark.parametrize("name", ["half", "x", "steps"])
def test_quantiles_are_exact(both: tuple[Path, xr.Dataset], name: str) -> None:
    out, grid = both
    kinds = classes(grid, name)
    numbers = grid[name].values[kinds["number"]].astype(float)
    late = int(kinds["censored"].sum())
    with_late = np.append(numbers, np.full(late, np.inf))
    q = [0.0, 0.01, 0.25, 0.5, 0.5, 0.9, 1.0]
    found = mm.quantiles(out, name, q, threads=2)
    expected = np.quantile(with_late, q, method="inverted_cdf")
    assert found.value_censored.values.tolist() == np.isinf(expected).tolist()
    np.testing.assert_array_equal(found.value, np.where(np.isinf(expected), np.nan, expected))
    assert bool(found.value_censored[-1]) == (late > 0)
    assert int(found["count"]) == len(numbers)


def test_the_order_of_numbers_is_that_of_their_keys() -> None:
    bits = np.random.default_rng(0).integers(0, 2**64, 5000, dtype=np.uint64)
    random = bits.view(np.float64)
    array = np.concatenate([random[~np.isnan(random)], [-np.inf, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, np.inf]])
    keys = ordered(array)
    np.testing.assert_array_equal(array[np.argsort(keys, kind="stable")], np.sort(array))
    assert [valued(int(key)) for key in keys] == array.tolist()
    assert keys[-5] == keys[-4]  # -0 and 0


def test_a_coarse_map_is_the_mean_of_its_cells(both: tuple[Path, xr.Dataset]) -> None:
    out, grid = both
    found, kinds = mm.coarse(out, "half", {"b": 5, "a": 31}, threads=1), classes(grid, "half")
    assert found.half.dims == ("a", "b")
    cell = np.arange(23) * 5 // 23
    for i in (0, 6, 13, 30):
        for j in range(5):
            here = {what: kind[i, cell == j].ravel() for what, kind in kinds.items()}
            values = grid.half.values[i, cell == j].ravel()[here["number"]]
            assert int(found["count"][i, j]) == len(values)
            if len(values):
                assert float(found.half[i, j]) == pytest.approx(values.mean(), rel=1e-14)
            else:
                assert np.isnan(found.half[i, j])
            for what in WITHOUT:
                assert float(found[what][i, j]) == here[what].mean()
    np.testing.assert_allclose(found.a, AXES["a"])
    assert float(found.b[0]) == AXES["b"][cell == 0].mean()
    alone = mm.coarse(out, "x", {})
    assert float(alone.x) == pytest.approx(grid.x.values[classes(grid, "x")["number"]].mean())


def test_threads_and_executors_do_not_matter(both: tuple[Path, xr.Dataset]) -> None:
    one = mm.coarse(both[0], "x", {"a": 4}, threads=1)
    with ThreadPoolExecutor(3) as pool:
        assert one.identical(mm.coarse(both[0], "x", {"a": 4}, executor=pool))
    assert one.identical(mm.coarse(both[0], "x", {"a": 4}, threads=2))


def test_one_of_the_saved_times(tmp_path: Path) -> None:
    out = tmp_path / "grid.zarr"
    grid = mm.sweep(oscillator(), {"x_0": np.linspace(-1, 1, 50)}, t_end=4.0, save=[1.0, 4.0], keep=["x"], out=out)
    found = mm.quantiles(out, "x", [0.5], time=4.0)
    assert float(found.value[0]) == np.quantile(grid.x[:, 1], 0.5, method="inverted_cdf")
    assert found.attrs["time"] == 4.0
    for time in (None, 2.0):
        with pytest.raises(mm.InputError, match="is saved at several times: give one of them"):
            mm.quantiles(out, "x", time=time)


def test_what_came_after_the_stop_is_undefined(tmp_path: Path) -> None:
    out = tmp_path / "grid.zarr"
    mm.sweep(growth(), {"a": [-2.0, -1.0, -0.1]}, t_end=2.0, stop_at="half", keep=["low", "half"], out=out)
    found = mm.histogram(out, "low", bins=[0, 2])
    assert (int(found.undefined), int(found.censored), int(found["count"].sum())) == (2, 1, 0)
    late = mm.quantiles(out, "half", [0.5, 1.0])
    assert late.value[0] == pytest.approx(np.log(2))
    assert late.value_censored.values.tolist() == [False, True]


BAD: list[tuple[Any, str, dict[str, Any], str]] = [
    (mm.histogram, "halve", {}, "unknown result 'halve'; did you mean 'half'"),
    (mm.histogram, "status", {}, "unknown result 'status'"),
    (mm.histogram, "x", {"bins": 0}, "at least 1"),
    (mm.histogram, "x", {"bins": [1.0]}, "two or more, and increase"),
    (mm.histogram, "x", {"bins": [1.0, 1.0]}, "two or more, and increase"),
    (mm.histogram, "x", {"time": 1.0}, "has no saved times"),
    (mm.histogram, "x", {"threads": 0}, "at least 1"),
    (mm.histogram, "x", {"executor": 3}, "`executor` is one of concurrent.futures"),
    (mm.quantiles, "x", {"q": [1.5]}, "between 0 and 1"),
    (mm.coarse, "x", {"cells": {"c": 3}}, "unknown axis 'c' in cells"),
    (mm.coarse, "x", {"cells": {"a": 32}}, "at most 31"),
]


@pytest.mark.parametrize(("function", "name", "options", "sentence"), BAD)
def test_what_cannot_be_is_said(
    both: tuple[Path, xr.Dataset], function: Any, name: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(mm.InputError) as caught:
        function(both[0], name, **options)
    assert sentence in str(caught.value)


def test_a_worker_that_sees_no_folder_or_dies_is_no_answer(both: tuple[Path, xr.Dataset]) -> None:
    away = replace(Store.read(both[0]), token="another")
    with pytest.raises(mm.InputError, match="a worker does not see"):
        through(lambda *_: {}, {}, away, range(2), ())

    class Dying(Executor):
        def submit(self, *_: Any, **__: Any) -> "Future[Any]":
            future: Future[Any] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(mm.RunFailed, match="the executor was lost"):
        mm.quantiles(both[0], "x", executor=Dying())
