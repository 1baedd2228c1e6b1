"""Zeros of polynomials in closed form, by factors and substitution, in a bounded number of steps."""

from collections.abc import Sequence

import numpy as np
import sympy as sp

from minimodels.primitives import elementary
from theory.own.motion import size, terms

Solution = dict[sp.Symbol, sp.Expr]  # unknown -> value; unknowns that are not in it are free
TERMS, DEGREE, SYMBOLS, WORK = 60, 8, 8, 600
OPERATIONS = 400  # of a value that still counts as a closed form


class TooHardError(Exception):
    """No closed form within the bounds."""


def solve(equations: Sequence[sp.Expr], unknowns: Sequence[sp.Symbol]) -> list[Solution] | None:
    """Return all real common zeros for generic parameters, points first; None where no closed form is found.

    Factors are set to zero one after the other; an unknown that occurs linearly is substituted (where its coefficient
    may vanish, both cases are followed); an equation in one unknown is solved if it is of degree 2, or of degree 4 in
    even powers. Nothing else is tried, so that it always ends.
    """
    try:
        found = _Elimination(tuple(unknowns)).solve([_numerator(e, unknowns) for e in equations], tuple(unknowns))
    except TooHardError:
        return None
    found = [s for s in found if all(v.is_real is not False and size(v) <= OPERATIONS for v in s.values())]
    kept: list[Solution] = []
    for solution in sorted(found, key=lambda s: -len(s)):
        if not any(_inside(solution, other) for other in (*kept, *(o for o in found if len(o) < len(solution)))):
            kept.append(solution)
    return kept


def _numerator(expr: sp.Expr, unknowns: Sequence[sp.Symbol]) -> sp.Expr:
    if terms(expr) > 4 * TERMS:
        raise TooHardError
    top, bottom = sp.fraction(sp.together(expr))
    if not (top.is_polynomial(*unknowns) and bottom.is_polynomial(*unknowns)) or terms(top) > 4 * TERMS:
        raise TooHardError
    return sp.expand(top)


class _Elimination:
    def __init__(self, unknowns: tuple[sp.Symbol, ...]) -> None:
        self.unknowns, self.work = set(unknowns), 0

    def solve(self, equations: list[sp.Expr], unknowns: tuple[sp.Symbol, ...]) -> list[Solution]:
        equations = [e for e in equations if not is_zero(e)]
        lengths = [len(sp.Add.make_args(e)) for e in equations]
        self.work += 1 + sum(lengths)
        if self.work > WORK or max(lengths, default=0) > TERMS:
            raise TooHardError
        if any(not e.free_symbols & self.unknowns for e in equations):
            return []
        if not equations:
            return [{}]
        equations = sorted(equations, key=size)
        for k, equation in enumerate(equations):
            pieces = self.factors(equation)
            if len(pieces) > 1 or pieces[0] != equation:
                others = equations[:k] + equations[k + 1 :]
                return [s for piece in pieces for s in self.solve([piece, *others], unknowns)]
        for certain in (True, False):
            for k, equation in enumerate(equations):
                for u in (u for u in unknowns if equation.has(u)):
                    slope, rest = (sp.Poly(equation, u).coeff_monomial(u**j) for j in (1, 0))
                    if sp.Poly(equation, u).degree() > 1 or (certain and slope.free_symbols & self.unknowns):
                        continue
                    others = equations[:k] + equations[k + 1 :]
                    both = [] if certain else self.solve([slope, rest, *others], unknowns)
                    return both + self.substitute(u, -rest / slope, others, unknowns)
            for k, equation in enumerate(equations if certain else ()):
                here = [u for u in unknowns if equation.has(u)]
                if len(here) == 1:
                    others = equations[:k] + equations[k + 1 :]
                    found = [self.substitute(here[0], r, others, unknowns) for r in _roots(equation, here[0])]
                    return [s for solutions in found for s in solutions]
        raise TooHardError

    def substitute(
        self, u: sp.Symbol, value: sp.Expr, others: list[sp.Expr], unknowns: tuple[sp.Symbol, ...]
    ) -> list[Solution]:
        left = tuple(x for x in unknowns if x != u)
        rest = [_numerator(e.subs(u, value), left) for e in others]
        made = [{**s, u: tidy(value.subs(s))} for s in self.solve(rest, left)]
        return [s for s in made if not s[u].has(sp.zoo, sp.nan, sp.oo)]

    def factors(self, equation: sp.Expr) -> list[sp.Expr]:
        """Return the different factors of an equation that hold an unknown."""
        poly = sp.Poly(equation, *(s for s in equation.free_symbols & self.unknowns))
        common = [min(m[i] for m in poly.monoms()) for i in range(len(poly.gens))]
        pieces = [g for g, power in zip(poly.gens, common, strict=True) if power]
        rest = sp.expand(equation / sp.Mul(*(g**p for g, p in zip(poly.gens, common, strict=True))))
        if poly.total_degree() <= DEGREE and len(equation.free_symbols) <= SYMBOLS:
            pieces += factored(rest)
        else:
            pieces.append(rest)
        return [p for p in dict.fromkeys(map(sp.expand, pieces)) if p.free_symbols & self.unknowns] or [equation]


def factored(expr: sp.Expr, *unknowns: sp.Symbol) -> list[sp.Expr]:
    """Return the different factors of a polynomial; itself where SymPy cannot factor it, or not soon."""
    if size(expr) > OPERATIONS or not expr.is_polynomial(*expr.free_symbols):
        return [expr]
    try:
        return [factor for factor, _ in sp.factor_list(expr, *unknowns)[1]]
    except sp.PolynomialError:
        return [expr]


def _roots(equation: sp.Expr, u: sp.Symbol) -> list[sp.Expr]:
    poly = sp.Poly(equation, u)
    even = all(m[0] % 2 == 0 for m in poly.monoms())
    if poly.degree() > (4 if even else 2):
        raise TooHardError
    return [tidy(r) for r in sp.roots(poly)]


def tidy(expr: sp.Expr) -> sp.Expr:
    """Simplify what is small."""
    return sp.simplify(expr) if size(expr) <= 60 else expr


def is_zero(expr: sp.Expr) -> bool:
    """Whether an expression vanishes at random values of its symbols."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        point = {s: sp.Float(rng.lognormal(), 40) for s in sorted(expr.free_symbols, key=str)}
        value = sp.N(elementary(expr).xreplace(point), 30)
        try:
            if not abs(complex(value)) < 1e-20:
                return False
        except TypeError:  # not a number
            return False
    return True


def _inside(solution: Solution, other: Solution) -> bool:
    """Whether a solution is the same as another, or one of its members."""
    return all(is_zero(sp.sympify(u - v).subs(solution)) for u, v in other.items())
