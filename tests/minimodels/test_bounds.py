"""The statement of bounds: what is refused, what follows from it without a run, fixed points at a bound."""

import pickle
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

import minimodels as mm
from tests.minimodels.walled import corner, ramp, walls


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        ({"z": (0, 1)}, "unknown state 'z' in the bounds of 'f'"),
        ({"x": 1}, r"the bounds of 'x' of 'f' are \(low, high\)"),
        ({"x": (None, None)}, r"the bounds of 'x' of 'f' are \(low, high\)"),
        ({"x": (0, 1, 2)}, r"the bounds of 'x' of 'f' are \(low, high\)"),
        ({"x": (2, 1)}, "the bounds of 'x' of 'f' leave no room: 2 is above 1"),
        ({"x": ("y", 1)}, "unknown symbol 'y' in the lower bound of 'x' of 'f'"),
        ({"x": (0, "x")}, "unknown symbol 'x' in the upper bound of 'x' of 'f'"),
        ({"x": (0, np.nan)}, "the upper bound of 'x' of 'f' must be finite; got nan"),
        ({"x": (0, True)}, "the upper bound of 'x' of 'f' is not a formula"),
        (3, "`bounds` of 'f' is a dictionary"),
    ],
)
def test_bounds_that_are_none(bounds: Any, sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence):
        mm.Flow(name="f", state={"x": 0.0}, drift={"x": "-x"}, bounds=bounds)


def test_starts_beyond_bounds() -> None:
    sentence = r"the start of 'x' must lie within its bounds \[-inf, 1\]; got x=2\."
    with pytest.raises(mm.InputError, match=sentence):
        mm.simulate(ramp(), t_end=1.0, init={"x": 2.0})
    with pytest.raises(mm.InputError, match=sentence):
        mm.descend(ramp(), lr=0.1, steps=3, init={"x": 2.0})
    with pytest.raises(mm.InputError, match="the state of 'x' must lie within"):
        mm.evaluate(ramp(), {"x": 2.0})
    with pytest.raises(mm.InputError, match=r"the bounds of 'x' leave no room: low=3, high=0\.5"):
        mm.simulate(walls().with_values(low=3.0), t_end=1.0)
    third = mm.simulate(ramp().with_values(top=0.1 + 0.2), t_end=1.0, init={"x": 0.1 * 3})  # rounding is forgiven
    assert (third.x == 0.1 + 0.2).all()


def test_the_drift_at_a_bound() -> None:
    assert mm.evaluate(ramp(), {"x": 1.0})["d_x"] == 0.0
    assert mm.evaluate(ramp(), {"x": 0.5})["d_x"] == 1.0
    assert mm.evaluate(ramp().with_values(speed=-1.0), {"x": 1.0})["d_x"] == -1.0
    double = mm.Map(name="double_up", state={"x": 0.3}, update={"x": "2*x"}, bounds={"x": (-1, 1)})
    assert mm.evaluate(double, {"x": 0.75})["d_x"] == 0.25


def test_what_is_told_of_bounds() -> None:
    assert "bounds     low <= x <= high" in mm.describe(walls())
    assert "bounds     x <= top" in mm.describe(ramp())
    run = mm.simulate(ramp(), t_end=1.0)
    assert run.attrs["bounds"] == '["x <= top"]'
    assert pickle.loads(pickle.dumps(ramp())).bounds == ramp().bounds


@pytest.mark.parametrize("c", [0.1, 0.35, 0.45, 1.2])
def test_the_fixed_point_of_a_bowl_with_walls_is_its_lowest_place(c: float) -> None:
    (found,) = mm.fixed_points(corner().with_values(c=c))
    lowest = minimize(
        lambda z: (z[0] - 2) ** 2 + (z[1] - 1) ** 2 + 0.8 * z[0] * z[1], [0.5, 0.0], bounds=[(0, 1.5), (None, c)],
        options={"ftol": 1e-15, "gtol": 1e-12},
    )  # fmt: skip
    np.testing.assert_allclose([found.state["x"], found.state["y"]], lowest.x, atol=1e-6)
    assert found.kind == "stable"
    held = [found.state["x"] == 1.5, found.state["y"] == c]
    assert held == [True, c < 0.4]
    np.testing.assert_allclose(found.eigenvalues, [] if all(held) else [-2.0])


def test_all_fixed_points_in_a_box_are_those_of_every_set_of_held_states() -> None:
    """Of x' = x - x^3 + y/5, y' = y - y^3 - x/5 in a box: zeros with some states held at a side, then the signs."""
    m = mm.Flow(
        name="box", state={"x": 0.1, "y": 0.2}, drift={"x": "x - x**3 + y/5", "y": "y - y**3 - x/5"},
        bounds={"x": (-0.7, 0.8), "y": (-2, 0.6)},
    )  # fmt: skip
    low, high = np.array([-0.7, -2.0]), np.array([0.8, 0.6])
    expected = []

    def drift(z: np.ndarray) -> np.ndarray:
        return np.array([z[0] - z[0] ** 3 + z[1] / 5, z[1] - z[1] ** 3 - z[0] / 5])

    for x, y in product((-0.7, 0.8, None), (-2.0, 0.6, None)):
        if x is None and y is None:
            of_x = 5 * np.poly1d([1, 0, -1, 0])  # y, where x rests
            both = of_x - of_x**3 - np.poly1d([0.2, 0])
            roots = [(r.real, of_x(r.real)) for r in both.roots if abs(r.imag) < 1e-9]
        elif x is None:
            roots = [(r.real, y) for r in np.roots([-1, 0, 1, y / 5]) if abs(r.imag) < 1e-12]  # type: ignore[operator]
        elif y is None:
            roots = [(x, r.real) for r in np.roots([-1, 0, 1, -x / 5]) if abs(r.imag) < 1e-12]
        else:
            roots = [(x, y)]
        for root in roots:
            z = np.array(root)
            f = drift(z)
            fits = (np.abs(f) < 1e-9) | ((z == high) & (f > 0)) | ((z == low) & (f < 0))
            if fits.all() and (z >= low).all() and (z <= high).all():
                expected.append(tuple((z.round(6) + 0.0).tolist()))
    found = sorted((round(p.state["x"], 6) + 0.0, round(p.state["y"], 6) + 0.0) for p in mm.fixed_points(m))
    assert found == sorted(set(expected))
    vertex = next(p for p in mm.fixed_points(m) if p.state == {"x": 0.8, "y": 0.6})
    assert (vertex.kind, len(vertex.eigenvalues)) == ("stable", 0)


def test_a_map_rests_at_its_bound() -> None:
    double = mm.Map(name="doubling", state={"x": 0.3}, update={"x": "2*x"}, bounds={"x": (-1, 1)})
    assert [(p.state["x"], p.kind) for p in mm.fixed_points(double)] == [(-1, "stable"), (0, "unstable"), (1, "stable")]
