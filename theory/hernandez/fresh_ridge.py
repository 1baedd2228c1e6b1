"""Theory of the model ``fresh_ridge``: its nodes stand for all directions of `theory.hernandez.noise`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

import mpmath
import numpy as np
import sympy as sp

from minimodels.model import Model
from minimodels.models import fresh_ridge as statement
from theory.checks import DIGITS, vanishes
from theory.derivation import Check, Derivation, Init, Regime, Result, Step, expand
from theory.hernandez import noise
from theory.hernandez.course import fresh_ridge_course
from theory.hernandez.noise import LINEAR, h
from theory.hernandez.ridge import FreshRidge, fresh_ridge
from theory.hernandez.setting import HERE, S0, c, draw, f, s, sigma2, t
from theory.numeric import function, precise
from theory.vocabulary import equal, label, needs_rates

K, theta = sp.symbols("K theta", positive=True)
WHERE = {s: 1 + c + 2 * sp.sqrt(c) * sp.cos(theta), h: 1 - f + f * s}
PLACES = ((0.5, 0.5), (0.5, 2.0), (0.2, 1.3))  # f and c
TIMES = (0.3, 2.0, 30.0)
ENOUGH = 24  # nodes whose sum is one over all directions at these places
EXACT = 1e-15  # the model's own angles have 20 digits
WIDEST, FEW = 1e9, 0.3  # of c; of y


def derive(nodes: int = 24) -> Derivation:
    """Derive the theory of ``fresh_ridge`` with the model's own options."""
    return _derive(int(statement.build(nodes).options["nodes"]))  # the model itself says what is wrong with an option


@lru_cache
def _derive(nodes: int) -> Derivation:
    m = statement.build(nodes)
    course, excess, worst, band, collapse, limits = noise.results()
    positive = needs_rates(*m.state)

    def regime(result: Result, *conditions: object) -> Regime:
        return Regime(result.regime.sentence, *result.regime.conditions, *conditions)  # type: ignore[arg-type]

    made = [
        directions(m),
        replace(course, regime=regime(course, wide, from_the_truth, alike), evaluate=clocks, curve=along),
        replace(excess, regime=regime(excess, wide, mixed, positive), evaluate=at_rest, error=by_nodes, measure=last),
        replace(worst, regime=regime(worst, mixed, repeated), evaluate=worst_set),
        replace(band, regime=regime(band, mixed, repeated), evaluate=edges),
        replace(collapse, regime=regime(collapse, wide, mixed), evaluate=collapsed),
        replace(limits, regime=regime(limits, wide, mixed, repeated, few), evaluate=small, error=curved),
    ]
    return Derivation.stating("fresh_ridge", m.options, made, reference=HERE)


