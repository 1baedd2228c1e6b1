r"""Derivation of model A: from the flow on fresh and repeated samples to the closed form and its consequences."""

import math

import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.checks import together, vanishes
from theory.derivation import Check, Init, Regime, Result, Step, expand
from theory.hernandez.ridge import fresh_ridge
from theory.hernandez.setting import CLOSED, S0, TAU, V_STAR, V, a, c, draw, f, real, s, same, sigma2, t, tau, y
from theory.hernandez.setting import n as count
from theory.marchenko_pastur import bulk
from theory.vocabulary import equal, label

LINEAR = "squared error, linear in the parameters, Gaussian inputs; many directions, a stream far longer than them"
h, q = sp.symbols("h q", positive=True)
delta, delta_0, z = sp.Symbol("delta", real=True), sp.Symbol("delta_0", real=True), sp.Symbol("z", real=True)
E_DELTA = label(r"E[\delta^2]")
RATIOS = ((0.3, 0.1), (1.0, 0.5), (3.0, 0.9), (8.0, 0.3))  # c and f at which integrals are compared


def results() -> list[Result]:
    """Return the results about model A."""
    return [course(), closed_form(), worst_point(), band(), collapse(), limits()]


def _numbers(model: Model, init: Init) -> dict[str, float]:
    made = fresh_ridge(model.values["y"], model.values["f"])
    return {"V": made.excess, "V_worst": made.worst_excess, "train_ratio": made.train_ratio}


def course() -> Result:
    """One eigenvector of the repeated samples' covariance, in time."""
    grown = delta_0 * sp.exp(-h * t) + f * z / h * (1 - sp.exp(-h * t))
    mean = S0 * sp.exp(-2 * h * t) + sigma2 * s / count * (f / h) ** 2 * (1 - sp.exp(-h * t)) ** 2
    where = {h: 1 - f + f * s}
    stated_ = sp.Tuple(equal(label(r"\delta(t)"), grown), equal(E_DELTA, mean))
    pull = (1 - f) * delta + f * (s * delta - z)

    def flows(stated: sp.Basic) -> Check:
        found = expand(stated.rhs, where)
        return same((sp.diff(found, t), -pull.subs(delta, found)), (found.subs(t, 0), delta_0))

    def averages(stated: sp.Basic) -> Check:
        """Noise and start of both signs: their variances are sigma2 s/n and S0, and they are independent."""
        signs = [(i, j) for i in (-1, 1) for j in (-1, 1)]
        size = {z: sp.sqrt(sigma2 * s / count), delta_0: sp.sqrt(S0)}
        squares = [grown.subs({z: i * size[z], delta_0: j * size[delta_0]}, simultaneous=True) ** 2 for i, j in signs]
        return same((expand(stated.rhs, where), expand(sp.Add(*squares) / 4, where)))

    steps = (
        Step.tested(
            "Along an eigenvector of eigenvalue $s$, with noise $z$, the flow "
            r"$\dot\delta=-(1-f)\delta-f(s\delta-z)$ has the clock $h$.",
            stated_.args[0],
            flows,
        ),
        Step.tested("The noise has the variance $\\sigma^2s/n$, independent of the start.", stated_.args[1], averages),
    )  # fmt: skip
    return Result(
        name="course",
        title="The error along one direction, in time",
        statement=stated_,
        where=where,
        steps=steps,
        regime=Regime("inputs of unit variance; summed over the Marchenko-Pastur law it is fresh_ridge_course"),
        evaluate=lambda model, init: {},
    )


