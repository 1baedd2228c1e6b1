"""Errors planted into published statements, and whether the derivation's own checks notice.

A change is planted into one side of an equation of the statement, or into the definition of a compact symbol that it
uses. One that says the same is no error: it has the same value at random points or, where the result is a conserved
quantity, it is a function of the right one, their gradients being parallel.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

import mpmath
import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from theory.derivation import Result, Step, expand
from theory.numeric import precise

POINTS = 4
DIGITS = 30
SAME = 1e-20


def equations(statement: sp.Basic) -> list[sp.Equality]:
    """Return the equations that a statement consists of."""
    return [e for e in sp.preorder_traversal(statement) if isinstance(e, sp.Equality)]


def tests_of(result: Result, equation: sp.Equality) -> list[Step]:
    """Return the steps whose test is of this very equation, alone or with others."""
    return [s for s in result.steps if s.test and equation in equations(s.equation)]


def changes(expr: sp.Expr) -> Iterator[tuple[str, sp.Expr]]:
    """Yield an expression with one thing wrong: a sign, a factor two, a term that is missing, two symbols swapped."""
    if isinstance(expr, sp.Tuple | sp.MatrixBase):
        for k, part in enumerate(expr):
            for what, wrong in changes(part):
                parts = [*list(expr)[:k], wrong, *list(expr)[k + 1 :]]
                other = sp.Tuple(*parts) if isinstance(expr, sp.Tuple) else sp.ImmutableMatrix(*expr.shape, parts)
                yield f"part {k}, {what}", other
        return
    yield "the sign", -expr
    yield "a factor two", 2 * expr
    for part in dict.fromkeys(sp.preorder_traversal(expr)):
        if not isinstance(part, sp.Add):
            continue
        for term in part.args:
            for what, other in (("without", sp.S(0)), ("minus", -term), ("twice", 2 * term)):
                yield f"{what} {term}", expr.xreplace({part: part.func(*(a for a in part.args if a != term), other)})
    bound = set[sp.Symbol]().union(*(limits[0].free_symbols for i in expr.atoms(sp.Integral) for limits in i.limits))
    for one, two in combinations(sorted(expr.free_symbols - bound, key=str), 2):
        yield f"{one} for {two}", expr.xreplace({one: two, two: one})


def planted(result: Result, states: Collection[str]) -> Iterator[tuple[str, dict[sp.Equality, sp.Equality]]]:
    """Yield every error that can be planted, with the equations that it makes wrong: one, or those of a definition."""
    for equation in equations(result.statement):
        if str(equation.lhs) in states and equation.rhs == 0:
            yield f"{equation.lhs}: one for zero", {equation: _with(equation, 1, sp.S(1))}
    sides = [(e, k) for e in equations(result.statement) for k in (0, 1) if k or _says_something(e.lhs, result)]
    for equation, k in sides:
        for what, wrong in changes(equation.args[k]):
            yield f"{equation.lhs}: {what}", {equation: _with(equation, k, wrong)}
    for symbol in result.where:
        using = [(e, k) for e, k in sides if symbol in _used(e.args[k], result.where)]
        for what, wrong in changes(result.where[symbol]) if using else ():
            made: dict[sp.Equality, sp.Equality] = {}
            for equation, k in using:
                other = _using(equation.args[k], result.where, symbol, wrong)
                made[equation] = _with(made.get(equation, equation), k, other)
            yield f"definition of {symbol}: {what}", made


def unnoticed(result: Result, states: Collection[str]) -> tuple[list[str], int]:
    """Return the planted errors that no check of the result notices, and how many were planted."""
    missed, count = [], 0
    for what, wrong in planted(result, states):
        caught = {e: w for e, w in wrong.items() if not all(_passes(s, e, w) for s in tests_of(result, e))}
        # of several equations one that still says the same may not be what is caught; one alone is then no error
        noticed = bool(caught) and (len(wrong) == 1 or not all(_alike(result, e, w, states) for e, w in caught.items()))
        if noticed or not all(_alike(result, e, w, states) for e, w in wrong.items()):
            count += 1
            if not noticed:
                missed.append(what)
    return missed, count


def _passes(step: Step, equation: sp.Equality, wrong: sp.Equality) -> bool:
    assert step.test is not None
    stated = step.equation.xreplace({equation: wrong})
    try:
        return step.test(stated).passed
    except KeyError:  # a symbol is left over that has no value
        return False


def _with(equation: sp.Equality, side: int, expr: sp.Expr) -> sp.Equality:
    sides = list(equation.args)
    sides[side] = expr
    return sp.Eq(*sides, evaluate=False)


def _says_something(side: sp.Expr, result: Result) -> bool:
    """Whether a left side is more than the name of the right one."""
    return bool(side.atoms(AppliedUndef)) or bool(side.free_symbols & set(result.where))


def _used(side: sp.Expr, where: Mapping[sp.Symbol, sp.Expr]) -> list[sp.Symbol]:
    used = set(side.free_symbols)
    for symbol in reversed(where):
        if symbol in used:
            used |= where[symbol].free_symbols
    return [symbol for symbol in where if symbol in used]


def _using(
    side: sp.Expr, where: Mapping[sp.Symbol, sp.Expr], symbol: sp.Symbol, wrong: sp.Expr
) -> sp.Expr:  # the wrong definition, where it is used directly or by later definitions
    later = list(where)[list(where).index(symbol) + 1 :]
    return expand(side, {symbol: wrong, **{k: where[k] for k in later}})


def _alike(result: Result, right: sp.Equality, wrong: sp.Equality, states: Collection[str]) -> bool:
    return all(_same(result, a, b, states) for a, b in zip(right.args, wrong.args, strict=True))


def _same(result: Result, right: sp.Expr, wrong: sp.Expr, states: Collection[str]) -> bool:
    if right == wrong:
        return True
    if isinstance(right, sp.Tuple | sp.MatrixBase):
        return all(_same(result, a, b, states) for a, b in zip(right, wrong, strict=True))
    pair = [_plain(expand(e, result.where)) for e in (right, wrong)]
    if result.arbitrary_zero:
        moving = sorted((s for e in pair for s in e.free_symbols if s.name in states), key=str)
        moving = list(dict.fromkeys(moving))
        first, second = ([sp.diff(e, s) for s in moving] for e in pair)
        minors = [first[i] * second[j] - first[j] * second[i] for i, j in combinations(range(len(moving)), 2)]
        return bool(minors) and all(_vanishes(m, sp.S(0)) for m in minors)
    return _vanishes(*pair)


def _plain(expr: sp.Expr) -> sp.Expr:
    """Return an expression with generic functions of its symbols in the place of undefined ones."""
    return expr.replace(AppliedUndef, lambda *at: sp.Add(*((k + 2) * sp.exp(a / (k + 3)) for k, a in enumerate(at))))


def _vanishes(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two expressions have the same value at random points."""
    if left.has(sp.zoo, sp.nan, sp.oo) or right.has(sp.zoo, sp.nan, sp.oo):
        return False
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    evaluate = precise(symbols, (left, right))
    rng = np.random.default_rng(0)
    with mpmath.workdps(DIGITS):
        for _ in range(POINTS):
            a, b = evaluate(*(mpmath.mpf(float(rng.uniform(1.1, 2.9))) for _ in symbols))
            if not abs(a - b) <= SAME * max(1, abs(a), abs(b)):
                return False
    return True
