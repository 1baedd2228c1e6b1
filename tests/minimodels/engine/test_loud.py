"""What could be wrong says so: failed points, pulses between steps, rest that is none, schedules that must be hit."""

from typing import Any

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
from tests.minimodels.systems import blow_up, double_well

x, y, t = sp.symbols("x y t")


def test_a_failed_point_has_no_number_unless_asked_for() -> None:
    starts = [0.5, 1.5, 3.0]  # x' = x^2 is infinite at t = 1/x(0)
    with pytest.warns(RuntimeWarning, match=r"2 points of 3 failed, most of them because the run .*: end before"):
        grid = mm.sweep(blow_up(), {"x_0": starts}, t_end=1.0, keep=["x", "stop_time"], save=[0.1, 1.0])
    assert np.isfinite(grid.x[0]).all()
    assert np.isnan(grid.x[1:]).all()
    assert float(grid.stop_time[1]) == pytest.approx(2 / 3, abs=1e-3)
    with pytest.warns(RuntimeWarning, match="2 points"):
        kept = mm.sweep(blow_up(), {"x_0": starts}, t_end=1.0, keep=["x"], on_failure="keep")
    assert np.isfinite(kept.x).all()
    with pytest.warns(RuntimeWarning, match="a point of 1 failed"):
        mm.sweep(blow_up(), {"x_0": [3.0]}, t_end=1.0)


@pytest.mark.parametrize("options", [{"on_failure": "nope"}, {"steady": -1.0}, {"max_step": 0.0}, {"max_step": "1"}])
def test_options_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(mm.InputError):
        mm.simulate(double_well(), t_end=1.0, **options)
    with pytest.raises(mm.InputError):
        mm.sweep(double_well(), {"a": [1.0]}, t_end=1.0, **options)


def pulse() -> mm.Flow:
    """A bump of unit area and width 1 around t = 600, which x collects."""
    bump = sp.exp(-((t - 600) ** 2) / 2) / sp.sqrt(2 * sp.pi)
    return mm.Flow(name="pulse", state={"t": 0.0, "x": 0.0}, drift={"t": 1, "x": bump})


@pytest.mark.parametrize("method", ["tsit5", "rodas4"])
def test_a_short_pulse_is_seen_with_bounded_steps(method: str) -> None:
    unseen = mm.simulate(pulse(), t_end=1000.0, method=method, rtol=1e-9)
    assert float(unseen.x[-1]) < 0.5  # error control sees nothing between steps
    run = mm.simulate(pulse(), t_end=1000.0, method=method, rtol=1e-9, max_step=2.0)
    assert float(run.x[-1]) == pytest.approx(1.0, rel=1e-6)
    assert int(run.steps) >= 500
    fixed = mm.simulate(pulse(), t_end=1000.0, method="rk4", step=50.0, max_step=0.25)
    assert float(fixed.x[-1]) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("method", ["tsit5", "rodas4"])
def test_a_schedule_of_a_parameter_is_hit_exactly(method: str) -> None:
    m = mm.Flow(name="driven", state={"x": 0.0}, parameters={"force": 0.0}, drift={"x": "force"})
    run = mm.simulate(
        m, t_end=1000.0, schedule={"force": [(1.0, 100.0, 101.0), (-3.0, 500.0, 500.5)]}, save=[100.0, 101.0, 500.5],
        method=method,
    )  # fmt: skip
    np.testing.assert_allclose(run.x, [0.0, 1.0, -0.5], atol=1e-12)
    grid = mm.sweep(m, {"force": [0.0, 0.01]}, t_end=200.0, schedule={"force": (1.0, 100.0, 101.0)}, keep="x")
    np.testing.assert_allclose(grid.x, [1.0, 1.0 + 199 * 0.01], rtol=1e-12)
    with pytest.raises(mm.InputError, match="unknown parameter 'x' in schedule"):
        mm.simulate(m, t_end=1.0, schedule={"x": 1.0})


def test_a_state_may_be_held_in_several_windows() -> None:
    m = mm.Flow(name="drift", state={"x": 0.0}, drift={"x": 1})
    run = mm.simulate(m, t_end=10.0, clamp={"x": [(5.0, 1.0, 2.0), (0.0, 4.0, 6.0)]}, save=[1.5, 3.0, 5.0, 9.0])
    np.testing.assert_allclose(run.x, [5.0, 6.0, 0.0, 3.0], rtol=1e-12)
    listed = mm.simulate(m, t_end=10.0, clamp={"x": [5.0, 1.0, 2.0]}, save=[1.5, 3.0])
    np.testing.assert_allclose(listed.x, [5.0, 6.0], rtol=1e-12)
    for bad in ([(5.0, 1.0, 3.0), (0.0, 2.0, 4.0)], (1.0, 2.0), "one", [(1.0, 2.0, 1.0)], None):
        with pytest.raises(mm.InputError):
            mm.simulate(m, t_end=10.0, clamp={"x": bad})


@pytest.mark.parametrize(("method", "rtol"), [("tsit5", 1e-6), ("tsit5", 1e-4), ("rodas4", 1e-6), ("rodas4", 1e-9)])
def test_a_stiff_reaction_comes_to_rest_by_either_method(method: str, rtol: float) -> None:
    """A <-> B at rates 1e4 and 1e3 conserves their sum; the explicit method jitters around the equilibrium."""
    m = mm.Flow(
        name="reaction", state={"a": 1.0, "b": 0.5}, drift={"a": "-1e4*a + 1e3*b", "b": "1e4*a - 1e3*b"},
    )  # fmt: skip
    run = mm.simulate(m, t_end=100.0, method=method, steady=1e-2, rtol=rtol, atol=1e-9)
    assert int(run.status) == mm.Status.STEADY
    assert float(run.stop_time) < 1.0
    assert float(run.a[-1]) == pytest.approx(1.5 / 11, rel=1e-3)
    assert float(run.a[-1] + run.b[-1]) == pytest.approx(1.5, rel=1e-6)


