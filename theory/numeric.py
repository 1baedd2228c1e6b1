"""Expressions as NumPy functions that do not overflow, and what ends an integration by SciPy."""

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from minimodels.primitives import ON_ARRAYS

PRIMITIVES = {primitive.__name__: on_arrays for primitive, on_arrays in ON_ARRAYS.items()}


def function(arguments: Sequence[sp.Symbol], expressions: Any) -> Callable[..., Any]:
    """Return ``expressions`` as a vectorised function of ``arguments``."""
    made: Callable[..., Any] = sp.lambdify(list(arguments), expressions, [PRIMITIVES, "numpy"], cse=True)
    return made


def ending(event: Callable[..., float]) -> Any:
    """Return a function of time and state as the event that ends a run of `solve_ivp` where it crosses 0 upwards."""
    marked: Any = event
    marked.terminal, marked.direction = True, 1.0
    return marked
