r"""What the theory of learned vectors starts from: components, random points, which vectors are free.

A vector that is clamped to its truth multiplies the rest by :math:`\sqrt T`: of k vectors m of which are clamped, k - m
are left with

.. math:: N \to N/\prod_{\mathrm{clamped}}T_i .

Everything here is about the free vectors, with their own N and X.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.checks import Draw, identities
from theory.derivation import Check, Condition, Init

INDUCTION = "Singh et al., ICML 2024 (arXiv 2404.07129), toy model of three vectors"
COOPETITION = "Singh et al. 2025 (arXiv 2503.05631), toy model of strategy coopetition"
N, X, lr, t = (sp.Symbol(x, positive=True) for x in ("N", "X", "lr", "t"))
AT_TRUTH = 1e-9  # relative
HALF = 1 - 1 / sp.sqrt(2)  # of the product of lengths, where the loss is half of that of predicting zero


def symbol(letter: str, x: object) -> sp.Symbol:
    """Return a symbol of vector x; squared norms are positive."""
    return sp.Symbol(f"{letter}_{x}", real=True, positive=True if letter in "oTdn" else None)


def plain(expr: sp.Expr) -> sp.Expr:
    """Return an expression whose symbols of a name are one."""
    named = {e.name: e for e in (N, X, lr, t)}
    table = {e: named.get(e.name) or symbol(*e.name.split("_", 1)) for e in expr.free_symbols if "_" in e.name}
    return sp.sympify(expr).xreplace({**table, **{e: named[e.name] for e in expr.free_symbols if e.name in named}})


@dataclass(frozen=True)
class Components:
    """A model in the components of its vectors: sigma along the truth, o the squared orthogonal part; none clamped.

    Attributes
    ----------
    flow : dict
        sigma_x and o_x -> rate of change.
    step : dict
        sigma_x and o_x -> value after a step of descent with the learning rate lr.
    """

    model: Model
    names: tuple[str, ...]
    flow: dict[sp.Symbol, sp.Expr]
    step: dict[sp.Symbol, sp.Expr]

    def stated(self, expr: sp.Expr) -> sp.Expr:
        """Return an expression of the model's states and parameters in components."""
        return plain(sp.sympify(expr).xreplace(_substitution(self.model, self.names)))

    def change(self, expr: sp.Expr) -> sp.Expr:
        """Return the rate of change of an expression of components."""
        return sp.Add(*(sp.diff(expr, x) * v for x, v in self.flow.items()))

    def after(self, expr: sp.Expr) -> sp.Expr:
        """Return an expression of components after a step."""
        return expr.subs(self.step, simultaneous=True)


def squared(x: object) -> sp.Expr:
    """Return n_x in components."""
    return symbol("sigma", x) ** 2 + symbol("o", x)


def overlap(x: object) -> sp.Expr:
    """Return s_x in components."""
    return symbol("sigma", x) * sp.sqrt(symbol("T", x))


def invariants(names: Sequence[object]) -> dict[sp.Symbol, sp.Expr]:
    """Return n_x and s_x of vectors, in components."""
    norms = {symbol("n", x): squared(x) for x in names}
    return norms | {symbol("s", x): overlap(x) for x in names}


def names_of(model: Model) -> tuple[str, ...]:
    """Return the names of the vectors of a model."""
    return tuple(k[2:] for k in model.parameters if k.startswith("C_"))


def _substitution(m: Model, names: Sequence[str]) -> dict[sp.Symbol, sp.Expr]:
    made = {m.symbols[f"C_{x}"]: sp.S(0) for x in names}
    for x in names:
        if f"n_{x}" in m.state:
            made |= {m.symbols[f"n_{x}"]: squared(x), m.symbols[f"s_{x}"]: overlap(x)}
        else:
            made |= {m.symbols[f"sigma_{x}"]: symbol("sigma", x), m.symbols[f"r_{x}"]: sp.sqrt(symbol("o", x))}
    return made


def components(m: Model) -> Components:
    """Return a model of vectors in components, from its own drift and descent."""
    names = names_of(m)
    found = Components(m, names, {}, {})
    rate = sp.Symbol("lr", real=True)
    for x in names:
        sigma, o, root = symbol("sigma", x), symbol("o", x), sp.sqrt(symbol("T", x))
        if f"n_{x}" in m.state:
            assert m.descent is not None
            along = found.stated(m.drift[f"s_{x}"]) / root
            rest = found.stated(m.drift[f"n_{x}"]) - 2 * sigma * along
            after = found.stated(m.descent[f"s_{x}"]) / root
            left = found.stated(m.descent[f"n_{x}"]) - after**2
        else:
            along, length = (found.stated(m.drift[f"{k}_{x}"]) for k in ("sigma", "r"))
            rest = 2 * sp.sqrt(o) * length
            after, left = sigma + plain(rate) * along, (sp.sqrt(o) + plain(rate) * length) ** 2
        found.flow.update({sigma: along, o: rest})
        found.step.update({sigma: after, o: left})
    return found


class Point(dict[str, float]):
    """A random point: a positive value for every name that is asked for."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng = rng

    def __missing__(self, name: str) -> float:
        self[name] = float(self.rng.lognormal(-0.2, 0.4))
        return self[name]


def draw(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point."""
    return Point(rng)