def closed_form() -> Result:
    """The sum over the Marchenko-Pastur law at the end."""
    root = (-(1 - c + a) + sp.sqrt((1 - c + a) ** 2 + 4 * c * a)) / (2 * c * a)
    stated_ = sp.Tuple(equal(label("M"), root), equal(V, CLOSED))
    mixture = {a: (1 - f) / f, c: y / f}

    def transforms(stated: sp.Basic) -> Check:
        """Against the mean of 1/(s + a) over the law, the atom at 0 included."""
        left = []
        for ratio, share in RATIOS:
            strength = (1 - share) / share
            points, weights = bulk(ratio)
            mean = float((weights / (points + strength)).sum()) + max(0.0, 1 - 1 / ratio) / strength
            left.append(real(stated.rhs.subs({c: ratio, a: strength})) / mean - 1)
        return vanishes(left, 1e-10, f"quadrature at {len(RATIOS)} points")

    def sums(stated: sp.Basic) -> Check:
        """The sum of c s/(a + s)^2 is c d(aM)/da; and the sum itself."""
        found = sp.diff(a * root, a) * c
        return together(same((stated.rhs, found.subs(mixture))), lambda: _integral(stated))

    def _integral(stated: sp.Basic) -> Check:
        left = []
        for ratio, share in RATIOS:
            points, weights = bulk(ratio)
            whole = ratio * float((weights * points / ((1 - share) / share + points) ** 2).sum())
            left.append(real(stated.rhs.subs({f: share, y: share * ratio})) / whole - 1)
        return vanishes(left, 1e-10, f"quadrature at {len(RATIOS)} points")

    steps = (
        Step.tested(
            "Whitened, the end is a ridge of strength $a=(1-f)/f$ on $n=p/c$ samples. The mean $M$ of $1/(s+a)$ over "
            "all directions is",
            stated_.args[0],
            transforms,
        ),
        Step.tested(
            "and the excess $V=c\\int dMP_c\\,s/(a+s)^2=c\\,\\partial_a(aM)$, at $y=fc$, is", stated_.args[1], sums
        ),
    )
    return Result(
        name="excess",
        title="What repeats cost: freshness as ridge",
        statement=stated_,
        steps=steps,
        regime=Regime(f"{LINEAR}; trained to the end. Uncertain: which p a network has, how V becomes nats"),
        evaluate=_numbers,
    )


def worst_point() -> Result:
    """Where the excess is largest, for every f."""
    stated_ = sp.Tuple(equal(label("y^*"), sp.S(1)), equal(V_STAR, ((1 - f) ** sp.Rational(-1, 2) - 1) / 2))

    def largest(stated: sp.Basic) -> Check:
        """The slope vanishes there, and V is the same at y and at its square over y."""
        mirrored = CLOSED.subs(y, stated.rhs**2 / y)
        level = same((sp.diff(CLOSED, y).subs(y, stated.rhs), sp.S(0)), (mirrored, CLOSED))
        rng = np.random.default_rng(0)
        points = [draw(rng) for _ in range(12)]
        at = sp.lambdify([y, f], CLOSED, "numpy")
        there = real(stated.rhs)
        beyond = [max(0.0, at(k["y"], k["f"]) - at(there, k["f"])) if there > 0 else math.inf for k in points]
        return together(level, lambda: vanishes(beyond, 1e-12, "none of 12 random points is higher"))

    steps = (
        Step.tested("$V$ is the same at $y$ and $1/y$, and largest between:", stated_.args[0], largest),
        Step.tested(
            "at $r^*=T/p$, $n^*=fp$.",
            stated_.args[1],
            lambda stated: same((stated.rhs, CLOSED.subs(y, 1))),
        ),
    )
    return Result(
        name="worst",
        title="The worst number of repeats is T/p, whatever their share",
        statement=stated_,
        steps=steps,
        regime=Regime(f"{LINEAR}; undertrained directions do not count into p"),
        evaluate=lambda model, init: {"y": 1.0, "V": fresh_ridge(1.0, model.values["f"]).worst_excess},
    )