def test_a_slow_flow_is_not_taken_for_rest() -> None:
    m = mm.Flow(name="slow", state={"x": 1.0}, drift={"x": sp.Float(1e-3)})
    run = mm.simulate(m, t_end=1000.0, steady=1e-4)
    assert int(run.status) == mm.Status.SUCCESS
    assert float(run.x[-1]) == pytest.approx(2.0)


def test_rest_that_nobody_asked_about_is_no_end() -> None:
    m = double_well()
    run = mm.simulate(m, t_end=10.0, clamp={"x": 0.3})
    assert int(run.status) == mm.Status.SUCCESS
    assert float(run.stop_time) == 10.0
    waiting = mm.simulate(m, t_end=10.0, init={"x": 0.0}, events={"up": mm.Event("x", 0.5)}, stop_at="up")
    assert int(waiting.status) == mm.Status.CENSORED


def test_times_that_arithmetic_carried_past_the_end_are_the_end() -> None:
    run = mm.simulate(double_well(), t_end=0.3, save=[0.1, np.nextafter(0.3, 1)])
    assert float(run.time[-1]) == 0.3
    with pytest.raises(mm.InputError, match="`save`"):
        mm.simulate(double_well(), t_end=0.3, save=[0.31])
    with pytest.raises(mm.InputError, match="list of numbers"):
        mm.simulate(double_well(), t_end=10.0, save=100)
    with pytest.raises(mm.InputError, match="list of numbers"):
        mm.simulate(double_well(), t_end=10.0, save="all")


def test_a_sweep_keeps_something_by_default() -> None:
    m = mm.Flow(name="plain", state={"x": 1.0, "y": 2.0}, drift={"x": -x, "y": -y})
    grid = mm.sweep(m, {"x_0": [1.0, 2.0]}, t_end=1.0)
    np.testing.assert_allclose(grid.x, np.exp(-1) * np.array([1.0, 2.0]), rtol=1e-5)
    assert {"x", "y", "status"} == set(grid.data_vars)
    assert set(mm.sweep(double_well(), {"a": [1.0]}, t_end=1.0, keep="loss").data_vars) == {"loss", "status"}


def test_observables_and_events_see_the_schedule() -> None:
    m = mm.GradientFlow(
        name="pulled", state={"x": 1.0}, parameters={"a": 0.0, "b": 5.0}, loss="(x - a)**2/2",
        observables={"to": "b + a"},
        events={"up": mm.Event("b", 6.0)}, rates={"x": 0.0},
    )  # fmt: skip
    windows = {"a": (3.0, 2.0, 4.0), "b": [(7.0, 3.0, 5.0)]}
    run = mm.simulate(m, t_end=6.0, schedule=windows, save=[0.0, 2.0, 2.5, 3.5, 4.0, 4.5, 5.5])
    assert run.loss.values.tolist() == [0.5, 0.5, 2.0, 2.0, 2.0, 0.5, 0.5]
    assert run.to.values.tolist() == [5.0, 5.0, 8.0, 10.0, 10.0, 7.0, 5.0]
    assert float(run.up) == 3.0  # the parameter itself carries the level across
    grid = mm.sweep(m, {"x_0": [1.0, 2.0]}, t_end=2.5, schedule=windows, keep=["loss", "to"])
    assert grid.loss.values.tolist() == [2.0, 0.5]
    assert grid.to.values.tolist() == [8.0, 8.0]


def test_a_schedule_does_not_leave_behind_what_follows_it() -> None:
    parameters = {"a": mm.Parameter(1.0), "twice": mm.Parameter("2*a")}
    m = mm.Flow(name="led", state={"x": 0.0}, parameters=parameters, drift={"x": "twice"})
    with pytest.raises(mm.InputError, match="what follows a: twice"):
        mm.simulate(m, t_end=1.0, schedule={"a": (2.0, 0.2, 0.4)})
    free = mm.simulate(m.with_values(twice=2.0), t_end=1.0, schedule={"a": (2.0, 0.2, 0.4)}, save=[1.0])
    assert float(free.x[0]) == pytest.approx(2.0)
    with pytest.raises(mm.InputError, match="the rate of x"):
        mm.simulate(double_well(), t_end=1.0, rates={"x": "a/2"}, schedule={"a": (2.0, 0.2, 0.4)})


@pytest.mark.parametrize("start", [1e-100, -1e-100, 1e-30, 1e-12, 1e-4])
def test_a_jacobian_that_rounding_makes_huge_holds_nothing_back(start: float) -> None:
    m = mm.Flow(name="m", state={"x": start}, drift={"x": "atan(x)/x"})
    expected = float(mm.simulate(m, t_end=2.0, rtol=1e-9).x[-1])
    assert expected > 1.6
    assert float(mm.simulate(m, t_end=2.0, method="rodas4").x[-1]) == pytest.approx(expected, rel=1e-4)


def test_a_jacobian_without_a_value_is_said_to_be_none() -> None:
    m = mm.Flow(name="m", state={"x": 1e-300}, drift={"x": "atan(x)/x"})
    with pytest.raises(mm.RunFailed, match="met a Jacobian without a value at time 0, x=1e-300; use method='tsit5'"):
        mm.simulate(m, t_end=2.0, method="rodas4")
