"""No event is missed that the dense output shows: random polynomials and trigonometric sums with known crossings."""

from typing import Any

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
from tests.minimodels.systems import METHODS, stepping

T = sp.Symbol("t")


def flow(function: sp.Expr, form: str) -> mm.Flow:
    """Return a flow whose level is a function of time: as a state that follows it, or as an observable of the clock."""
    f = sp.lambdify(T, function, "math")
    if form == "state":
        state, drift, level = {"t": 0.0, "x": float(f(0.0))}, {"t": 1, "x": sp.diff(function, T)}, sp.Symbol("x")
    else:
        state, drift, level = {"t": 0.0}, {"t": 1}, function
    events = {f"{name}": mm.Event(level, 0.0, d) for name, d in (("up", 1), ("down", -1), ("either", 0))}
    return mm.Flow(name="known", state=state, drift=drift, events=events)


def crossings(function: sp.Expr, end: float) -> dict[str, float]:
    """Return the first crossings up, down and either way, from a fine grid and bisection."""
    f = sp.lambdify(T, function, "numpy")
    grid = np.linspace(0, end, 200_001)
    values = f(grid)
    found = {"up": np.nan, "down": np.nan}
    for name, sign in (("up", 1), ("down", -1)):
        at = np.flatnonzero((sign * values[:-1] < 0) & (sign * values[1:] >= 0))
        if len(at):
            a, b = grid[at[0]], grid[at[0] + 1]
            for _ in range(60):
                middle = (a + b) / 2
                a, b = (middle, b) if sign * f(middle) < 0 else (a, middle)
            found[name] = b
    return found | {"either": np.nanmin([*found.values()]) if not all(map(np.isnan, found.values())) else np.nan}


def polynomial(rng: np.random.Generator, degree: int) -> sp.Expr:
    roots = np.sort(rng.uniform(0.05, 0.95, degree))
    if np.diff(roots).min() < 0.02:
        return polynomial(rng, degree)
    return sp.Mul(float(rng.choice([-1, 1])), 20, *(T - float(r) for r in roots)) * 4**degree


def wave(rng: np.random.Generator) -> sp.Expr:
    return sp.Add(
        *(
            float(a) * sp.sin(k * T * 6 + float(p))
            for k, a, p in zip(range(1, 4), *rng.normal(size=(2, 3)), strict=False)
        ),
        0.3,
    )


@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("method", METHODS)
def test_the_first_crossing_is_found_wherever_the_steps_fall(method: str, rtol: float) -> None:
    options = stepping(method, 0.04, rtol=rtol, atol=rtol)
    # what the integration itself errs by moves a crossing of a state, not one of the clock
    for seed in range(12):
        rng = np.random.default_rng(seed)
        function = polynomial(rng, int(rng.integers(5, 10))) if seed % 2 else wave(rng)
        exact = crossings(function, 1.0)
        run = mm.simulate(flow(function, "observable"), t_end=1.0, method=method, **options)
        for name, time in exact.items():
            if np.isnan(time):
                assert np.isnan(float(run[name])) or float(run[name]) == 0, (seed, name)
            else:
                assert float(run[name]) == pytest.approx(time, abs=1e-9), (seed, name)


@pytest.mark.parametrize("method", METHODS)
def test_crossings_of_a_state_are_those_of_its_dense_output(method: str) -> None:
    """At any tolerance: the reference is the dense output itself, saved on a fine grid."""
    grid = np.linspace(0, 1, 20_001)
    missed = 0
    for seed in range(40):
        rng = np.random.default_rng(100 + seed)
        function = polynomial(rng, int(rng.integers(5, 10))) / 500 if seed % 2 else wave(rng)
        rtol = 10.0 ** rng.uniform(-8, -2)
        options = stepping(method, 0.05, rtol=rtol, atol=rtol)
        run = mm.simulate(flow(function, "state"), t_end=1.0, method=method, save=grid, **options)
        x = run.x.values
        for name, sign in (("up", 1), ("down", -1)):
            at = np.flatnonzero((sign * x[:-1] < 0) & (sign * x[1:] >= 0))
            if len(at):
                missed += not grid[at[0]] - 1e-9 <= float(run[name]) <= grid[at[0] + 1] + 1e-9
    assert missed == 0