def directions(m: Model) -> Result:
    """The nodes of the model: how each moves, and what it adds to the excess."""
    count = int(m.options["nodes"])
    weight = 2 * sp.sin(theta) ** 2 / K
    stated_ = sp.Tuple(
        equal(label(r"\beta"), sp.exp(-h * t)),
        equal(label(r"\alpha"), f / h * (1 - sp.exp(-h * t))),
        equal(label(r"\partial_{\beta^2}E"), S0 * weight / s),
        equal(label(r"\partial_{\alpha^2}E"), sigma2 * c * weight),
    )
    own = _own(m)
    angles = [mpmath.mpf(2 * k - 1) / (2 * count) for k in range(1, count + 1)]
    points = [draw(np.random.default_rng(seed)) for seed in range(2)]

    def compared(stated: sp.Expr, which: int, also: sp.Expr) -> Check:
        """Two expressions of a node against what the model has in its place, at all nodes."""
        symbols = [theta, K, f, c, t, S0, sigma2]
        found = precise(symbols, [expand(stated, WHERE), expand(also, WHERE)])
        left = []
        with mpmath.workdps(DIGITS):
            for point in points:
                values = [mpmath.mpf(point[x.name]) for x in symbols[2:]]
                theirs = own(*(mpmath.mpf(point[x.name]) for x in (f, c, S0, sigma2)))
                for k, angle in enumerate(angles):
                    one, two = found(mpmath.pi * angle, count, *values)
                    rate, pull, first, second = (theirs[count * i + k] for i in range(4))
                    wanted = (-rate * one, pull - rate * one, first, second)[which]
                    left.append(float(abs((two if which < 2 else one) - wanted)))
        return vanishes(left, EXACT, f"all {count} nodes at 2 random points, {DIGITS} digits")

    def moves(which: int, stated: sp.Basic) -> Check:
        begins = abs(float(expand(stated.rhs, WHERE).subs(t, 0).subs({f: 0.3, c: 0.7, theta: 1}).evalf()) - (1 - which))
        flows = compared(stated.rhs, which, sp.diff(stated.rhs, t))
        return flows if begins < EXACT else vanishes([begins], EXACT, "the start")

    def adds(which: int, stated: sp.Basic) -> Check:
        return compared(stated.rhs, which, sp.S(0))

    steps = [
        Step.tested("What is left of the start along a node of the model, and", stated_.args[0], lambda e: moves(0, e)),
        Step.tested("what a unit of noise puts there, solve its equations.", stated_.args[1], lambda e: moves(1, e)),
        Step.tested("Both enter the excess with the weight of the node,", stated_.args[2], lambda e: adds(2, e)),
        Step.tested("the noise with its variance $\\sigma^2s/n$.", stated_.args[3], lambda e: adds(3, e)),
    ]
    if count >= ENOUGH:
        steps.append(_whole(m))

    return Result(
        name="directions",
        title="The nodes of the model, in time",
        statement=stated_,
        where=WHERE,
        steps=tuple(steps),
        regime=Regime(f"{LINEAR}; $\\theta=\\pi(2k-1)/2K$ at node k of K, {ENOUGH} of which are all directions", wide),
        evaluate=lambda model, init: {"K": float(count)},
        error=by_nodes,
    )


def _own(m: Model) -> Callable[..., list[mpmath.mpf]]:
    """Return the model's own clocks, sources and weights of all nodes, as one function of f, c, S0 and sigma2."""
    count, x = int(m.options["nodes"]), m.symbols
    excess = m.observables["excess"]
    betas, alphas = ([x[f"{name}_{k}"] for k in range(1, count + 1)] for name in ("beta", "alpha"))
    found = [-sp.diff(m.drift[b.name], b) for b in betas]
    found += [m.drift[a.name].subs(a, 0) for a in alphas]
    found += [sp.diff(excess, b, 2) / 2 for b in betas] + [sp.diff(excess, a, 2) / 2 for a in alphas]
    made: Callable[..., list[mpmath.mpf]] = precise([x[k] for k in ("f", "c", "S0", "sigma2")], found)
    return made


def _whole(m: Model) -> Step:
    """Return the step that compares the excess of all nodes with the integral over the Marchenko-Pastur law."""
    named = ("f", "c", "S0", "sigma2")
    excess = function([m.symbols[k] for k in (*m.state, *named)], m.observables["excess"])
    left = []
    for share, ratio in PLACES:
        for time in TIMES:
            clock = 1 - share + share * eigenvalues(m, ratio)[0]
            states = {"beta_0": math.exp(-(1 - share) * time)}
            states |= {f"beta_{k}": math.exp(-x * time) for k, x in enumerate(clock, 1)}
            states |= {f"alpha_{k}": -share / x * math.expm1(-x * time) for k, x in enumerate(clock, 1)}
            found = excess(*(states[k] for k in m.state), share, ratio, 2.0, 0.7)
            left.append(float(found) / float(fresh_ridge_course(time, share, ratio, 2.0, 0.7)) - 1)
    return Step(
        "Summed over the nodes this is that over the law of Marchenko and Pastur.",
        equal(label(r"\sum_kE_k"), label(r"\int dMP_c(s)\,E(s)")),
        vanishes(left, 1e-7, f"the excess of the model and a quadrature at {len(left)} points"),
    )


def eigenvalues(model: Model, c: float) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues and weights of the model's nodes."""
    count = int(model.options["nodes"])
    angle = np.pi * (2 * np.arange(1, count + 1) - 1) / (2 * count)
    return 1 + c + 2 * math.sqrt(c) * np.cos(angle), 2 * np.sin(angle) ** 2 / count