def band() -> Result:
    """The two y at half of the largest excess."""
    half = sp.Symbol("h_2", positive=True)
    where = {half: (1 + (1 - f) ** sp.Rational(-1, 2)) / 2, q: (1 - half**-2) / f}
    edge = 2 / q - 1
    stated_ = sp.Tuple(
        equal(label("y_+"), edge + sp.sqrt(edge**2 - 1)), equal(label("y_-"), edge - sp.sqrt(edge**2 - 1))
    )
    worst = CLOSED.subs(y, 1)

    def halves(sign: int, stated: sp.Basic) -> Check:
        place = expand(stated.rhs, where)
        level = same((CLOSED.subs(y, place), worst / 2))
        values = [sign * (real(place.subs(f, share)) - 1) for share in (0.1, 0.5, 0.9)]
        return together(level, lambda: vanishes([max(0.0, -v) for v in values], 0.0, "on its side of the worst point"))

    steps = tuple(
        Step.tested(sentence, e, lambda stated, sign=sign: halves(sign, stated))  # type: ignore[misc]
        for sentence, sign, e in zip(
            ("To the right, half of the largest excess is at", "and to the left, at its reciprocal,"),
            (1, -1),
            stated_.args,
            strict=True,
        )
    )
    return Result(
        name="band",
        title="The band of repeats that hurt",
        statement=stated_,
        where=where,
        steps=steps,
        regime=Regime(f"{LINEAR}; in V, not in ln x; for f to 0 its edges are 3 -+ sqrt(8)"),
        evaluate=lambda model, init: dict(
            zip(("y_low", "y_high"), fresh_ridge(1.0, model.values["f"]).band, strict=True)
        ),
    )


def collapse() -> Result:
    """The loss on the repeated samples, and that the closed form is the case of one group of weighted samples."""
    root = (y - 1 + sp.sqrt((1 - y) ** 2 + 4 * (1 - f) * y)) / (2 * (1 - f))
    where = {tau: root}
    g = (y / f) / (1 + (1 - f) / f * (1 + tau)) ** 2
    stated_ = sp.Tuple(
        equal(TAU, root), equal(label(r"E_\mathrm{rep}/E_\mathrm{test}"), 1 / (1 + tau) ** 2), equal(V, g / (1 - g))
    )

    def solves(stated: sp.Basic) -> Check:
        """D_1/S of n samples of weight 1 with the ridge na: n = S + D_1, D_1 = p/(1 + k), k = na/S."""
        T = stated.rhs
        left, right = T * (1 + (1 - f) / f * (1 + T)), y / f * (1 + T)
        grows = vanishes(
            [0.0 if 0 < real(T.subs({f: k, y: 2})) < math.inf else math.inf for k in (0.1, 0.5, 0.9)], 0.0, "positive"
        )
        return together(same((left, right)), lambda: grows)

    def trained(stated: sp.Basic) -> Check:
        """(S/(S + D_1))^2 with S = n/(1 + tau)."""
        left = expand(stated.rhs, where)
        return same((left, (1 / (1 + root)) ** 2))

    steps = (
        Step.tested("A ridge $na$ towards the truth on $n$ samples has $\\tau=D_1/S$,", stated_.args[0], solves),
        Step.tested("so that the loss on them is smaller by", stated_.args[1], trained),
        Step.tested(
            "and $g/(1-g)$, $g=nD_2/(S+D_1)^2$, is the closed form again.",
            stated_.args[2],
            lambda stated: same((expand(stated.rhs, where), CLOSED)),
        ),
    )  # fmt: skip
    return Result(
        name="collapse",
        title="The loss on the repeated samples collapses where the damage peaks",
        statement=stated_,
        where=where,
        steps=steps,
        regime=Regime(f"{LINEAR}; squared errors, not nats; trained to the end"),
        evaluate=lambda model, init: {"train_ratio": _numbers(model, init)["train_ratio"]},
    )


def limits() -> Result:
    """Few repeats, and repeats alone."""
    stated_ = sp.Tuple(
        equal(label(r"\lim_{y\to0}V/y"), f), equal(label(r"\lim_{f\to1}V"), sp.Min(y, 1) / sp.Abs(1 - y))
    )

    def few(stated: sp.Basic) -> Check:
        return same((stated.rhs, sp.diff(CLOSED, y).subs(y, 0)))

    def alone(stated: sp.Basic) -> Check:
        return same((stated.rhs, CLOSED.subs(f, 1)))

    steps = (
        Step.tested("Few repeats cost in proportion,", stated_.args[0], few),
        Step.tested("and without a fresh stream it is regression without a ridge.", stated_.args[1], alone),
    )
    return Result(
        name="limits",
        title="Few repeats, and repeats alone",
        statement=stated_,
        steps=steps,
        regime=Regime("y far below 1; f to 1 away from y = 1, where it diverges"),
        evaluate=lambda model, init: {"V": model.values["f"] * model.values["y"]},
    )