def test_three_crossings_in_one_step_give_the_first() -> None:
    """The clock's steps grow tenfold: the whole cubic lies within one."""
    for a, b, c in ((0.3, 0.5, 0.7), (0.2, 0.22, 0.9), (0.1, 0.85, 0.9)):
        m = flow((T - a) * (T - b) * (T - c), "observable")
        run = mm.simulate(m, t_end=1.0, rtol=1e-3, atol=1e-3)
        assert [float(run.up), float(run.down), float(run.either)] == pytest.approx([a, b, a], abs=1e-9)


def test_a_level_that_is_zero_at_both_ends_of_a_step() -> None:
    m = flow(T * (1 - T), "observable")
    run = mm.simulate(m, t_end=1.0, method="rk4", step=1.0)
    assert float(run.down) == pytest.approx(1.0, abs=1e-9)


def jumping(**clamp: Any) -> Any:
    m = mm.Flow(
        name="still", state={"x": 0.0}, drift={"x": 0},
        events={"up": mm.Event("x", 0.5), "down": mm.Event("x", 0.5, -1), "either": mm.Event("x", 0.5, 0)},
    )  # fmt: skip
    return mm.simulate(m, t_end=6.0, **clamp)


def test_a_clamp_that_jumps_across_a_level_is_an_event_at_that_time() -> None:
    run = jumping(clamp={"x": (1.0, 2.0, 4.0)})
    assert float(run.up) == 2.0
    assert not bool(run.up_censored)
    assert float(run.either) == 2.0  # either way
    assert float(run.down) == 0.0  # below the level from the start, and never crossed downwards
    both = jumping(clamp={"x": [(1.0, 2.0, 3.0), (0.2, 3.0, 4.0)]})
    assert [float(both.up), float(both.down)] == [2.0, 3.0]
    stopped = jumping(clamp={"x": (1.0, 2.0, 4.0)}, stop_at="up")
    assert int(stopped.status) == mm.Status.EVENT
    assert float(stopped.stop_time) == 2.0


def test_what_is_there_from_the_start_is_told_from_what_never_happens() -> None:
    beyond = jumping(init={"x": 0.7})
    assert float(beyond.up) == 0.0
    assert not bool(beyond.up_censored)
    on = jumping(init={"x": 0.5})
    assert [float(on[k]) for k in ("up", "down", "either")] == [0.0, 0.0, 0.0]
    never = jumping(init={"x": 0.2})
    assert np.isnan(float(never.up))
    assert bool(never.up_censored)
    assert np.isnan(float(never.either))
    # a level left behind and crossed again later is crossed then
    x = sp.Symbol("x")
    m = mm.Flow(
        name="turn", state={"x": 1.0, "v": -1.0}, drift={"x": sp.Symbol("v"), "v": 1}, events={"up": mm.Event(x, 0.9)}
    )
    assert float(mm.simulate(m, t_end=5.0, rtol=1e-10).up) == pytest.approx(1 + np.sqrt(0.8), abs=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_the_briefest_crossings_are_found_wherever_they_fall_in_a_step(method: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        first, gap = rng.uniform(0.05, 0.5), 10 ** rng.uniform(-5, -2)
        roots = [first, first + gap, *rng.uniform(0.6, 0.9, 2)]
        if roots[3] - roots[2] < 1e-3:
            continue
        level = sp.Mul(*(T - float(r) for r in roots)) * 1e3
        clock = mm.Flow(name="clock", state={"t": 0.0}, drift={"t": 1}, events={"met": mm.Event(level, 0.0, 0)})
        run = mm.simulate(clock, t_end=1.0, method=method, crossings=True, **stepping(method, 0.1, rtol=1e-3))
        np.testing.assert_allclose(run.crossing_time, np.sort(roots), atol=1e-8)
