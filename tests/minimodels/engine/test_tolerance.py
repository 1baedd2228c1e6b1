"""Errors, and what they cost, where steps must be refused: sharp fronts in time between long quiet stretches."""

import numpy as np
import pytest
import sympy as sp
from scipy.special import ive

import minimodels as mm
from minimodels.engine.stepper.methods import methods

ADAPTIVE = [name for name, method in methods().items() if method.adaptive]
TOLERANCES = 10.0 ** -np.arange(6, 11)


def growth(values: list[float]) -> float:
    """The power of 1/rtol that a quantity follows."""
    return float(np.polyfit(-np.log(TOLERANCES), np.log(values), 1)[0])


@pytest.mark.parametrize("method", ADAPTIVE)
def test_pulses_after_rest_are_integrated_within_the_tolerance_for_the_work_it_takes(method: str) -> None:
    """y'/y = exp[k (cos 2 pi t - 1)]: over a period log y grows by exp(-k) I_0(k), in a pulse of width 0.01.

    Between two pulses nothing happens and steps grow to the longest allowed, ten times the width: the first that meets
    a pulse errs by thousands of tolerances and must be refused.
    """
    y, s, k = sp.symbols("y s k")
    drift = {"s": 1, "y": y * sp.exp(k * (sp.cos(2 * sp.pi * s) - 1))}
    m = mm.Flow(name="pulses", state={"s": 0.5, "y": 1.0}, parameters={"k": 200.0}, drift=drift)
    periods = np.arange(1.0, 11.0)
    exact = np.exp(periods * ive(0, 200.0))
    errors, steps = [], []
    for rtol in TOLERANCES:
        run = mm.simulate(m, t_end=10.0, save=periods, method=method, rtol=rtol, atol=rtol, max_step=0.1)
        errors.append(float(np.abs(run.y.values / exact - 1).max()))
        steps.append(int(run.steps))
        assert errors[-1] < 8 * rtol, rtol
    assert -1.25 < growth(errors) < -0.75  # in proportion to the tolerance
    assert 0.08 < growth(steps) < 0.25  # one step of order p costs 1/(p + 1), and the quiet half costs nothing
    assert 150 < steps[0] < 600  # ten pulses, and 100 of the longest steps


@pytest.mark.parametrize("method", ADAPTIVE)
def test_a_flame_that_ignites_after_a_long_wait_does_so_on_time(method: str) -> None:
    """y' = y^2 - y^3 from d: 1/y + log(1/y - 1) falls by t, so y = 1/2 at 1/d + log(1/d - 1) - 2, all at once."""
    y, d = sp.Symbol("y"), 1e-3
    event = {"half": mm.Event("y", 0.5)}
    m = mm.Flow(name="flame", state={"y": d}, drift={"y": y**2 - y**3}, events=event)
    exact = 1 / d + np.log(1 / d - 1) - 2
    errors, steps = [], []
    for rtol in TOLERANCES:
        run = mm.simulate(m, t_end=2 / d, save=[2 / d], method=method, rtol=rtol, atol=1e-3 * rtol)
        errors.append(abs(float(run.half) - exact) / exact)
        steps.append(int(run.steps))
        assert errors[-1] < 8 * rtol, rtol
        assert abs(float(run.y[-1]) - 1) < 8 * rtol
    assert -1.5 < growth(errors) < -0.75
    assert 0.05 < growth(steps) < 0.25
    assert 100 < steps[0] < 500  # behind the flame an explicit method steps by some 3, the time scale being 1
