"""What the derivations about linear attention start from: symbols, random points, rates of change, conditions."""

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.derivation import Condition, Init
from theory.vocabulary import label

SOURCE = "von Oswald et al., ICML 2023 (arXiv 2212.07677)"
HERE = f"derived here from the loss of the model; task and layer of {SOURCE}"
N, d, s, kappa, tau, sigma, norm = sp.symbols("N d s kappa tau sigma norm", real=True)
a_star, G = sp.Symbol("a_star", positive=True), sp.Symbol("G", positive=True)
a, a_0, x_0 = (sp.Symbol(name, positive=True) for name in ("a", "a_0", "x_0"))
T_HALF, LOSS = label("t_{1/2}"), label(r"\mathcal{L}")
BALANCED = 1e-9  # relative


def rate(state: object) -> sp.Symbol:
    """Return the rate of a state."""
    return sp.Symbol(f"eta_{state}", positive=True)


def change(m: Model, expr: sp.Expr) -> sp.Expr:
    """Return the rate of change of an expression along the flow of a model, with a symbol for every state's rate."""
    return sp.Add(*(sp.diff(expr, m.symbols[k]) * rate(k) * m.drift[k] for k in m.state))


def unit_rates(m: Model, expr: sp.Expr) -> sp.Expr:
    """Return an expression with the model's own rates."""
    return expr.xreplace({rate(k): sp.nsimplify(v) for k, v in m.rates.items()})


class Point(dict[str, float]):
    """A random point: a positive value for every name that is asked for, those of the parameters in their ranges."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(
            N=rng.uniform(4, 30), M=rng.uniform(4, 30), d=rng.uniform(2, 20), norm=rng.uniform(0.5, 20),
            kappa=rng.uniform(1, 4), kappa_6=rng.uniform(2, 20), kappa_8=rng.uniform(5, 120), sigma=rng.uniform(0, 1),
        )  # fmt: skip
        self.rng = rng

    def __or__(self, other: Mapping[str, float]) -> "Point":  # type: ignore[override]
        self.update(other)
        return self

    def __missing__(self, name: str) -> float:
        self[name] = float(self.rng.lognormal(-0.5, 0.5))
        return self[name]


def draw(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point: parameters, states, rates, and the symbols of the derivations."""
    point = Point(rng)
    point["S1"], point["S2"] = 2 * point["A"] + point["S1"], 2 * point["B"] + point["S2"]
    return point


def between(expr: sp.Expr, low: float, high: float, what: str) -> Condition:
    """Return the condition that an expression of states and parameters lies between two bounds at the start."""

    def condition(model: Model, init: Init) -> str | None:
        value = at(model, init, expr)
        return None if low < value < high else f"{what} is {value:.3g} at the start, not between {low:g} and {high:g}."

    return condition


def balanced(expr: sp.Expr, size: sp.Expr, what: str) -> Condition:
    """Return the condition that an invariant is zero, relative to a size."""

    def condition(model: Model, init: Init) -> str | None:
        value, scale = at(model, init, expr), at(model, init, size)
        return None if abs(value) <= BALANCED * abs(scale) else f"{what} is {value:.3g} at the start, not zero."

    return condition


def alike(*states: str) -> Condition:
    """Return the condition that states move at one rate."""

    def condition(model: Model, init: Init) -> str | None:
        rates = model.rate_values()
        odd = next((k for k in states if rates[k] != rates[states[0]]), None)
        return odd and f"the rates of {states[0]} and {odd} differ."

    return condition


def at(model: Model, init: Init, expr: sp.Expr) -> float:
    """Return the value of an expression of states, parameters and rates at a start."""
    values = {**model.values, **init} | {f"eta_{k}": v for k, v in model.rate_values().items()}
    return float(expr.evalf(30, subs={x: sp.Float(values[x.name], 30) for x in expr.free_symbols}))


def numbered(m: Model, kind: str) -> Sequence[sp.Symbol]:
    """Return the states or parameters of a kind, in order."""
    return [x for name, x in m.symbols.items() if name.startswith(f"{kind}_")]
