r"""Derivations about weighted samples: what follows from the two equations of `weighted_risk`, and a simulation."""

import math
from functools import lru_cache

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from theory.checks import together, vanishes
from theory.derivation import Check, Regime, Result, Step, expand
from theory.hernandez.setting import S, n, p, r, real, same, y
from theory.hernandez.setting import f as share
from theory.vocabulary import equal, label

GAUSSIAN = "squared error, Gaussian inputs, many samples and directions, more distinct samples than directions"
n_u, n_r, g = sp.symbols("n_u n_r g", positive=True)
EXCESS = label(r"(E-\sigma^2)/\sigma^2")
SETTINGS = (  # p, n_u, n_r, r
    (120, 160, 70, 5),
    (100, 60, 170, 3),
)
DRAWS = 24
SAMPLING = 0.01  # of the simulation: one over the number of directions, and its draws


def results() -> list[Result]:
    """Return the results about weighted samples."""
    return [two_groups(), all_alike(), stream()]


@lru_cache
def simulated(directions: int, once: int, again: int, times: int, seed: int = 0) -> float:
    """Return the mean excess of regressions on weighted samples, over the noise, by random matrices."""
    rng = np.random.default_rng(seed)
    weights = np.repeat([1.0, times], [once, again])
    found = []
    for _ in range(DRAWS):
        x = rng.standard_normal((weights.size, directions))
        inverse = np.linalg.inv(x.T @ (weights[:, None] * x))
        found.append(np.sum((inverse @ (x.T * weights)) ** 2))
    return float(np.mean(found))


def two_groups() -> Result:
    """Samples that are there once and r times."""
    where = {g: p * (n_u / (S + p) ** 2 + n_r * r**2 / (S + r * p) ** 2)}
    stated_ = sp.Tuple(
        equal(n_u / (S + p) + r * n_r / (S + r * p), sp.S(1)), equal(EXCESS, g / (1 - g)), equal(label("g"), where[g])
    )

    def solved(left: sp.Expr, top: float) -> float:
        """Return the S of the two equations, nan if there is none."""
        gap = sp.lambdify(S, left, "math")
        return brentq(gap, 1e-9, top) if gap(1e-9) * gap(top) < 0 else math.nan

    def measured(condition: sp.Expr, excess: sp.Expr) -> Check:
        left = []
        for setting in SETTINGS:
            at = dict(zip((p, n_u, n_r, r), setting, strict=True))
            root = solved(condition.subs(at), float(setting[1] + setting[2] * setting[3]))
            value = math.inf if math.isnan(root) else real(expand(excess, where).subs(at).subs(S, root))
            left.append(value / simulated(*setting) - 1)
        return vanishes(left, SAMPLING, f"random matrices at {len(SETTINGS)} settings, {DRAWS} draws")

    first = stated_.args[0]
    steps = (
        Step.tested(
            "What is left of the samples, $S$, solves",
            first,
            lambda stated: measured(stated.lhs - stated.rhs, g / (1 - g)),
        ),
        Step.tested(
            "and the excess is",
            stated_.args[1],
            lambda stated: measured(first.lhs - first.rhs, stated.rhs),
        ),
        Step.tested(
            "with",
            stated_.args[2],
            lambda stated: measured(first.lhs - first.rhs, (g / (1 - g)).subs(g, stated.rhs)),
        ),
    )
    return Result(
        name="weighted",
        title="Samples that are there once, and samples that are there r times",
        statement=stated_,
        where=where,
        steps=steps,
        regime=Regime(f"{GAUSSIAN}. Derived by random-matrix theory, checked by simulation"),
        evaluate=lambda model, init: {},
    )


def all_alike() -> Result:
    """One multiplicity for all: it drops out."""
    left, part = n - p, p / n
    stated_ = sp.Tuple(equal(label("S"), r * left), equal(label("g"), part), equal(EXCESS, p / (n - p)))

    def solves(stated: sp.Basic) -> Check:
        return same((n * r / (stated.rhs + r * p), sp.S(1)))

    def sums(stated: sp.Basic) -> Check:
        return same((stated.rhs, p * n * r**2 / (r * left + r * p) ** 2))

    steps = (
        Step.tested("All samples $r$ times:", stated_.args[0], solves),
        Step.tested("the multiplicity cancels,", stated_.args[1], sums),
        Step.tested(
            "and regression on $n$ samples is left.",
            stated_.args[2],
            lambda stated: same((stated.rhs, part / (1 - part))),
        ),
    )
    return Result(
        name="all_alike",
        title="All samples equally often: the multiplicity drops out",
        statement=stated_,
        steps=steps,
        regime=Regime(f"{GAUSSIAN}; with fewer, every weighting interpolates"),
        evaluate=lambda model, init: {},
    )


def stream() -> Result:
    """Few repeats beside a long stream: what a repeat costs."""
    T = sp.Symbol("T", positive=True)
    cost = p / T * (1 - share + share * r)
    stated_ = sp.Tuple(equal(label(r"\lim_{T\to\infty}g"), cost), equal(label(r"\Delta g"), share * y * (1 - 1 / r)))
    groups = {n_u: (1 - share) * T, n_r: share * T / r}
    whole = p * (n_u / (S + p) ** 2 + n_r * r**2 / (S + r * p) ** 2)

    def leads(stated: sp.Basic) -> Check:
        """S = T to leading order: g over this along T = 1e4, 1e6, 1e8 directions."""
        ratio = (whole.subs(groups).subs(S, T) / stated.rhs).subs({p: 1, share: sp.Rational(1, 3), r: 7})
        return vanishes([real(ratio.subs(T, 10**8)) - 1], 1e-6, "T/p = 1e8 at f = 1/3, r = 7")

    def differs(stated: sp.Basic) -> Check:
        extra = (cost - p / T).subs(p, y * T / r)
        return together(same((stated.rhs, extra)), lambda: leads(stated_.args[0]))

    steps = (
        Step.tested("With many samples a direction, $r\\ll T/p$, $S\\to T$ and", stated_.args[0], leads),
        Step.tested("against $p/T$ of as many distinct ones: at $y=rp/T$ repeats add", stated_.args[1], differs),
    )
    return Result(
        name="stream",
        title="What few repeats cost beside a long stream",
        statement=stated_,
        steps=steps,
        regime=Regime(f"{GAUSSIAN}; y far below 1; its limit r to infinity is that of model A, f y"),
        evaluate=lambda model, init: {},
    )
