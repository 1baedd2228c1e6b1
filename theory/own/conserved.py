"""Conserved quantities of a model of the user's own: every combination of monomials up to degree 2 is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import sympy as sp
from sympy.polys.matrices import DomainMatrix

from minimodels.model import Model
from minimodels.primitives import elementary
from theory.checks import vanishes
from theory.derivation import Init, Regime, Result, Step
from theory.own.motion import EXPANDABLE, Floats, Motion, null_space, size, terms
from theory.vocabulary import at_the_end, equal, label

QUADRATIC = 8  # states up to which degree 2 is looked at
HERE = "derived here from the model's own expressions: ansatz over monomials"


@dataclass(frozen=True)
class Found:
    """Conserved quantities up to a degree; how many more there are whose coefficients were not found.

    ``unnamed`` is None where the model cannot be evaluated at random points.
    """

    degree: int
    quantities: tuple[sp.Expr, ...]
    unnamed: int | None


def find(motion: Motion) -> Found:
    """Return the independent conserved quantities among polynomials.

    Of degree 2 only those are returned that are not products of linear ones.
    """
    degree = 2 if len(motion.x) <= QUADRATIC and size(*motion.f) <= EXPANDABLE else 1
    found: list[sp.Expr] = []
    missing = 0
    for upto in range(1, degree + 1):
        basis = monomials(motion.x, upto)
        changes = [motion.change(m) for m in basis]
        table = motion.rows(changes, 3 * len(basis) + 10)
        if table is None:
            return Found(degree, (), None)
        numeric = null_space(table)
        if not len(numeric):
            continue
        known = [*found, *(sp.expand(a * b) for a, b in combinations_with_replacement(found, 2) if upto == 2)]
        made = _exactly(motion, basis, changes)
        if made is None or len(made) < len(numeric):
            made = [_rounded(basis, row) for row in numeric]
        made = [q for q in made if (check := motion.zero(motion.change(q))) and check.passed]
        missing = len(numeric) - len(made)
        found += _independent(motion, basis, known, made)
    return Found(degree, tuple(found), missing)


def monomials(x: Sequence[sp.Symbol], degree: int) -> list[sp.Expr]:
    """Return the monomials from degree 1 up, squares before products."""
    quadratic = sorted(combinations_with_replacement(range(len(x)), 2), key=lambda p: (p[0] != p[1], p))
    return [*x, *(x[i] * x[j] for i, j in quadratic if degree == 2)]


def _exactly(motion: Motion, basis: Sequence[sp.Expr], changes: Sequence[sp.Expr]) -> list[sp.Expr] | None:
    """Return the combinations whose change is zero term by term, with exact coefficients."""
    if sum(map(terms, changes)) > EXPANDABLE:
        return None
    bottom = sp.S(1)
    for f in motion.f:
        bottom = sp.lcm(bottom, sp.fraction(sp.together(f))[1])
    cleared = [sp.expand(sp.cancel(c * bottom ** (2 if motion.is_map else 1)) if bottom != 1 else c) for c in changes]
    states = set(motion.x)
    try:
        polynomials, options = sp.parallel_poly_from_expr(cleared)
    except sp.PolynomialError:
        return None
    inner = [bool(g.free_symbols & states) for g in options.gens]
    rows: dict[tuple[int, ...], list[sp.Expr]] = {}
    for k, polynomial in enumerate(polynomials):
        for powers, coefficient in polynomial.terms():
            key = tuple(p for p, own in zip(powers, inner, strict=True) if own)
            outer = sp.Mul(*(g**p for g, p, own in zip(options.gens, powers, inner, strict=True) if not own))
            rows.setdefault(key, [sp.S(0)] * len(basis))[k] += coefficient * outer
    matrix = DomainMatrix.from_Matrix(sp.Matrix(list(rows.values()))).to_field()
    return [_readable(basis, row) for row in matrix.nullspace().to_Matrix().tolist()]


def _rounded(basis: Sequence[sp.Expr], row: Floats) -> sp.Expr:
    return _readable(basis, [sp.Rational(float(v)).limit_denominator(10_000) for v in row])


def _readable(basis: Sequence[sp.Expr], row: Sequence[Any]) -> sp.Expr:
    """Return a combination with coefficients without denominators."""
    bottom = sp.S(1)
    for value in row:
        bottom = sp.lcm(bottom, sp.fraction(sp.together(value))[1])
    whole = [sp.cancel(v * bottom) for v in row]
    common = sp.gcd_list(whole)
    whole = [sp.cancel(v / common) for v in whole]
    first = next(v for v in whole if v != 0)
    return sp.Add(*((-v if first.could_extract_minus_sign() else v) * m for v, m in zip(whole, basis, strict=True)))


def _independent(
    motion: Motion, basis: Sequence[sp.Expr], known: Sequence[sp.Expr], made: Sequence[sp.Expr]
) -> list[sp.Expr]:
    """Return those that are no combination of the known ones and of those before."""
    values = motion.draw(np.random.default_rng(1))
    at = {p: sp.Rational(repr(values[p.name])) for p in motion.parameters}

    def vector(expr: sp.Expr) -> list[complex]:
        powers = sp.Poly(elementary(expr).xreplace(at), *motion.x)
        return [complex(powers.coeff_monomial(m)) for m in basis]

    rows, kept = [vector(e) for e in known], list[sp.Expr]()
    for quantity in made:
        longer = [*rows, vector(quantity)]
        if np.linalg.matrix_rank(np.array(longer)) > (np.linalg.matrix_rank(np.array(rows)) if rows else 0):
            rows, kept = longer, [*kept, quantity]
    return kept


def conserved(motion: Motion) -> Result:
    """Quantities that do not change, linear and quadratic in the states."""
    found = find(motion)
    names = [label(f"C_{{{k}}}") for k in range(1, len(found.quantities) + 1)]
    kind = "in any iteration" if motion.is_map else "along the flow"
    stated = [equal(n, q) for n, q in zip(names, found.quantities, strict=True)]
    steps = [
        step
        for equation in stated
        for step in motion.step(
            f"It does not change {kind}: the changes of its terms cancel.", equation, lambda e: [motion.change(e.rhs)]
        )
    ]
    searched = f"polynomials up to degree {found.degree} in the states"
    none = f"none was found among {searched}"
    if found.unnamed is None:
        none = "the drift has no finite value at random states, where it would be looked for"
    elif found.unnamed:
        searched += f" ({found.unnamed} more exist near the model's parameters, with coefficients not found)"
        none = f"none was found in closed form among {searched}"
    basis = monomials(motion.x, found.degree)
    count = 3 * len(basis) + 10
    table = (
        motion.rows([motion.change(m) for m in basis], count, seed=1)
        if not found.quantities and found.unnamed == 0
        else None
    )
    if table is not None:
        left = float(len(null_space(table)))
        check = vanishes([left], 0.0, f"dimension of the null space at {count} random points")
        sentence = (
            f"No combination of the {len(basis)} monomials up to degree {found.degree} is conserved: their changes at "
            "random points are linearly independent."
        )
        if check.passed:
            steps = [Step(sentence, equal(label("C"), sp.Symbol(r"\text{none}")), check)]
            none = f"there is none among {searched}; others, which are not polynomials of this degree, are not excluded"
    values = {str(q): q for q in found.quantities}

    def obstacle(model: Model, init: Init) -> str | None:
        return None if found.quantities else f"{none}."

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = {s: sp.Float(init[s.name]) for s in motion.x}
        return {name: model.evaluate(q.xreplace(at)) for name, q in values.items()}

    return Result(
        name="conserved",
        title="Conserved quantities",
        statement=sp.Tuple(*stated) if stated else equal(label("C"), sp.Symbol(r"\text{none found}")),
        steps=tuple(steps),
        regime=Regime(f"all starts and parameters, the model's rates; looked for among {searched}", obstacle),
        reference=HERE,
        evaluate=evaluate,
        measure=at_the_end(evaluate) if values else None,
        arbitrary_zero=True,
    )
