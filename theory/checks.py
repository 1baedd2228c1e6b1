"""How a step is checked: symbolically where SymPy can, else at seeded random points in high precision."""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

import mpmath
import numpy as np
import sympy as sp

from theory.derivation import Check
from theory.numeric import precise

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
    return identities([(left, right)], draw, seed=seed)


def identities(pairs: Iterable[tuple[sp.Expr, sp.Expr]], draw: Draw, *, seed: int = 0) -> Check:
    """Check numerically that the two sides of every pair are equal for all values of their symbols.

    Of sides that differ the residual is that of the first point where they do.
    """
    sides = [sp.sympify(side) for pair in pairs for side in pair]
    method = f"numerical at {POINTS} random points, {DIGITS} digits"
    if any(side.has(sp.zoo, sp.nan, sp.oo) for side in sides):
        return Check(method, np.inf, EXACT)
    rng = np.random.default_rng(seed)
    symbols = sorted(set[sp.Symbol]().union(*(side.free_symbols for side in sides)), key=str)
    evaluate = precise(symbols, sides, cse=len(sides) > 2)
    residuals = []
    with mpmath.workdps(DIGITS):
        for _ in range(POINTS):
            point = draw(rng)
            found = evaluate(*(mpmath.mpf(float(point[s.name])) for s in symbols))
            residuals += [
                float(abs(a - b) / max(1, abs(a), abs(b))) for a, b in zip(found[::2], found[1::2], strict=True)
            ]
            if not max(residuals) <= EXACT:
                break
    return Check(method, float(np.max(residuals)), EXACT)


def together(first: Check, further: Callable[[], Check]) -> Check:
    """Return two checks of one equation as one; the further one, which takes longer, is made if the first holds."""
    if not first.passed:
        return first
    second = further()
    worst = max(first, second, key=lambda c: (not c.passed, c.residual / (c.tolerance or 1)))
    return Check(f"{first.method}; {second.method}", worst.residual, worst.tolerance)


def vanishes(residuals: Iterable[float], tolerance: float, what: str) -> Check:
    """Check that numbers computed elsewhere are all small."""
    return Check(what, float(np.max([abs(r) for r in residuals])), tolerance)


def converges(errors: Iterable[float], factor: float, what: str) -> Check:
    """Check that errors along a sequence of ever more extreme parameters shrink by ``factor`` or more each time."""
    sequence = [abs(float(e)) for e in errors]
    ratios = [later / earlier for earlier, later in pairwise(sequence)]
    shown = ", ".join(f"{e:.1e}" for e in sequence)
    return Check(f"limit, {what}: errors {shown}; largest ratio", float(np.max(ratios)), factor)
