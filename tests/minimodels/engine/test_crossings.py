"""Every crossing of every event on request, with the state there."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from numba import njit

import minimodels as mm
from minimodels.engine.stepper.events import may_cross
from tests.minimodels.engine.test_guarantee import T, polynomial, wave
from tests.minimodels.systems import METHODS, stepping

OSCILLATOR = mm.Flow(
    name="oscillator", state={"x": 0.0, "v": 1.0}, drift={"x": "v", "v": "-x"}, observables={"energy": "x**2 + v**2"},
    events={"up": mm.Event("x", 0.5, 1), "turns": mm.Event("v", 0.0, 0)},
)  # fmt: skip


def at(run: Any, event: str) -> np.ndarray:
    return np.asarray(run.crossing_time.values[run.crossing_event.values == event])


def every(function: sp.Expr, end: float, sign: int) -> np.ndarray:
    f = sp.lambdify(T, function, "numpy")
    grid = np.linspace(0, end, 200_001)
    values = f(grid)
    i = np.flatnonzero((sign * values[:-1] < 0) & (sign * values[1:] >= 0))
    return np.asarray(grid[i] - values[i] * (grid[i + 1] - grid[i]) / (values[i + 1] - values[i]))


def test_an_oscillator_crosses_where_sine_and_cosine_do() -> None:
    run = mm.simulate(OSCILLATOR, t_end=100.0, rtol=1e-10, atol=1e-12, crossings=True)
    up, turns = np.arcsin(0.5) + 2 * np.pi * np.arange(16), np.pi / 2 + np.pi * np.arange(32)
    np.testing.assert_allclose(at(run, "up"), up, rtol=1e-8)
    np.testing.assert_allclose(at(run, "turns"), turns, rtol=1e-8)
    assert (np.diff(run.crossing_time) > 0).all()
    assert at(run, "up")[0] == float(run.up)
    met = run.crossing_event == "up"
    np.testing.assert_allclose(run.x_at_crossing[met], 0.5, atol=1e-9)
    np.testing.assert_allclose(run.v_at_crossing[met], np.sqrt(0.75), rtol=1e-8)
    np.testing.assert_allclose(run.energy_at_crossing, 1.0, rtol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rtol", [1e-3, 1e-9])
@pytest.mark.parametrize("seed", range(12))
def test_none_is_missed_and_none_is_found_twice(seed: int, rtol: float, method: str) -> None:
    rng = np.random.default_rng(seed)
    function = polynomial(rng, 5 + seed % 5) if seed % 2 else wave(rng)
    events = {name: mm.Event(function, 0.0, d) for name, d in (("up", 1), ("down", -1), ("either", 0))}
    clock = mm.Flow(name="clock", state={"t": 0.0}, drift={"t": 1}, events=events)
    run = mm.simulate(clock, t_end=1.0, method=method, crossings=True, **stepping(method, 0.05, rtol=rtol))
    up, down = every(function, 1.0, 1), every(function, 1.0, -1)
    assert len(up) + len(down) > 3
    np.testing.assert_allclose(at(run, "up"), up, atol=2e-6)
    np.testing.assert_allclose(at(run, "down"), down, atol=2e-6)
    np.testing.assert_allclose(at(run, "either"), np.sort([*up, *down]), atol=2e-6)


def test_jumps_of_a_clamp_cross_each_time() -> None:
    still = mm.Flow(name="still", state={"x": 0.0}, drift={"x": 0}, events={"up": mm.Event("x", 0.5, 1)})
    windows = [(1.0, 2.0, 3.0), (0.0, 3.0, 4.0), (2.0, 5.0, 6.0)]
    run = mm.simulate(still, t_end=10.0, clamp={"x": windows}, crossings=True)
    np.testing.assert_array_equal(run.crossing_time, [2.0, 5.0])
    np.testing.assert_array_equal(run.x_at_crossing, [1.0, 2.0])


def test_they_end_where_the_run_does() -> None:
    run = mm.simulate(OSCILLATOR, t_end=100.0, stop_at="turns", crossings=True)
    assert list(run.crossing_event.values) == ["up", "turns"]
    np.testing.assert_allclose(run.x_at_crossing[-1], 1.0, rtol=1e-5)


def test_of_a_map() -> None:
    turn = mm.Map(
        name="turn", state={"x": 1.0, "y": 0.0}, update={"x": "0.6*x - 0.8*y", "y": "0.8*x + 0.6*y"},
        events={"up": mm.Event("y", 0.0, 1)},
    )  # fmt: skip
    angle = np.arange(101) * np.arctan2(0.8, 0.6)
    expected = [k for k in range(1, 101) if np.sin(angle[k - 1]) < -1e-9 and np.sin(angle[k]) >= -1e-9]
    run = mm.descend(turn, steps=100, crossings=True)
    np.testing.assert_array_equal(run.crossing_time, expected)
    np.testing.assert_allclose(run.y_at_crossing, np.sin(angle[expected]), atol=1e-9)


def test_they_are_saved_and_their_names_are_taken(tmp_path: Path) -> None:
    run = mm.simulate(OSCILLATOR, t_end=10.0, crossings=True)
    mm.save(run, tmp_path / "run.nc")
    assert mm.load(tmp_path / "run.nc").equals(run)
    none = mm.simulate(OSCILLATOR, t_end=0.1, crossings=True)
    assert none.sizes["crossing"] == 0
    mm.save(none, tmp_path / "none.nc")
    with pytest.raises(mm.InputError, match="'x_at_crossing' is both"):
        mm.Flow(name="m", state={"x": 1.0, "x_at_crossing": 1.0}, drift={"x": "-x", "x_at_crossing": 0})
    with pytest.raises(mm.InputError, match="has no event to cross"):
        mm.simulate(mm.Flow(name="m", state={"x": 1.0}, drift={"x": "-x"}), t_end=1.0, crossings=True)


def test_too_many_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["minimodels.simulate"], "CROSSINGS", 10)
    with pytest.raises(mm.RunFailed, match="more than 10 crossings; end it earlier"):
        mm.simulate(OSCILLATOR, t_end=100.0, crossings=True)


def test_the_room_counts_jumps_too(monkeypatch: pytest.MonkeyPatch) -> None:
    events = {"half": mm.Event("x", 0.5, 1), "more": mm.Event("x", 0.7, 1)}
    still = mm.Flow(name="still", state={"x": 0.0}, drift={"x": 0}, events=events)
    for room in (1, 2):
        monkeypatch.setattr(sys.modules["minimodels.simulate"], "CROSSINGS", room)
        if room == 2:
            assert mm.simulate(still, t_end=3.0, clamp={"x": (1.0, 1.0, 2.0)}, crossings=True).sizes["crossing"] == 2
        else:
            with pytest.raises(mm.RunFailed, match="more than 1 crossings"):
                mm.simulate(still, t_end=3.0, clamp={"x": (1.0, 1.0, 2.0)}, crossings=True)


@njit
def looked_at(before: float, half: float, after: float, rise: float, rise_after: float) -> bool:
    return bool(may_cross(before, half, after, rise, rise_after, 1.0, 0.0))


def test_a_step_is_looked_into_wherever_its_quartic_dips_and_not_where_it_stays_away() -> None:
    rng, dips = np.random.default_rng(0), 0
    for coefficients in rng.normal(size=(20_000, 5)) * [1, 3, 6, 6, 3]:
        level = np.polynomial.Polynomial(coefficients)
        inside = np.sign(coefficients[0]) * level(np.linspace(0, 1, 101))
        slope = level.deriv()
        if inside[-1] > 0 and inside.min() < 0:
            dips += 1
            assert looked_at(level(0.0), level(0.5), level(1.0), slope(0.0), slope(1.0))
    assert dips > 500
    assert not looked_at(1.0, 2.0, 3.0, 2.0, 2.0)
    assert not looked_at(-3.0, -2.2, -1.0, 1.5, 2.5)
