"""Sweeps over tables of points, over maps and learning rates, and those that extend an earlier one."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import minimodels as mm
from minimodels.problem import Problem
from tests.minimodels.systems import double_well, logistic

WELL = double_well()
BOWL = mm.GradientFlow(name="bowl", state={"x": 1.0}, parameters={"k": 1.0}, loss="k*x**2/2")


@pytest.fixture
def integrated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points each call of the engine integrates."""
    counts: list[int] = []
    original = Problem.run

    def run(self: Problem, y0: Any, *arguments: Any) -> Any:
        counts.append(len(y0))
        return original(self, y0, *arguments)

    monkeypatch.setattr(Problem, "run", run)
    return counts


def test_the_columns_of_a_table_belong_together() -> None:
    table = {"a": [1.0, 2.0, 0.5], "x_0": [0.3, -0.2, 0.1]}
    found = mm.sweep(WELL, points=table, t_end=5.0, keep=["x", "loss"])
    assert found.x.dims == ("point",)
    for i in range(3):
        run = mm.simulate(WELL.with_values(a=table["a"][i]), t_end=5.0, init={"x": table["x_0"][i]})
        assert found.x[i] == run.x[-1]
        assert found.a[i] == table["a"][i]
    assert mm.sweep(WELL, points=pd.DataFrame(table), t_end=5.0, keep=["x", "loss"]).equals(found)


def test_every_row_meets_every_value_of_an_axis(tmp_path: Path) -> None:
    table = {"a": [1.0, 2.0], "rate_x": [0.5, 3.0]}
    found = mm.sweep(WELL, {"x_0": [0.1, 0.2, 0.3]}, points=table, t_end=2.0, keep="x", save=[1.0, 2.0],
                     out=tmp_path / "grid.nc")  # fmt: skip
    assert found.x.dims == ("point", "x_0", "time")
    run = mm.simulate(WELL.with_values(a=2.0), t_end=2.0, init={"x": 0.2}, rates={"x": 3.0}, save=[1.0, 2.0])
    np.testing.assert_array_equal(found.x[1, 1], run.x)
    assert mm.load(tmp_path / "grid.nc").equals(found)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"points": {"a": [1, 2], "x_0": [1]}, "t_end": 1.0}, "must be equally long; got {'a': 2, 'x_0': 1}"),
    ({"points": {"a": [1]}, "axes": {"a": [1]}, "t_end": 1.0}, "'a' is both an axis and a column of `points`"),
    ({"points": {"b": [1]}, "t_end": 1.0}, "unknown sweep axis 'b'"),
    ({"points": {"a": []}, "t_end": 1.0}, "the column 'a' is empty"),
    ({"points": [1, 2], "t_end": 1.0}, "`points` is a dictionary with names as keys"),
    ({"t_end": 1.0}, "needs at least one axis"),
    ({"axes": {"a": [1]}}, "give either `t_end`, to integrate a flow, or `steps`"),
    ({"axes": {"a": [1]}, "t_end": 1.0, "steps": 3}, "give either `t_end`, to integrate a flow, or `steps`"),
    ({"axes": {"a": [1]}, "t_end": 1.0, "lr": 0.1}, "`lr` is for a descent by `steps`"),
    ({"axes": {"lr": [1]}, "t_end": 1.0}, "unknown sweep axis 'lr'"),
    ({"axes": {"a": [1]}, "steps": 3, "method": "rodas4"}, "are for an integration"),
    ({"axes": {"a": [1]}, "steps": 2.5}, "`steps` must be a whole number"),
    ({"axes": {"a": [1]}, "steps": 3, "save": [0.5]}, "whole numbers of steps"),
    ({"axes": {"a": [1]}, "t_end": 1.0, "extend": "none.nc"}, "there is no file 'none.nc'"),
    ({"axes": {"a": [1]}, "t_end": 1.0, "extend": 3}, "must be the path of a file"),
]


@pytest.mark.parametrize(("options", "sentence"), BAD, ids=lambda v: v if isinstance(v, str) else "")
def test_what_cannot_be_is_said(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mm.InputError) as caught:
        mm.sweep(WELL, **options)
    assert sentence in str(caught.value)


def test_the_bifurcations_of_the_logistic_map() -> None:
    r = np.array([2.8, 3.2, 3.5, 3.9])
    last = np.arange(4001, 4009)
    found = mm.sweep(logistic(), {"r": r}, steps=4008, keep="x", save=last)
    assert found.x.dims == ("r", "step")
    np.testing.assert_allclose(found.x[0], 1 - 1 / 2.8, rtol=1e-12)
    pair = (4.2 + np.array([1, -1]) * np.sqrt(4.2 * 0.2)) / (2 * 3.2)  # roots of r^2 x^2 - r(r + 1) x + r + 1
    np.testing.assert_allclose(np.sort(found.x[1, :2]), np.sort(pair), rtol=1e-12)
    np.testing.assert_allclose(found.x[2, :4], found.x[2, 4:], rtol=1e-12)
    assert len(np.unique(found.x[2].values.round(9))) == 4
    single = mm.descend(logistic().with_values(r=3.9), steps=4008, save=last)
    np.testing.assert_array_equal(found.x[3], single.x)