@dataclass(frozen=True)
class Start:
    """Where free vectors start: numbers of a bound model.

    Attributes
    ----------
    names : tuple of str
    T, sigma, o : ndarray
        Squared norm of the truth, component along it, squared orthogonal part, of every free vector.
    N, X : float
        Product of all dimensions over the T of the clamped vectors, root of the product of the free T.
    pace : float
        Their rate.
    """

    names: tuple[str, ...]
    T: np.ndarray
    sigma: np.ndarray
    o: np.ndarray
    N: float
    X: float
    pace: float = 1.0

    @property
    def n(self) -> np.ndarray:
        """Squared norms."""
        return np.asarray(self.sigma**2 + self.o)

    @property
    def relative_loss(self) -> float:
        """Loss in units of that of predicting zero."""
        return float((self.n.prod() - 2 * self.X * self.sigma.prod() + self.X**2) / self.X**2)

    @property
    def product(self) -> float:
        """Product of the components along the truths."""
        return float(self.sigma.prod())


def start(model: Model, init: Init, names: Sequence[str] | None = None) -> Start:
    """Return where the free vectors of a bound model start; `obstacle` has to be None."""
    v, rates = model.values, model.rate_values()
    names = names_of(model) if names is None else names
    free = tuple(x for x in names if not _held(model, init, x, v, rates))
    size = math.prod(v[f"d_{x}"] for x in names) / math.prod(v[f"T_{x}"] for x in names if x not in free)
    T = np.array([v[f"T_{x}"] for x in free])
    if all(f"n_{x}" in init for x in free):
        sigma = np.array([init[f"s_{x}"] for x in free]) / np.sqrt(T)
        o = np.maximum(np.array([init[f"n_{x}"] for x in free]) - sigma**2, 0.0)
        pace = rates[f"s_{free[0]}"] if free else 1.0
    else:
        sigma, o = np.array([init[f"sigma_{x}"] for x in free]), np.array([init[f"r_{x}"] ** 2 for x in free])
        pace = rates[f"sigma_{free[0]}"] if free else 1.0
    return Start(free, T, sigma, o, size, float(np.sqrt(T.prod())), pace)


def _states(model: Model, x: str) -> tuple[str, str]:
    return (f"n_{x}", f"s_{x}") if f"n_{x}" in model.state else (f"sigma_{x}", f"r_{x}")


def _held(model: Model, init: Init, x: str, v: Mapping[str, float], rates: Mapping[str, float]) -> bool:
    """Whether a vector stays at its truth: all its coordinates are clamped, or its rates are zero."""
    T, (first, second) = v[f"T_{x}"], _states(model, x)
    whole = v[f"C_{x}"] >= T * (1 - AT_TRUTH)
    still = rates[first] == rates[second] == 0
    if first.startswith("n_"):
        there = all(abs(init[k] - T) <= AT_TRUTH * T for k in (first, second))
    else:
        away = math.sqrt(max(0.0, T - v[f"C_{x}"])) - init[first]
        there = away**2 + init[second] ** 2 <= AT_TRUTH**2 * T
    return (whole or still) and there


def vectors(model: Model, init: Init) -> str | None:
    """Every vector is free or at its truth for good, and the free ones move at one rate."""
    v, rates = model.values, model.rate_values()
    pace: float | None = None
    for x in names_of(model):
        if _held(model, init, x, v, rates):
            continue
        first, second = _states(model, x)
        if v[f"C_{x}"] > 0:
            return f"coordinates of vector {x} are clamped (C_{x} = {v[f'C_{x}']:g}), and it is not at its truth."
        if first.startswith("n_") and init[second] ** 2 > init[first] * v[f"T_{x}"] * (1 + 1e-9):
            return f"there is no vector {x} with s^2 above n T."
        pace = rates[first] if pace is None else pace
        if rates[first] != pace or rates[second] != pace:
            return "the rates of the free vectors differ."
    if pace is None:
        return "every vector is at its truth."
    return None if pace > 0 else "the rate of the free vectors is not positive."


def free(least: int, most: int | None = None) -> Condition:
    """Return the condition that so many vectors are free."""

    def condition(model: Model, init: Init) -> str | None:
        count = len(start(model, init).names)
        wanted = f"{least}" if most == least else f"{least} or more" if most is None else f"{least} to {most}"
        fits = least <= count <= (count if most is None else most)
        return None if fits else f"the number of free vectors is {count}; it is derived for {wanted}."

    return condition


def not_learned(model: Model, init: Init) -> str | None:
    """The loss starts above half of that of predicting zero."""
    share = start(model, init).relative_loss
    return None if share > 0.5 else f"the loss starts at {share:.3g} of that of predicting zero, below one half."


def small(model: Model, init: Init) -> str | None:
    """The free vectors are short: their tensor is."""
    at = start(model, init)
    share = math.sqrt(at.n.prod()) / at.X
    return None if share <= SMALL else f"the tensor of the start has {share:.3g} of the norm of the truth, not {SMALL}."


SMALL = 0.1
FREE = (vectors, not_learned)


def real(value: Any) -> float:
    """Return a number of mpmath as a float; infinity for a complex one."""
    return float(value) if isinstance(value, mpmath.mpf | int | float) else math.inf


def same(left: sp.Expr, right: sp.Expr, draw: Draw) -> Check:
    """Check that two sides are equal at random points."""
    return all_same([(left, right)], draw)


def all_same(pairs: Iterable[tuple[sp.Expr, sp.Expr]], draw: Draw) -> Check:
    """Check that the sides of every pair are equal at random points; without a value they are not."""
    try:
        return identities(pairs, draw)
    except ArithmeticError:
        return Check("a value at random points", math.inf, 0.0)