def ridge(model: Model) -> FreshRidge:
    """Return the closed form at a model's parameters, y = f c."""
    return fresh_ridge(model.values["f"] * model.values["c"], model.values["f"])


def wide(model: Model, init: Init) -> str | None:
    """There are not too many directions for a sample."""
    c = model.values["c"]
    return None if c <= WIDEST else f"c is {c:.3g}, above {WIDEST:g}."


def mixed(model: Model, init: Init) -> str | None:
    """There is a fresh stream."""
    return None if model.values["f"] < 1 else "f is 1: without a fresh stream there is no ridge."


def repeated(model: Model, init: Init) -> str | None:
    """There are repeats."""
    return None if model.values["f"] > 0 else "f is 0: nothing is repeated."


def few(model: Model, init: Init) -> str | None:
    """There are few repeats."""
    y = model.values["f"] * model.values["c"]
    return None if y <= FEW else f"y is {y:.3g}, not far below 1."


def from_the_truth(model: Model, init: Init) -> str | None:
    """The start is that of the model: all of the initial deviation, none of the noise."""
    other = next((k for k, v in init.items() if v != model.init[k] or v != float(k.startswith("beta"))), None)
    return other and f"{other} starts at {init[other]:g}; it is 1 for beta and 0 for alpha that the course is of."


def alike(model: Model, init: Init) -> str | None:
    """All directions move at the model's own rates."""
    other = next((k for k, v in model.rate_values().items() if v != 1), None)
    return other and f"the rate of {other} is not 1."


def clocks(model: Model, init: Init) -> dict[str, float]:
    """Return the clocks of the slowest and of the fastest direction."""
    f, c = model.values["f"], model.values["c"]
    low, high = ((1 - math.sqrt(c)) ** 2 if c < 1 else 0.0), (1 + math.sqrt(c)) ** 2
    return {"h_slow": 1 - f + f * low, "h_fast": 1 - f + f * high}


def along(model: Model, times: np.ndarray) -> dict[str, np.ndarray]:
    """Return the excess in time."""
    return {"excess": fresh_ridge_course(times, *(model.values[k] for k in ("f", "c", "S0", "sigma2")))}


def at_rest(model: Model, init: Init) -> dict[str, float]:
    """Return the excess at the end."""
    made = ridge(model)
    return {
        "excess": model.values["sigma2"] * made.excess,
        "V": made.excess,
        "y": model.values["f"] * model.values["c"],
    }


def last(model: Model, run: object) -> float:
    """Return the excess at the end of a run."""
    return float(run["excess"].values.ravel()[-1])  # type: ignore[index]


def by_nodes(model: Model, init: Init, values: Mapping[str, float]) -> float:
    """Return how far the nodes are from all directions, at the end."""
    f, c = model.values["f"], model.values["c"]
    if not 0 < f < 1:
        return 0.0
    s, weight = eigenvalues(model, c)
    return abs(c * float((weight * (f / (1 - f + f * s)) ** 2).sum()) / float(ridge(model).excess) - 1)


def worst_set(model: Model, init: Init) -> dict[str, float]:
    """Return where the excess is largest, in y and in c, and what it is there."""
    V = ridge(model).worst_excess
    return {"y": 1.0, "c": 1 / model.values["f"], "V": V, "excess": model.values["sigma2"] * V}


def edges(model: Model, init: Init) -> dict[str, float]:
    """Return the band in y."""
    low, high = ridge(model).band
    return {"y_low": low, "y_high": high}


def collapsed(model: Model, init: Init) -> dict[str, float]:
    """Return the squared error on the repeated samples over that on fresh ones."""
    return {"train_ratio": ridge(model).train_ratio}


def small(model: Model, init: Init) -> dict[str, float]:
    """Return V in proportion to the repeats."""
    return {"V": model.values["f"] ** 2 * model.values["c"]}


def curved(model: Model, init: Init, values: Mapping[str, float]) -> float:
    """Return how far V is from being in proportion."""
    return abs(values["V"] / float(ridge(model).excess) - 1)
