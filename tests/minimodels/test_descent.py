"""The exact update that a flow may state for gradient descent."""

import pickle
from typing import Any

import numpy as np
import pytest
import sympy as sp

import minimodels as mm
from minimodels.compiled import compiled

x, y, u, c, lr = sp.symbols("x y u c lr")


def parabola() -> mm.GradientFlow:
    """Return c x^2/2 in its parameter x."""
    return mm.GradientFlow(name="parabola", state={"x": 1.5}, parameters={"c": 0.4}, loss=c * x**2 / 2)


def squared(**others: Any) -> mm.Flow:
    """Return the same, seen in u = x^2."""
    stated = {"descent": {"u": (1 - lr * c) ** 2 * u}, **others}
    return mm.Flow(
        name="squared", state={"u": 2.25}, parameters={"c": 0.4}, drift={"u": -2 * c * u},
        observables={"loss": c * u / 2}, events={"half": mm.Event(u, 1.0, -1)}, **stated,
    )  # fmt: skip


def test_descent_in_other_states_is_that_of_the_parameters() -> None:
    steps = np.arange(31)
    one = mm.descend(parabola(), lr=0.9, steps=30, save=steps)
    two = mm.descend(squared(), lr=0.9, steps=30, save=steps)
    np.testing.assert_allclose(two.u, one.x**2, rtol=1e-14)
    np.testing.assert_allclose(two.loss, one.loss, rtol=1e-14)
    assert int(two.half) == int(np.argmax(one.x.values**2 <= 1))
    euler = mm.descend(squared(descent=None), lr=0.9, steps=30, save=steps)
    np.testing.assert_allclose(euler.u, 2.25 * (1 - 2 * 0.9 * 0.4) ** steps, rtol=1e-12)


def test_its_flow_is_what_it_was() -> None:
    run = mm.simulate(squared(), t_end=2.0, save=[2.0], rtol=1e-10, atol=1e-12)
    assert float(run.u[0]) == pytest.approx(2.25 * np.exp(-1.6), rel=1e-9)
    assert mm.evaluate(squared())["d_u"] == pytest.approx(-1.8)


def test_a_gradient_flow_may_state_it_too() -> None:
    """A loss whose gradient is natural in v = log x: x <- x exp(-lr x dL/dx) exactly."""
    m = mm.GradientFlow(
        name="positive", state={"x": 2.0}, loss=x, rates={"x": 0.5}, descent={"x": x - lr + lr**2 / (1 + lr)}
    )
    found = mm.descend(m, lr=0.4, steps=2, save=[0, 1, 2])
    step = -0.2 + 0.04 / 1.2
    np.testing.assert_allclose(found.x, [2, 2 + step, 2 + 2 * step], rtol=1e-15)


def test_rates_are_learning_rates_of_every_state() -> None:
    m = mm.Flow(
        name="two", state={"u": 1.0, "y": 1.0}, drift={"u": "-2*u", "y": "-y"},
        descent={"u": "(1 - lr)**2*u", "y": "(1 - lr)*y"}, rates={"y": "3"},
    )  # fmt: skip
    run = mm.descend(m, lr=0.1, steps=3, rates={"u": 0.5}, save=[3])
    np.testing.assert_allclose([run.u[0], run.y[0]], [0.95**6, 0.7**3], rtol=1e-14)
    grid = mm.sweep(m, {"rate_u": [0.5, 0.0], "lr": [0.1, 0.2]}, steps=3, keep=["u", "y"])
    np.testing.assert_allclose(grid.u, [[0.95**6, 0.9**6], [1, 1]], rtol=1e-14)
    np.testing.assert_allclose(grid.y[0], [0.7**3, 0.4**3], rtol=1e-14)


def test_what_is_held_stays_to_the_last_bit() -> None:
    shifted = mm.Flow(  # in floating point (u - c) + c is not u
        name="shifted",
        state={"u": 0.1},
        parameters={"c": 0.7},
        drift={"u": c - u},
        descent={"u": c + (1 - lr) * (u - c)},
    )
    run = mm.descend(shifted, lr=0.3, steps=20, clamp={"u": (0.1, 5, 15)}, save=np.arange(21))
    assert (run.u[6:16] == 0.1).all()
    assert run.u[16] != 0.1
    still = mm.sweep(shifted, {"rate_u": [0.0]}, steps=20, keep="u")
    assert still.u.item() == 0.1


def test_another_descent_is_another_kernel() -> None:
    one, two = squared(), squared(descent={"u": "u*exp(-2*lr*c)"})
    kernels = [compiled(m).flow([], discrete=True).fingerprint for m in (one, two)]
    assert kernels[0] != kernels[1]
    assert compiled(one).flow([]).fingerprint == compiled(two).flow([]).fingerprint  # the flow is the same
    ends = [float(mm.descend(m, lr=0.5, steps=10).u[-1]) for m in (one, two)]
    np.testing.assert_allclose(ends, [2.25 * 0.8**20, 2.25 * np.exp(-4)], rtol=1e-13)


def test_it_survives_a_copy_and_another_process() -> None:
    m = pickle.loads(pickle.dumps(squared())).with_values(c=0.8).with_rates(u=0.5)
    assert float(mm.descend(m, lr=0.5, steps=4).u[-1]) == pytest.approx(2.25 * 0.8**8, rel=1e-14)


def test_a_run_that_diverges_says_so() -> None:
    with pytest.raises(mm.RunFailed, match="lower `lr`"):
        mm.descend(squared(), lr=20.0, steps=10_000)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"descent": {}}, "the descent of 'squared' lacks the state 'u'"),
    ({"descent": {"u": "u", "v": "u"}}, "unknown state 'v' in the descent of 'squared'"),
    ({"descent": {"u": "(1 - rate*c)**2*u"}}, "unknown symbol 'rate' in the descent of 'u' of 'squared'"),
    ({"descent": {"u": "u*(1 - lr*c)"}}, "moves by -0.928284 lr where the drift is -1.85657"),
    ({"descent": {"u": "(1 - lr*c)**2*u + 1"}}, "moves at `lr` = 0; it must be u there"),
    ({"descent": 3}, "`descent` of 'squared' is a dictionary"),
    ({"observables": {"lr": "u"}}, "'lr' is the learning rate of a descent; rename an observable of 'squared'"),
]


@pytest.mark.parametrize(("stated", "sentence"), BAD, ids=lambda v: v if isinstance(v, str) else "")
def test_what_cannot_be_is_said(stated: dict[str, Any], sentence: str) -> None:
    arguments = {"descent": {"u": (1 - lr * c) ** 2 * u}, **stated}
    with pytest.raises(mm.InputError) as caught:
        mm.Flow(name="squared", state={"u": 2.25}, parameters={"c": 0.4}, drift={"u": -2 * c * u}, **arguments)
    assert sentence in str(caught.value)


def test_a_gradient_flow_has_one_loss() -> None:
    with pytest.raises(mm.InputError, match="'loss' is both the name of a result and an observable"):
        mm.GradientFlow(name="twice", state={"x": 1.0}, loss=x**2, observables={"loss": x})
    m = mm.Flow(name="once", state={"x": 1.0, "y": 2.0}, drift={"x": -x, "y": -y}, observables={"z": y, "loss": x})
    assert mm.simulate(m, t_end=1.0, events={"half": mm.Event("loss", 0.5, -1)}).half == pytest.approx(
        np.log(2), rel=1e-5
    )
    assert mm.fixed_points(m, starts=5)[0].loss == pytest.approx(0, abs=1e-9)
