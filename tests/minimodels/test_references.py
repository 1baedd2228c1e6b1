"""Runs against SciPy, closed forms and conserved quantities."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import minimodels as mm
from tests.minimodels.systems import (
    TIGHT,
    at,
    double_well,
    logistic,
    lotka_volterra,
    plain_drift,
    reference,
    states_of,
    two_factors,
    van_der_pol,
)  # fmt: skip

NESTED = [
    pytest.param({"attend": "labels"}, id="labels"),
    pytest.param({"attend": "all"}, id="all"),
    pytest.param({"attend": "all", "beta_2": "free"}, id="beta_2 free"),
    pytest.param({"attend": "labels", "B": 2}, id="two copies"),
]


@pytest.mark.parametrize("choices", NESTED)
def test_nested_logit_agrees_with_dop853(choices: dict[str, object]) -> None:
    m = mm.model("nested_logit", N=8, L=32, **choices)
    if "B" in choices:
        m = m.with_rates(xi="1/(L-1)")
    times = np.array([1.0, 10.0, 40.0, 80.0, 200.0, 1000.0])
    run = mm.simulate(m, t_end=1000.0, save=times, **TIGHT)
    np.testing.assert_allclose(states_of(run, m), reference(m, times), rtol=1e-9, atol=1e-10)


def test_exact_positions_agree_with_dop853() -> None:
    m = mm.model("nested_logit", N=4, L=16, attend="exact")
    times = np.array([5.0, 50.0, 300.0])
    run = mm.simulate(m, t_end=300.0, save=times, **TIGHT)
    np.testing.assert_allclose(states_of(run, m), reference(m, times), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("a", [1.0, 0.25])
def test_double_well_agrees_with_its_closed_form_and_dop853(a: float) -> None:
    m = double_well().with_values(a=a)
    times = np.linspace(0, 20, 41)
    run = mm.simulate(m, t_end=20.0, save=times, **TIGHT)
    decay = np.exp(-2 * a * times)
    closed = 0.1 * np.sqrt(a / (0.01 + (a - 0.01) * decay))
    np.testing.assert_allclose(run.x, closed, rtol=1e-10)
    np.testing.assert_allclose(run.x.values[1:], reference(m, times[1:])[:, 0], rtol=1e-9)


def test_van_der_pol_at_mu_1000_agrees_with_radau() -> None:
    m = van_der_pol()
    times = np.array([100.0, 500.0, 800.0, 850.0, 1200.0, 1600.0, 2000.0])
    run = mm.simulate(m, t_end=2000.0, save=times, method="rodas4", rtol=1e-10, atol=1e-13)

    def jacobian(t: float, y: np.ndarray) -> np.ndarray:
        return np.array([[0, 1], [-2000 * y[0] * y[1] - 1, 1000 * (1 - y[0] ** 2)]])

    solved = solve_ivp(
        plain_drift(m), (0, 2000), [2.0, 0.0], method="Radau", jac=jacobian, t_eval=times, rtol=1e-10, atol=1e-13
    )
    np.testing.assert_allclose(states_of(run, m), solved.y.T, rtol=1e-6, atol=1e-9)
    assert float(run.falls) == pytest.approx(807.0, abs=1.0)  # the first jump of the relaxation oscillation
    assert int(run.steps) < 40_000


def test_rodas4_takes_few_steps_where_tsit5_takes_many() -> None:
    m = van_der_pol()
    stiff = mm.simulate(m, t_end=500.0, method="rodas4")
    explicit = mm.simulate(m, t_end=5.0)
    assert int(stiff.steps) < 60
    assert int(explicit.steps) > 3_000  # bound by stability: 3 mu * 5 / 3.5


def test_two_factors_keep_their_difference_and_agree_with_dop853() -> None:
    m = two_factors()
    times = np.linspace(0.5, 20, 40)
    run = mm.simulate(m, t_end=20.0, save=times, **TIGHT)
    np.testing.assert_allclose(states_of(run, m), reference(m, times), rtol=1e-9)
    np.testing.assert_allclose(run.difference, 0.01**2 - 0.3**2, rtol=1e-10)
    assert float(run.loss[-1]) < 1e-20
    coarse = mm.simulate(m, t_end=20.0)
    assert abs(coarse.difference.values + 0.0899).max() < 1e-5


def test_lotka_volterra_keeps_its_conserved_quantity_and_agrees_with_dop853() -> None:
    m = lotka_volterra()
    times = np.linspace(1, 100, 100)
    run = mm.simulate(m, t_end=100.0, save=times, **TIGHT)
    np.testing.assert_allclose(states_of(run, m), reference(m, times), rtol=1e-9)
    np.testing.assert_allclose(run.conserved, at(m, [[1.0, 2.0]])["conserved"][0], rtol=1e-11)
    assert "loss" not in run


def test_a_map_is_iterated_exactly() -> None:
    run = mm.descend(logistic(), steps=60, save=np.arange(61))
    x, expected = 0.2, [0.2]
    for _ in range(60):
        x = x + (3.9 * x * (1 - x) - x)
        expected.append(x)
    # chaos: a rounding error of 1e-16 doubles about every 1.4 steps
    allowed = 1e-15 * 2.0 ** (np.arange(61) / 1.2)
    assert (abs(run.x.values - expected)[:45] < allowed[:45]).all()
    assert run.step.dtype.kind == "i"
    assert float(run.high) == next(k for k, v in enumerate(expected) if v > 0.9)


def test_gradient_descent_agrees_with_a_plain_loop() -> None:
    m = two_factors().with_rates(a=0.5)
    run = mm.descend(m, lr=0.05, steps=300, save=np.arange(301))
    a, b = 0.01, 0.3
    path = [(a, b)]
    for _ in range(300):
        error = a * b - 2.0
        a, b = a - 0.05 * 0.5 * error * b, b - 0.05 * error * a
        path.append((a, b))
    np.testing.assert_allclose(states_of(run, m), path, rtol=1e-12)
    product = np.prod(path, axis=1)
    assert float(run.learnt) == np.flatnonzero(product >= 1.0)[0]


def test_gradient_descent_on_nested_logit_tends_to_its_flow() -> None:
    m = mm.model("nested_logit", attend="labels")
    escape = [float(mm.descend(m, lr=lr, steps=int(80 / lr)).escape_time) * lr for lr in (0.2, 0.1)]
    flow = float(mm.simulate(m, t_end=80.0).escape_time)
    extrapolated = 2 * escape[1] - escape[0]  # the step at which it happened is rounded up: half a step on average
    assert extrapolated == pytest.approx(flow, abs=0.2)
    assert escape[0] > escape[1] > flow
