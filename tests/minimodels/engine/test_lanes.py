"""One stepper for any number of states and events, in any number of lanes."""

import numpy as np
import pytest
import sympy as sp
from scipy.linalg import expm

import minimodels as mm
from tests.minimodels.systems import METHODS, TIGHT, reference, states_of, stepping


def linear(a: np.ndarray) -> mm.Flow:
    x = sp.symbols(f"x:{len(a)}")
    drift = {
        str(v): sp.Add(*(float(c) * u for c, u in zip(row, x, strict=True) if c)) for v, row in zip(x, a, strict=True)
    }
    return mm.Flow(name="linear", state={str(v): 1.0 + 0.1 * i for i, v in enumerate(x)}, drift=drift)


@pytest.mark.parametrize("n", [1, 2, 13, 40])
@pytest.mark.parametrize("method", ["tsit5", "rodas4"])
def test_a_linear_flow_of_any_size_is_a_matrix_exponential(n: int, method: str) -> None:
    a = np.random.default_rng(n).normal(size=(n, n)) / np.sqrt(n) - 0.5 * np.eye(n)
    m = linear(a)
    run = mm.simulate(m, t_end=3.0, save=[1.0, 3.0], method=method, rtol=1e-9, atol=1e-12)
    start = np.array([m.init[k] for k in m.state])
    for i, t in enumerate((1.0, 3.0)):
        np.testing.assert_allclose(states_of(run, m)[i], expm(t * a) @ start, atol=2e-7)


def test_the_linear_solves_of_rodas4_choose_their_pivots() -> None:
    """At a rate of 1e8 the matrix 1/(h gamma) - J is all but singular in its upper left corner."""
    size = 1e8
    a = np.array([[0.0, size, 0.0], [-size, -2 * size, 1.0], [0.0, 0.0, -1.0]])
    run = mm.simulate(linear(a), t_end=2.0, save=[2.0], method="rodas4", rtol=1e-8, atol=1e-12)
    slow = float(run.x2[0])
    assert slow == pytest.approx(1.2 * np.exp(-2.0), rel=1e-6)
    # the fast pair follows: 0 = x1, 0 = -size*x0 + x2
    assert float(run.x0[0]) * size == pytest.approx(slow, rel=1e-3)


def test_every_lane_pivots_for_itself() -> None:
    x, y, c = sp.symbols("x y c")
    m = mm.Flow(name="turn", state={"x": 1.0, "y": 0.0}, parameters={"c": 1.0}, drift={"x": c * y, "y": -c * x - 3 * y})
    rates = np.concatenate([np.linspace(0.0, 5.0, 40), [1e3], np.linspace(-2, 2, 40)])
    grid = mm.sweep(m, {"c": rates}, t_end=2.0, keep=["x", "y"], method="rodas4", rtol=1e-8, atol=1e-11)
    for i, rate in enumerate(rates):
        if abs(rate) < 10:
            exact = expm(2.0 * np.array([[0.0, rate], [-rate, -3.0]])) @ [1.0, 0.0]
            np.testing.assert_allclose([grid.x[i], grid.y[i]], exact, atol=1e-6)
    assert np.isfinite(grid.x).all()


def test_sixty_states_that_learn_a_tensor_agree_with_dop853() -> None:
    names = [sp.symbols(f"{k}:20") for k in "abc"]
    truth = np.random.default_rng(0).normal(size=(3, 20))
    truth /= np.linalg.norm(truth, axis=1)[:, None]
    norms = [sp.Add(*(v**2 for v in x)) for x in names]
    overlaps = [sp.Add(*(float(t) * v for t, v in zip(w, x, strict=True))) for w, x in zip(truth, names, strict=True)]
    loss = (sp.Mul(*norms) - 2 * sp.Mul(*overlaps) + 1) / 2
    start = np.random.default_rng(1).normal(size=60) / 4
    state = {str(v): float(s) for v, s in zip([v for x in names for v in x], start, strict=True)}
    m = mm.GradientFlow(name="tensor", state=state, loss=loss, observables={"overlap": sp.Mul(*overlaps)})
    times = np.array([1.0, 5.0, 20.0])
    run = mm.simulate(m, t_end=20.0, save=times, **TIGHT)
    np.testing.assert_allclose(states_of(run, m), reference(m, times), atol=1e-9)
    assert (np.diff(mm.simulate(m, t_end=20.0).loss) <= 1e-12).all()


def test_many_events_at_once_each_find_their_time() -> None:
    x = sp.Symbol("x")
    levels = np.linspace(0.15, 0.95, 9)
    m = mm.GradientFlow(
        name="well", state={"x": 0.1}, loss=(x**2 - 1) ** 2 / 4,
        events={f"at_{i}": mm.Event("x", float(c)) for i, c in enumerate(levels)},
    )  # fmt: skip
    run = mm.simulate(m, t_end=20.0, rtol=1e-11, atol=1e-13)
    exact = np.log((levels**2 / (1 - levels**2)) / (0.01 / 0.99)) / 2
    np.testing.assert_allclose([float(run[f"at_{i}"]) for i in range(9)], exact, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_one_lane_and_many_give_the_same_bits(method: str) -> None:
    m = mm.model("nested_logit", attend="labels")
    step = stepping(method, 0.5)
    sizes = np.linspace(10, 300, 130)
    keep = ["beta_1", "alpha", "xi", "escape_time", "steps"]
    grid = mm.sweep(m, {"L": sizes}, t_end=150.0, keep=keep, method=method, threads=1, **step)
    for i in (0, 7, 64, 129):
        alone = mm.sweep(m, {"L": sizes[i : i + 1]}, t_end=150.0, keep=keep, method=method, **step)
        for name in keep:
            assert alone[name].item() == grid[name][i].item() or np.isnan(alone[name].item())
