"""Events: where they are located, in which direction, how often, and when they are not there."""

from math import asin, pi

import numpy as np
import pytest

import minimodels as mm
from tests.minimodels.systems import double_well, oscillator

TURN = pi / 2


@pytest.mark.parametrize("method", ["tsit5", "rodas4"])
def test_crossings_are_located_where_the_closed_form_has_them(method: str) -> None:
    for c in (-0.3, 0.0001, 0.5, 0.9):
        run = mm.simulate(oscillator().with_values(c=c), t_end=12.0, method=method, rtol=1e-11, atol=1e-13)
        up, down = (asin(c), pi - asin(c)) if c > 0 else (2 * pi + asin(c), pi - asin(c))
        assert float(run.up) == pytest.approx(up, abs=1e-8)
        assert float(run.down) == pytest.approx(down, abs=1e-8)
        assert float(run.either) == min(float(run.up), float(run.down))
        assert float(run.turn) == pytest.approx(TURN, abs=1e-8)


def test_two_events_and_a_double_crossing_inside_one_step() -> None:
    """x rises above .995 for .2 only, while a step is about .4 long: no sign changes between the steps."""
    run = mm.simulate(oscillator().with_values(c=0.995), t_end=10.0, rtol=1e-4, atol=1e-4)
    steps = 10 / int(run.steps)
    width = pi - 2 * asin(0.995)
    assert steps > width
    assert float(run.up) == pytest.approx(asin(0.995), abs=0.01)
    assert float(run.down) == pytest.approx(pi - asin(0.995), abs=0.01)
    assert float(run.turn) == pytest.approx(TURN, abs=0.001)
    assert float(run.up) < float(run.turn) < float(run.down)


def test_double_crossings_are_found_wherever_the_steps_fall() -> None:
    grid = mm.sweep(
        oscillator().with_values(c=0.97), {"x_0": np.linspace(0, 0.9, 200)}, t_end=6.0, keep=["up", "down", "steps"],
        rtol=1e-5, atol=1e-5,
    )  # fmt: skip
    radius = np.sqrt(1 + grid.x_0**2)
    up = np.arcsin(0.97 / radius) - np.arctan(grid.x_0)
    down = pi - np.arcsin(0.97 / radius) - np.arctan(grid.x_0)
    np.testing.assert_allclose(grid.up, up, atol=2e-3)
    np.testing.assert_allclose(grid.down, down, atol=2e-3)


def test_a_level_that_is_never_reached_is_censored() -> None:
    run = mm.simulate(oscillator().with_values(c=1.5), t_end=10.0)
    for name in ("up", "either"):
        assert np.isnan(float(run[name]))
        assert bool(run[f"{name}_censored"])
    assert float(run.down) == 0  # it is below all along
    assert not bool(run.down_censored)
    assert not bool(run.turn_censored)
    assert int(run.status) == mm.Status.SUCCESS


def test_a_level_that_is_nearly_touched_is_not_crossed() -> None:
    run = mm.simulate(oscillator().with_values(c=1 + 1e-7), t_end=10.0, rtol=1e-11, atol=1e-13)
    assert np.isnan(float(run.either))
    run = mm.simulate(oscillator().with_values(c=1 - 1e-7), t_end=10.0, rtol=1e-11, atol=1e-13)
    assert float(run.up) == pytest.approx(asin(1 - 1e-7), abs=1e-5)


@pytest.mark.parametrize("method", ["tsit5", "rodas4"])
def test_stop_at_ends_the_run_on_the_event(method: str) -> None:
    times = np.linspace(0, 10, 101)
    run = mm.simulate(oscillator(), t_end=10.0, save=times, stop_at="down", method=method, rtol=1e-11, atol=1e-13)
    end = pi - asin(0.5)
    assert int(run.status) == mm.Status.EVENT
    assert float(run.stop_time) == pytest.approx(end, abs=1e-9)
    assert np.isfinite(run.x.values[times <= end]).all()
    assert np.isnan(run.x.values[times > end]).all()
    assert float(run.up) < float(run.turn) < end  # events before the end are kept
    early = mm.simulate(oscillator(), t_end=10.0, save=times, stop_at="up", rtol=1e-11, atol=1e-13)
    assert np.isnan(float(early.down))
    assert not bool(early.down_censored)  # it did not get the chance


def test_stop_at_an_event_that_does_not_come() -> None:
    run = mm.simulate(oscillator().with_values(c=2.0), t_end=5.0, stop_at="up")
    assert int(run.status) == mm.Status.CENSORED
    assert float(run.stop_time) == 5.0


def test_states_at_the_stop_are_those_of_the_event() -> None:
    grid = mm.sweep(
        oscillator(), {"c": [0.2, 0.5, 0.9]}, t_end=10.0, keep=["x", "up"], stop_at="up", rtol=1e-11, atol=1e-13
    )
    np.testing.assert_allclose(grid.x, grid.c, atol=1e-9)
    assert (grid.status == mm.Status.EVENT).all()


def test_an_event_of_the_caller_s_own() -> None:
    run = mm.simulate(double_well(), t_end=20.0, events={"half": mm.Event("x - a/2")}, rtol=1e-11, atol=1e-13)
    exact = np.log((0.25 / 0.75) / (0.01 / 0.99)) / 2
    assert float(run.half) == pytest.approx(exact, abs=1e-9)
    assert float(run.x.interp(time=exact)) == pytest.approx(0.5, abs=1e-3)
