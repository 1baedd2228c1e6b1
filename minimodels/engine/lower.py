"""From SymPy expressions to a short list of assignments: derivatives, safe forms, constants, shared terms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import sympy as sp

from minimodels.primitives import LogSumExp, SoftMax, sigmoid, softplus

Assignment = tuple[sp.Symbol, sp.Expr]


class Select(sp.Function):
    """Select(x, a, b): a where x >= 0, else b."""

    nargs = 3


class Positive(sp.Function):
    """Positive(w, a, b): a where w > 0, else b."""

    nargs = 3


class Log1p(sp.Function):
    """log(1 + x)."""

    nargs = 1


class LogSum(sp.Function):
    """log(t_1 + t_2 + ...) with t_1 - 1 formed first, exact when t_1 = 1 dominates."""


class Inverse(sp.Function):
    """1/x, kept apart so that every power of it shares one division."""

    nargs = 1


class Largest(sp.Function):
    """The largest argument, evaluated in order."""


@dataclass(frozen=True)
class Program:
    """Straight-line code: constants from the parameters alone, then body, then one output an expression."""

    constants: list[Assignment]
    body: list[Assignment]
    outputs: list[sp.Expr]


def tangents(
    lets: Sequence[Assignment], outputs: Sequence[sp.Expr], states: Sequence[sp.Symbol]
) -> tuple[list[Assignment], list[list[sp.Expr]]]:
    """Differentiate outputs with respect to every state, forward through the shared terms.

    The work grows with the number of shared terms, not with the size of the expanded expression.
    """
    derivative: list[Assignment] = []
    slope: dict[sp.Symbol, list[sp.Expr]] = {
        x: [sp.Integer(int(i == j)) for j in range(len(states))] for i, x in enumerate(states)
    }

    @cache  # by the chain rule, visiting shared parts once: sp.diff walks the expanded expression for every symbol
    def total(expr: sp.Expr, j: int) -> sp.Expr:
        if expr.is_Atom:
            return slope[expr][j] if expr in slope else sp.Integer(0)
        inner = [total(a, j) for a in expr.args]
        if expr.is_Add:
            return sp.Add(*inner)
        if expr.is_Mul:
            rest = [sp.Mul(*expr.args[:k], *expr.args[k + 1 :]) if d != 0 else 0 for k, d in enumerate(inner)]
            return sp.Add(*(r * d for r, d in zip(rest, inner, strict=True)))
        if isinstance(expr, LogSumExp | SoftMax | sigmoid | softplus | sp.exp):
            return sp.Add(*(expr.fdiff(k) * d for k, d in enumerate(inner, 1) if d != 0))
        inputs = sorted((s for s in expr.free_symbols if s in slope and slope[s][j] != 0), key=str)
        return sp.Add(*(sp.diff(expr, s) * slope[s][j] for s in inputs))

    for symbol, expr in lets:
        slope[symbol] = []
        row = [total(expr, j) for j in range(len(states))]
        for j, value in enumerate(row):
            if not value.is_Atom:
                name = sp.Symbol(f"{symbol.name}_d{j}", real=True)
                derivative.append((name, value))
                value = name
            slope[symbol].append(value)
    return derivative, [[total(expr, j) for j in range(len(states))] for expr in outputs]


def share(expressions: Iterable[sp.Expr], prefix: str) -> tuple[list[Assignment], list[sp.Expr]]:
    """Name the common subexpressions."""
    names = (sp.Symbol(f"{prefix}{i}", real=True) for i in range(10**9))
    lets, outputs = sp.cse(list(expressions), symbols=names, order="none")
    return lets, outputs


@lru_cache(maxsize=100_000)
def stable(expr: sp.Expr) -> sp.Expr:
    """Write the safe primitives in shifted form, so that no exponential overflows."""
    if expr.is_Atom:
        return expr
    if isinstance(expr, sp.exp) and isinstance(-expr.args[0], LogSumExp):
        pairs = tuple(stable(a) for a in (-expr.args[0]).args)
        top, terms = shifted(pairs)
        ones = [t for t, w, a in zip(terms, pairs[::2], pairs[1::2], strict=True) if w == 1 and a == 0]
        return (ones[0] if ones else sp.exp(-top)) * Inverse(sp.Add(*terms))
    args = tuple(stable(a) for a in expr.args)
    if isinstance(expr, sigmoid):
        (x,) = args
        decay = sp.exp(-sp.Abs(x))
        return Select(x, Inverse(1 + decay), decay * Inverse(1 + decay))
    if isinstance(expr, softplus):
        (x,) = args
        return Select(x, x, sp.Integer(0)) + Log1p(sp.exp(-sp.Abs(x)))
    if isinstance(expr, LogSumExp):
        top, terms = shifted(args)
        return top + LogSum(*terms)
    if isinstance(expr, SoftMax):
        _, terms = shifted(args[1:])
        return terms[int(args[0])] * Inverse(sp.Add(*terms))
    return expr.func(*args)


@lru_cache(maxsize=10_000)
def shifted(args: tuple[sp.Expr, ...]) -> tuple[sp.Expr, list[sp.Expr]]:
    """Return the largest exponent of positive weight, and every term divided by its exponential."""
    weights = args[::2]
    logits = [a if w.is_positive else Positive(w, a, -sp.oo) for w, a in zip(weights, args[1::2], strict=True)]
    top = Largest(*logits)
    return top, [w * e for w, e in zip(weights, decays(logits, top), strict=True)]


def decays(logits: Sequence[sp.Expr], top: sp.Expr) -> list[sp.Expr]:
    """Return exp(a - top) of every logit; up to three logits share one exponential less, for one of them is the top."""
    one = sp.Integer(1)
    if len(logits) == 2:
        lead = logits[0] - logits[1]
        small = sp.exp(-sp.Abs(lead))
        return [Select(lead, one, small), Select(lead, small, one)]
    if len(logits) == 3:
        x, y, z = (a - top for a in logits)
        first, second = sp.exp(Select(x, y, x)), sp.exp(Select(z, y, z))
        return [Select(x, one, first), Select(y, one, Select(x, first, second)), Select(z, one, second)]
    return [sp.exp(a - top) for a in logits]


def replaced(expr: sp.Expr, table: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """Replace symbols, visiting shared parts once."""

    @cache
    def visit(e: sp.Expr) -> sp.Expr:
        if e.is_Atom:
            return table.get(e, e)
        args = [visit(a) for a in e.args]
        return e if all(a is b for a, b in zip(args, e.args, strict=True)) else e.func(*args)

    return visit(expr) if table else expr


def program(lets: Sequence[Assignment], outputs: Sequence[sp.Expr], parameters: Iterable[sp.Symbol]) -> Program:
    """Lower to straight-line code; what depends on parameters alone is computed once a trajectory."""
    fixed = set(parameters)
    constants: dict[sp.Expr, sp.Symbol] = {}

    # both tables stay valid while symbols are only added to ``fixed`` before they are first met
    symbols = cache(lambda e: frozenset().union(*map(symbols, e.args)) if e.args else frozenset(e.free_symbols))

    @cache
    def hoist(expr: sp.Expr) -> sp.Expr:
        if expr.is_Atom:
            return expr
        if symbols(expr) and symbols(expr) <= fixed:
            return constants.setdefault(expr, sp.Symbol(f"c{len(constants)}", real=True))
        args = list(expr.args)
        if expr.is_Add or expr.is_Mul:
            known = [a for a in args if symbols(a) <= fixed]
            if any(map(symbols, known)) and len(known) > 1:
                args = [expr.func(*known), *(a for a in args if a not in known)]
        return expr.func(*(hoist(a) for a in args))

    lowered: list[Assignment] = []
    aliases: dict[sp.Symbol, sp.Expr] = {}
    for symbol, expr in lets:
        new = hoist(replaced(stable(expr), aliases))
        if new.is_Atom and new.free_symbols <= set(constants.values()):
            aliases[symbol] = new
            fixed.add(new)
        else:
            lowered.append((symbol, new))
    results = [hoist(replaced(stable(e), aliases)) for e in outputs]
    shared, rewritten = share([e for _, e in lowered] + results, "s")
    body = [*shared, *zip((s for s, _ in lowered), rewritten, strict=False)]
    outs = rewritten[len(lowered) :]
    constant_shared, constant_values = share(constants, "k")
    constant_lets = [*constant_shared, *zip(constants.values(), constant_values, strict=True)]
    constant_names = set(constants.values())
    body = ordered(body, outs)
    used = set().union(*(e.free_symbols for _, e in body), *(e.free_symbols for e in outs))
    return Program(ordered(constant_lets, sorted(used & constant_names, key=str)), body, outs)


def ordered(lets: Sequence[Assignment], outputs: Sequence[sp.Expr]) -> list[Assignment]:
    """Sort assignments by dependence and drop those that no output needs."""
    table = dict(lets)
    done: dict[sp.Symbol, sp.Expr] = {}
    stack = [(s, False) for e in reversed(outputs) for s in sorted(e.free_symbols, key=str, reverse=True)]
    while stack:
        symbol, ready = stack.pop()
        if symbol in done or symbol not in table:
            continue
        if ready:
            done[symbol] = table[symbol]
        else:
            stack.append((symbol, True))
            stack += [(s, False) for s in sorted(table[symbol].free_symbols, key=str, reverse=True)]
    return list(done.items())
