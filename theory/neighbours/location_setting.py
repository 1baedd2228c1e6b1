"""What the theory of the single-location model starts from: its symbols and compact forms."""

import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.neighbours import runaway
from theory.vocabulary import label

SOURCE = "Zucchet et al. 2025 (arXiv 2505.17863)"
HERE = "derived here from the loss of the model; task of " + SOURCE
T, d, B, sigma, p, w, w_1, Delta = sp.symbols("T d B sigma p w w_1 Delta", real=True)
n, R, S, x, w_h, w_f = sp.symbols("n R S x w_h w_f", positive=True)
eta_w, eta_Delta = sp.symbols("eta_w eta_Delta", positive=True)
T_HALF, a = label("t_{1/2}"), label("a")
SECOND = sp.pi / 4 * (w_h / w_f) ** 2 * sp.sqrt(d) / (eta_w * (1 - p))
REST = T / B - 1  # tokens that compete with one copy of the relevant one
ENDS = 2 * w_h - 1 / w_h + w_h**2 / (2 * w_f) + w_h / w_f**2  # next order of the plateau, in units of S/(n + 1)


def draw(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point: parameters, states, rates."""
    copies = rng.uniform(0.5, 4)
    point = {"B": copies, "T": copies * rng.uniform(4, 500), "d": rng.uniform(2, 300), "p": rng.uniform(0, 1)}
    point |= {"w": rng.uniform(0.1, 3), "w_1": rng.uniform(0.1, 3), "Delta": rng.uniform(-1, 5)}
    point |= {"x": rng.uniform(0.05, 1), "n": rng.uniform(3, 500), "sigma": rng.uniform(0.1, 2)}
    return point | {k: rng.lognormal(0, 1) for k in ("eta_w", "eta_w_1", "eta_Delta")}


def gains(m: Model) -> dict[sp.Symbol, tuple[sp.Expr, sp.Expr]]:
    """Return the gains, each with the variance of its contents and the length of its part of the target map."""
    if "w_1" not in m.state:
        return {w: (sp.S(1), sp.sqrt(d))}
    return {w_1: (p * d + 1 - p, sp.S(1)), w: (1 - p, sp.sqrt(d - 1))}


def compact(m: Model) -> dict[sp.Symbol, sp.Expr]:
    """Return the compact symbols of the theory.

    Competing tokens n, strength R of the map, unit of time S, damping c; gains (times the root of the ratio of rates)
    w_h at a = 1/2 and w_f at the solution.
    """
    parts = gains(m).values()
    strength = sp.sqrt(sum((size * part) ** 2 for size, part in parts))
    saturation = sum(size * (size * part / R) ** 2 for size, part in parts)
    return {
        n: REST,
        R: strength,
        S: T * d / (B * R),
        runaway.c: sigma**2 / (B * R),
        w_h: sp.sqrt(2 * (sp.log(n) + 1 - 1 / n)),
        w_f: R / saturation * sp.sqrt(eta_Delta / eta_w),
    }
