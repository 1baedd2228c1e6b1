"""Measured order of the compiled steppers, and how many steps they take."""

from typing import Any

import numpy as np
import pytest

import minimodels as mm
from tests.minimodels.systems import METHODS, double_well, lotka_volterra, oscillator, reference, states_of, stepping

ONE_STEP: dict[str, Any] = {"rtol": 1e3, "atol": 1e3}


def one_step_errors(method: str, sizes: list[float], at: float) -> list[float]:
    """Return errors of a single step of each size, at the fraction ``at`` of it."""
    m = lotka_volterra()
    errors = []
    for h in sizes:
        run = mm.simulate(m, t_end=h, save=[at * h], method=method, **ONE_STEP)
        assert int(run.steps) == 1
        errors.append(float(np.abs(states_of(run, m)[0] - reference(m, [at * h])[0]).max()))
    return errors


def measured(errors: list[float], sizes: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


@pytest.mark.parametrize(
    ("method", "at", "local"), [("tsit5", 1.0, 6), ("rodas4", 1.0, 5), ("tsit5", 0.4, 5), ("rodas4", 0.4, 4)]
)
def test_a_single_step_errs_by_one_power_more_than_the_order(method: str, at: float, local: int) -> None:
    sizes = [0.2, 0.1, 0.05] if method == "tsit5" else [0.1, 0.05, 0.025]
    assert measured(one_step_errors(method, sizes, at), sizes) == pytest.approx(local, abs=0.3)


def test_rk4_is_of_order_4() -> None:
    m = lotka_volterra()
    exact = reference(m, [5.0])[0]
    sizes = [0.1, 0.05, 0.025, 0.0125]
    errors = []
    for h in sizes:
        run = mm.simulate(m, t_end=5.0, save=[5.0], method="rk4", step=h)
        errors.append(float(np.abs(states_of(run, m)[0] - exact).max()))
        assert int(run.steps) == round(5 / h)
    assert measured(errors, sizes) == pytest.approx(4, abs=0.15)


def test_rk4_with_a_step_that_does_not_divide_the_time_ends_on_it() -> None:
    m = oscillator()
    run = mm.simulate(m, t_end=1.0, save=[1.0], method="rk4", step=0.03)
    assert float(run.stop_time) == 1.0
    assert float(run.x[0]) == pytest.approx(np.sin(1.0), abs=1e-7)


@pytest.mark.parametrize(("method", "order"), [("tsit5", 5), ("rodas4", 4)])
def test_error_and_work_follow_the_tolerance(method: str, order: int) -> None:
    m = lotka_volterra()
    exact = reference(m, [20.0])[0]
    errors, steps = [], []
    for rtol in (1e-5, 1e-7, 1e-9):
        run = mm.simulate(m, t_end=20.0, save=[20.0], method=method, rtol=rtol, atol=rtol)
        errors.append(float(np.abs(states_of(run, m)[0] - exact).max()))
        steps.append(int(run.steps))
    assert errors[0] < 3e-3
    assert errors[1] < 3e-5
    assert errors[2] < 3e-7
    assert np.log(errors[0] / errors[2]) / np.log(steps[2] / steps[0]) > order - 0.5


def test_the_number_of_steps_is_bounded() -> None:
    assert int(mm.simulate(double_well(), t_end=20.0).steps) < 60
    assert int(mm.simulate(oscillator(), t_end=10.0).steps) < 80
    assert int(mm.simulate(mm.model("nested_logit", attend="labels"), t_end=2000.0).steps) < 150


@pytest.mark.parametrize("method", METHODS)
def test_dense_output_is_as_good_as_the_steps(method: str) -> None:
    times = np.linspace(0, 10, 401)
    options = stepping(method, 0.05, rtol=1e-9, atol=1e-12)
    run = mm.simulate(oscillator(), t_end=10.0, save=times, method=method, **options)
    np.testing.assert_allclose(run.x, np.sin(times), atol=2e-6)
    alone = mm.simulate(oscillator(), t_end=10.0, save=[10.0], method=method, **options)
    assert int(alone.steps) == int(run.steps)  # saving never shortens steps
    assert float(alone.x[-1]) == float(run.x[-1])
