"""What derivations are written with: equations that stay as they are, named values, invariants, conditions."""

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from minimodels.model import Model
from theory.derivation import Condition, Evaluate, Init, Regime, Result, Step, number


def label(text: str) -> sp.Symbol:
    """Return a symbol that prints as the given LaTeX."""
    return sp.Symbol(text if "{" in text else f"{{{text}}}")  # SymPy prints names with braces as they are


def equal(left: sp.Expr, right: sp.Expr) -> sp.Eq:
    """Return an equation that SymPy leaves as it is."""
    return sp.Eq(left, right, evaluate=False)


def values(where: Mapping[sp.Symbol, sp.Expr], **named: sp.Expr) -> Evaluate:
    """Return a function that evaluates named expressions at a bound model."""
    return lambda model, init: {k: number(model, expr, where) for k, expr in named.items()}


def measured_escape(model: Model, run: Any) -> float:
    """Return the located escape time of a simulated run (nan where it was not reached)."""
    return float(run["escape_time"])


def at_the_end(evaluate: Evaluate) -> Callable[[Model, Any], float]:
    """Return the function that evaluates the first number of a result at the last state of a simulated run."""

    def measure(model: Model, run: Any) -> float:
        last = {k: float(run[k].values.ravel()[-1]) for k in model.state}
        return next(iter(evaluate(model, last).values()))

    return measure


def invariant(
    name: str, title: str, statement: sp.Basic, steps: tuple[Step, ...], regime: Regime, evaluate: Evaluate
) -> Result:
    """Return the result that a quantity does not change: a run shows it at its end, and its zero means nothing."""
    return Result(
        name=name,
        title=title,
        statement=statement,
        steps=steps,
        regime=regime,
        evaluate=evaluate,
        measure=at_the_end(evaluate),
        arbitrary_zero=True,
    )


def needs_rates(*states: str) -> Condition:
    """Return the condition of a result that divides by some rates."""

    def positive(model: Model, init: Init) -> str | None:
        rates = model.rate_values()
        still = next((k for k in states if rates[k] <= 0), None)
        return still and f"the rate of {still} is {rates[still]:g}; it needs a positive rate."

    return positive
