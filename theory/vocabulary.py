"""What derivations are written with: equations that stay as they are, named values, reasons."""

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from minimodels.model import Model
from theory.derivation import Init, number


def label(text: str) -> sp.Symbol:
    """Return a symbol that prints as the given LaTeX."""
    return sp.Symbol(text if "{" in text else f"{{{text}}}")  # SymPy prints names with braces as they are


def equal(left: sp.Expr, right: sp.Expr) -> sp.Eq:
    """Return an equation that SymPy leaves as it is."""
    return sp.Eq(left, right, evaluate=False)


def values(where: Mapping[sp.Symbol, sp.Expr], **named: sp.Expr) -> Callable[[Model, Init], dict[str, float]]:
    """Return a function that evaluates named expressions at a bound model."""
    return lambda model, init: {k: number(model, expr, where) for k, expr in named.items()}


def measured_escape(model: Model, run: Any) -> float:
    """Return the located escape time of a simulated run (nan where it was not reached)."""
    return float(run["escape_time"])


def first(*reasons: str | None) -> str | None:
    """Return the first reason that is one."""
    return next((reason for reason in reasons if reason), None)


def needs_rates(model: Model, *states: str) -> str | None:
    """Give the reason why a result that divides by a rate does not hold."""
    rates = model.rate_values()
    still = next((k for k in states if rates[k] <= 0), None)
    return still and f"the rate of {still} is {rates[still]:g}; it needs a positive rate."
