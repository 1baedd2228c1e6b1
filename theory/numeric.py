"""Expressions as functions: of NumPy's arrays without overflow, of mpmath's numbers; what ends an integration."""

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp
from sympy.printing.pycode import MpmathPrinter

from minimodels.primitives import ON_ARRAYS

PRIMITIVES = {primitive.__name__: on_arrays for primitive, on_arrays in ON_ARRAYS.items()}


def function(arguments: Sequence[sp.Symbol], expressions: Any) -> Callable[..., Any]:
    """Return ``expressions`` as a vectorised function of ``arguments``."""
    made: Callable[..., Any] = sp.lambdify(list(arguments), expressions, [PRIMITIVES, "numpy"], cse=True)
    return made


def precise(arguments: sp.Symbol | Sequence[sp.Symbol], expressions: Any, *, cse: bool = False) -> Callable[..., Any]:
    """Return ``expressions`` as a function of mpmath's numbers, at the digits that are set when it is called.

    SymPy's own, made in a third of the time: no terms are sorted, and no text of them is kept.
    """
    printer = MpmathPrinter({
        "fully_qualified_modules": False, "inline": True, "allow_unknown_functions": True, "order": "none",
    })  # fmt: skip
    made: Callable[..., Any] = sp.lambdify(
        arguments, expressions, "mpmath", printer=printer, cse=cse, docstring_limit=0
    )
    return made


def ending(event: Callable[..., float]) -> Any:
    """Return a function of time and state as the event that ends a run of `solve_ivp` where it crosses 0 upwards."""
    marked: Any = event
    marked.terminal, marked.direction = True, 1.0
    return marked
