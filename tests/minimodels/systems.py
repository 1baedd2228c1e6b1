"""Models a user might state, shared by the tests so that each is compiled once; and SciPy as the reference."""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

import minimodels as mm
from minimodels.engine.stepper.methods import methods
from minimodels.model import Model
from minimodels.primitives import elementary
from minimodels.problem import Options, problem

TRANSITION_TIMES = [  # N, L, B, T* of nested_logit from 0 with labels only and with all tokens; science file, 6.4
    (8, 32, 1, 49.53, 98.67),
    (8, 16, 1, 60.61, 121.32),
    (4, 32, 1, 20.06, 38.81),
    (2, 32, 1, 10.22, 18.77),
    (8, 32, 2, 25.86, 48.54),
    (4, 16, 1, 21.58, 42.14),
]
TIGHT: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-14}
METHODS = [name for name, method in methods().items() if not method.discrete]


def stepping(method: str, step: float, **tolerances: float) -> dict[str, Any]:
    """Return the options of a method: its step where that is fixed, or tolerances."""
    return {"step": step} if methods()[method].fixed else tolerances


@cache
def double_well() -> mm.GradientFlow:
    x, a = sp.symbols("x a")
    return mm.GradientFlow(name="double_well", state={"x": 0.1}, parameters={"a": 1.0}, loss=(x**2 - a) ** 2 / 4)


@cache
def van_der_pol() -> mm.Flow:
    x, y, mu = sp.symbols("x y mu")
    return mm.Flow(
        name="van_der_pol",
        state={"x": 2.0, "y": 0.0},
        parameters={"mu": 1000.0},
        drift={"x": y, "y": mu * (1 - x**2) * y - x},
        events={"falls": mm.Event("x", 0.0, -1)},
    )


@cache
def two_factors() -> mm.GradientFlow:
    """Return two factors that learn a product: a^2 - b^2 is conserved."""
    a, b, s = sp.symbols("a b s")
    return mm.GradientFlow(
        name="two_factors",
        state={"a": 0.01, "b": 0.3},
        parameters={"s": 2.0},
        loss=(a * b - s) ** 2 / 2,
        observables={"difference": a**2 - b**2},
        events={"learnt": mm.Event(a * b - s / 2)},
    )


@cache
def lotka_volterra() -> mm.Flow:
    x, y, k = sp.symbols("x y k")
    return mm.Flow(
        name="lotka_volterra",
        state={"x": 1.0, "y": 2.0},
        parameters={"k": 0.5},
        drift={"x": x * (1 - y), "y": k * y * (x - 1)},
        observables={"conserved": k * (x - sp.log(x)) + y - sp.log(y)},
    )


@cache
def oscillator() -> mm.Flow:
    """Return x = sin t, v = cos t, with crossings of x through the parameter c."""
    x, v, c = sp.symbols("x v c")
    return mm.Flow(
        name="oscillator",
        state={"x": 0.0, "v": 1.0},
        parameters={"c": 0.5},
        drift={"x": v, "v": -x},
        events={
            "up": mm.Event(x - c),
            "down": mm.Event(x - c, direction=-1),
            "either": mm.Event(x - c, direction=0),
            "turn": mm.Event(v, direction=-1),
        },
    )


@cache
def blow_up() -> mm.Flow:
    """Return x' = x^2 + g: infinite at t = 1/x(0) where g = 0."""
    x, g = sp.symbols("x g")
    return mm.Flow(
        name="blow_up", state={"x": 1.0}, parameters={"g": mm.Parameter(0.0, "drive", low=0)}, drift={"x": x**2 + g}
    )


@cache
def logistic() -> mm.Map:
    x, r = sp.symbols("x r")
    return mm.Map(
        name="logistic",
        state={"x": 0.2},
        parameters={"r": 3.9},
        update={"x": r * x * (1 - x)},
        events={"high": mm.Event("x", 0.9)},
    )


def plain_drift(model: Model) -> Any:
    """Return f(t, y) of a model in plain exponentials, evaluated by NumPy, rates included."""
    values = model.values
    rates = model.rate_values()
    symbols = [model.symbols[k] for k in model.state]
    numbers = {model.symbols[k]: sp.Float(v, 30) for k, v in values.items()}
    exprs = [rates[k] * elementary(sp.sympify(model.drift[k]).xreplace(numbers)) for k in model.state]
    f = sp.lambdify(symbols, exprs, "numpy", cse=True)
    return lambda t, y: np.array(f(*y), dtype=float)


def reference(model: Model, times: Any, method: str = "DOP853", init: Any = None) -> np.ndarray:
    """Return SciPy's states (T, n) at tight tolerances."""
    start = [(dict(model.init) | (init or {}))[k] for k in model.state]
    solved = solve_ivp(plain_drift(model), (0.0, times[-1]), start, method=method, t_eval=times, rtol=1e-13, atol=1e-15)
    assert solved.success
    return solved.y.T


def at(model: Model, states: np.ndarray) -> dict[str, np.ndarray]:
    """Return loss and observables, and the drift as ``d_<state>``, from the compiled kernels at states (P, n)."""
    from minimodels.compiled import compiled

    stated = problem(model, 1.0, Options())
    y = np.atleast_2d(np.asarray(states, dtype=float))
    _, par, _ = stated.points({}, len(y))
    observing, linearising = compiled(model).observe(), compiled(model).linearise()
    observed = observing.evaluate("observe", y, observing.table(par))
    linear = linearising.evaluate("linearise", y, linearising.table(par))
    names = [*stated.observables, *(f"d_{k}" for k in model.state)]
    values = np.hstack([observed, linear[:, : len(model.state)]])
    return dict(zip(names, values.T, strict=True))


def states_of(run: Any, model: Model) -> np.ndarray:
    return np.stack([run[k].values for k in model.state], axis=-1)
