"""What the derivations of the wing start from: symbols, random points, closed forms of model A."""

import math

import numpy as np
import sympy as sp

from theory.checks import identities
from theory.derivation import Check
from theory.vocabulary import label

SOURCE = "Hernandez et al. 2022 (arXiv 2205.10487)"
HERE = f"derived here; setting of {SOURCE}"
f, y, c, a, s, t, n, p, r, S0, sigma2, tau = sp.symbols("f y c a s t n p r S0 sigma2 tau", positive=True)
al, b, N, u, S = sp.symbols("al b N u S", positive=True)
V, V_STAR, TAU = label("V"), label("V^*"), label(r"\tau")
CLOSED = ((1 - 4 * f * y / (1 + y) ** 2) ** sp.Rational(-1, 2) - 1) / 2


def real(expr: sp.Expr) -> float:
    """Return a number of SymPy as a float, infinity if it is none."""
    value = sp.N(expr)
    return float(value) if value.is_Float and value.is_real else math.inf


def draw(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point: shares below 1, the others around 1, a set that does not fill the model."""
    point = {
        k: float(rng.lognormal(0, 0.7)) for k in ("y", "c", "a", "s", "t", "n", "p", "u", "S0", "sigma2", "delta_0")
    }
    point |= {k: float(rng.uniform(0.05, 0.9)) for k in ("f", "al", "phi")}
    point |= {"r": float(rng.uniform(2, 9)), "b": float(rng.uniform(1, 5)), "N": float(rng.uniform(50, 90))}
    point |= {"z": float(rng.normal()), "w": float(rng.uniform(0.1, 2)), "b_0": float(rng.normal())}
    return point | {"T": float(rng.uniform(1e3, 1e4)), "I": float(rng.lognormal(0, 0.7))}


def same(*pairs: tuple[sp.Expr, sp.Expr]) -> Check:
    """Check at random points that the two sides of every pair are equal."""
    try:
        return identities(pairs, draw)
    except ArithmeticError:
        return Check("a value at random points", math.inf, 0.0)
