"""How a step is checked: symbolically where SymPy can, else at seeded random points in high precision."""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

import mpmath
import numpy as np
import sympy as sp

from theory.derivation import Check

DIGITS = 40
POINTS = 12
EXACT = 1e-25  # what 40 digits leave after the cancellations of a few thousand operations

Draw = Callable[[np.random.Generator], Mapping[str, float]]


def identity(left: sp.Expr, right: sp.Expr, draw: Draw, *, symbolic: bool = True, seed: int = 0) -> Check:
    """Check ``left == right`` for all values of their symbols.

    Parameters
    ----------
    left : sympy.Expr
        One side.
    right : sympy.Expr
        The other side.
    draw : callable
        Gives one random point, name -> value, for the numerical check.
    symbolic : bool
        Try SymPy first (it can be slow on expressions with many exponentials).
    seed : int
        Seed of the random points.
    """
    difference = sp.sympify(left - right)
    if difference == 0 or (symbolic and sp.simplify(difference) == 0):
        return Check("symbolic", 0.0, 0.0)
    rng = np.random.default_rng(seed)
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    evaluate = sp.lambdify(symbols, (left, right), "mpmath")
    residuals = []
    with mpmath.workdps(DIGITS):
        for _ in range(POINTS):
            point = draw(rng)
            a, b = evaluate(*(mpmath.mpf(float(point[s.name])) for s in symbols))
            residuals.append(float(abs(a - b) / max(1, abs(a), abs(b))))
    return Check(f"numerical at {POINTS} random points, {DIGITS} digits", max(residuals), EXACT)


def vanishes(residuals: Iterable[float], tolerance: float, what: str) -> Check:
    """Check that numbers computed elsewhere are all small."""
    return Check(what, float(max(abs(r) for r in residuals)), tolerance)


def converges(errors: Iterable[float], factor: float, what: str) -> Check:
    """Check that errors along a sequence of ever more extreme parameters shrink by ``factor`` or more each time."""
    sequence = [abs(float(e)) for e in errors]
    ratios = [later / earlier for earlier, later in pairwise(sequence)]
    return Check(f"limit, {what}: errors {', '.join(f'{e:.1e}' for e in sequence)}; largest ratio", max(ratios), factor)
