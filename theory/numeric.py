"""Expressions as NumPy functions that do not overflow."""

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from minimodels.primitives import ON_ARRAYS

PRIMITIVES = {primitive.__name__: on_arrays for primitive, on_arrays in ON_ARRAYS.items()}


def function(arguments: Sequence[sp.Symbol], expressions: Any) -> Callable[..., Any]:
    """Return ``expressions`` as a vectorised function of ``arguments``."""
    made: Callable[..., Any] = sp.lambdify(list(arguments), expressions, [PRIMITIVES, "numpy"], cse=True)
    return made