def test_the_speed_limit_of_gradient_descent() -> None:
    lr, k = np.array([0.1, 0.9, 1.9, 2.1]), np.array([1.0, 2.0])
    found = mm.sweep(BOWL, {"lr": lr, "k": k}, steps=30, keep=["x"])
    np.testing.assert_allclose(found.x, (1 - lr[:, None] * k) ** 30, rtol=1e-12)
    np.testing.assert_array_equal(np.abs(found.x) < 1, lr[:, None] * k < 2)
    assert found.x[1, 0] == mm.descend(BOWL, lr=0.9, steps=30).x[-1]
    assert mm.sweep(BOWL, {"k": k}, lr=0.9, steps=30, keep=["x"]).x[0] == found.x[1, 0]
    outside = mm.sweep(BOWL, {"lr": [-0.1, 0.0, 0.1]}, steps=3, keep="x")
    assert (outside.status == mm.Status.OUT_OF_DOMAIN).values.tolist() == [True, True, False]


def test_events_of_maps_are_steps() -> None:
    halves = mm.Map(
        name="halves", state={"x": 1.0}, parameters={"q": 0.5}, update={"x": "q*x"},
        events={"small": mm.Event("x", 0.1, -1)},
    )  # fmt: skip
    found = mm.sweep(halves, {"q": [0.5, 0.7, 0.99]}, steps=50)
    np.testing.assert_array_equal(found.small, [4.0, 7.0, np.nan])
    np.testing.assert_array_equal(found.small_censored, [False, False, True])


def test_an_extended_sweep_computes_what_is_new_bitwise(tmp_path: Path, integrated: list[int]) -> None:
    options: dict[str, Any] = {"t_end": 3.0, "keep": ["x", "loss"]}
    old = mm.sweep(WELL, {"a": [1.0, 2.0, 3.0], "x_0": [0.1, 0.2]}, **options, out=tmp_path / "old.nc")
    axes = {"x_0": [0.05, 0.1, 0.2, 0.4], "a": [3.0, 2.5, 1.0]}
    integrated.clear()
    new = mm.sweep(WELL, axes, **options, extend=tmp_path / "old.nc")
    assert sum(integrated) == 12 - 4
    assert new.identical(mm.sweep(WELL, axes, **options))
    integrated.clear()
    assert mm.sweep(WELL, {"a": [2.0], "x_0": [0.2]}, **options, extend=old).x.item() == old.x[1, 1].item()
    assert not integrated
    again = mm.sweep(WELL, axes, **options, extend=old, out=tmp_path / "old.nc", overwrite=True)
    assert mm.load(tmp_path / "old.nc").equals(again)


def test_an_extended_table(integrated: list[int]) -> None:
    old = mm.sweep(WELL, points={"a": [1.0, 2.0], "x_0": [0.1, 0.2]}, t_end=1.0)
    table = {"a": [2.0, 1.0, 2.0], "x_0": [0.2, 0.2, 0.1]}
    integrated.clear()
    new = mm.sweep(WELL, points=table, t_end=1.0, extend=old)
    assert sum(integrated) == 2
    assert new.identical(mm.sweep(WELL, points=table, t_end=1.0))


def test_points_that_an_interruption_left_out_are_computed(integrated: list[int]) -> None:
    old = mm.sweep(WELL, {"a": [1.0, 2.0]}, t_end=1.0, keep="x")
    old["status"][0] = mm.Status.INTERRUPTED
    old["x"][0] = np.nan
    integrated.clear()
    new = mm.sweep(WELL, {"a": [1.0, 2.0]}, t_end=1.0, keep="x", extend=old)
    assert sum(integrated) == 1
    assert np.isfinite(new.x).all()


@pytest.mark.parametrize(
    "other",
    [
        {"t_end": 2.0}, {"rtol": 1e-7}, {"keep": "x"}, {"rates": {"x": 2}}, {"axes": {"x_0": [1.0]}}, {"model": BOWL},
        {"init": {"x": 0.7}},
    ],
    ids=str,
)  # fmt: skip
def test_another_sweep_is_not_extended(other: dict[str, Any]) -> None:
    options: dict[str, Any] = {"model": WELL, "axes": {"a": [1.0]}, "t_end": 1.0, "keep": ["loss"]}
    old = mm.sweep(**options)
    if "model" in other:
        other = other | {"axes": {"k": [1.0]}}
    with pytest.raises(mm.InputError, match="is not a sweep of the same model"):
        mm.sweep(**(options | other), extend=old)
