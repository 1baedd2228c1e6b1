"""What the theory of the single-location model starts from: its symbols, compact forms and conditions."""

import math

import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.derivation import Init, number
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


def silent_others(model: Model) -> str | None:
    """Give the reason why a result for sigma = 0 does not hold."""
    size = model.values["sigma"]
    return f"sigma = {size:g}: the contents of the other tokens damp w; derived for sigma = 0." if size else None


def not_yet(model: Model, init: Init) -> str | None:
    """Give the reason why there is no plateau: the attention is there already."""
    share = 1 / (1 + number(model, REST, {}) * math.exp(-init["Delta"]))
    return f"the relevant token has the attention {share:.3g} at the start." if share >= 0.5 else None


def one_direction(model: Model) -> bool:
    """Whether all gains are learnt at one pace."""
    return model.values.get("p", 0) in (0, 1)


def too_short(model: Model, init: Init) -> str | None:
    """Give the reason why the attention does not get to 1/2 by this route."""
    half, limit = gain_at_half(model, init), 2 * math.sqrt(model.values["d"] if model.values.get("p", 0) == 0 else 1)
    return f"at a = 1/2 the gain would be {half:.3g}, but aw cannot exceed {limit / 2:.3g}." if half >= limit else None


def gain_at_half(model: Model, init: Init) -> float:
    """Return the gain at a = 1/2, from the invariant."""
    competing, rate = number(model, REST, {}), model.rate_values()
    way = math.log(competing) + 1 - init["Delta"] - math.exp(init["Delta"]) / competing
    return math.sqrt(init["w"] ** 2 + 2 * rate["w"] / rate["Delta"] * way)
