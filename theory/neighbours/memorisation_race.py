"""Theory of the race between memorisation and in-context learning: reduction, in-context time, K*."""

import math
from collections.abc import Mapping
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.special import expit

from minimodels.model import Model
from minimodels.models import memorisation_race as statement
from minimodels.primitives import elementary, sigmoid
from theory.checks import converges, identity, vanishes
from theory.derivation import Check, Derivation, Init, Regime, Result, Step
from theory.neighbours import runaway
from theory.numeric import function
from theory.vocabulary import equal, label, measured_escape, needs_rates

SOURCE = "Nguyen & Reddy, ICLR 2025 (arXiv 2412.00104), one attention layer"
HERE = "derived here from the loss of the model of " + SOURCE
I_ICL, K_STAR = label(r"I_\mathrm{ICL}"), label("K^*")
c_1, c_2, eta_v = label("c_1"), sp.Symbol("c2", real=True), sp.Symbol("eta_v", positive=True)
SIZES = (1e2, 1e4, 1e6)


def derive(form: str = "loss", nodes: int = 16) -> Derivation:
    """Derive the theory of ``memorisation_race`` with the model's own options."""
    options: dict[str, Any] = {"form": form} | ({"nodes": nodes} if form == "loss" else {})
    statement.build(**options)  # the model itself says what is wrong with an option
    return _derive(tuple(options.items()))


@lru_cache
def _derive(options: tuple[tuple[str, object], ...]) -> Derivation:
    loss, flow = statement.build(), statement.build(form="two-variable")
    made = reduction(loss), in_context_time(flow), acquisition(flow)
    return Derivation.stating("memorisation_race", dict(options), made, reference=HERE)


def draw(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point: parameters, states, rates."""
    point = {"N": rng.uniform(5, 500), "K": rng.lognormal(8, 2), "nu": rng.uniform(0.3, 1.2), "c2": rng.uniform(0.1, 1)}
    point |= {"w": rng.normal(0, 2), "beta": rng.uniform(-3, 2), "v": rng.uniform(0.05, 1.5)}
    return point | {k: rng.lognormal(0, 1) for k in ("eta_w", "eta_beta", "eta_v")}


def reduction(m: Model) -> Result:
    """From the loss to two variables: second order in z, then e^beta much smaller than N."""
    s = m.symbols
    a, c1 = m.observables["attention"], elementary(sigmoid(-(s["v"] ** 3)))
    at_zero = {s["w"]: sp.S(0)}
    symbols = [s[k] for k in ("w", "beta", "v", "N")]
    variance = a**2 + (1 - a) ** 2 / (s["N"] - 1)
    claims = (
        (sp.diff(m.loss, s["w"]).subs(at_zero), -c1 * a),
        (sp.diff(m.loss, s["w"], 2).subs(at_zero), c1 * (1 - c1) * variance),
        (sp.diff(m.loss, s["w"], s["beta"]).subs(at_zero), -c1 * a * (1 - a)),
    )
    rng = np.random.default_rng(0)
    points = [draw(rng) for _ in range(12)]

    def residuals(left: sp.Expr, right: sp.Expr) -> list[float]:
        difference = function(symbols, (left - right) / right)
        return [float(difference(*(p[x.name] for x in symbols))) for p in points]

    published = sp.Tuple(
        equal(label(r"\frac{dw}{dI}"), (sp.exp(s["beta"]) - c_2 * s["w"]) / s["N"]),
        equal(label(r"\frac{d\beta}{dI}"), s["w"] * sp.exp(s["beta"]) / s["N"]),
    )
    where = {"w": 0.8, "beta": 0.5, "v": 0.6}

    def left(stated: sp.Basic) -> Check:
        """The drift of the loss, per unit of the in-context time, as N grows."""
        drives = [c1 * e.rhs.subs(c_2, 1 - c1) for e in stated.args]
        gap = function(symbols, [e / m.drift[k] - 1 for k, e in zip(("w", "beta"), drives, strict=True)])
        with np.errstate(over="ignore"):
            errors = [max(map(abs, gap(*where.values(), size))) for size in SIZES]
        return converges(errors, 0.05, "drift of the loss, N = 1e2, 1e4, 1e6 at w = 0.8, beta = 0.5, v = 0.6")

    second = "Gauss-Hermite nodes of the model, 12 random points, relative"
    steps = (
        Step(
            "At $w=0$ the gain is driven by the attention $a$ to the right label and by what memorisation leaves.",
            equal(label(r"\partial_w\mathcal{L}|_0"), -c_1 * label("a")),
            vanishes(residuals(*claims[0]), 1e-12, second),
        ),
        Step(
            "The second order is the variance of the attended label times $c_1c_2$, $c_2=1-c_1$ if $\\varphi$ is one "
            "number (in general $1-\\langle\\sigma(-\\varphi)^2\\rangle/c_1$): it saturates $w$.",
            equal(
                label(r"\partial_w^2\mathcal{L}|_0"),
                c_1 * c_2 * (label("a") ** 2 + (1 - label("a")) ** 2 / (s["N"] - 1)),
            ),
            vanishes(residuals(*claims[1]), 1e-11, second),
        ),
        Step(
            "The gain drives the attention logit as the logit drives the gain.",
            equal(label(r"\partial_w\partial_\beta\mathcal{L}|_0"), -c_1 * label("a") * (1 - label("a"))),
            vanishes(residuals(*claims[2]), 1e-11, second),
        ),
        Step.tested("For $N\\to\\infty$ at fixed $w$ and $\\beta$ nothing else is left.", published, left),
    )

    def obstacle(model: Model, init: Init) -> str | None:
        return None if model.options["form"] == "loss" else "the model is stated in two variables already."

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        return {"c1": float(expit(-(init["v"] ** 3))), "c2": damping(model, init)}

    return Result(
        name="reduction",
        title="Two variables in the in-context time",
        statement=published,
        steps=steps,
        regime=Regime("z and e^beta/N small, phi the same for all pairs; values at the start", obstacle),
        reference=f"{SOURCE}; {HERE}",
        evaluate=evaluate,
    )


def damping(model: Model, init: Init) -> float:
    """Return c2: a parameter of the two-variable form, 1 - c1 at the start of the loss."""
    return model.values["c2"] if "c2" in model.values else float(expit(init["v"] ** 3))


def _needed(model: Model, init: Init, level: float, c2: float | None = None) -> tuple[float, float]:
    """Return the in-context time until beta passes the level, and the gain there."""
    if init["beta"] >= level:
        return 0.0, init["w"]
    rates = model.rate_values()
    c2 = damping(model, init) if c2 is None else c2
    time, gain = runaway.time_to(level, init["w"], init["beta"], c2, rates["w"], rates["beta"])
    return model.values["N"] * time, gain


def _half_attention(model: Model) -> float:
    return math.log(model.values["N"] - 1)


def _attended(model: Model, init: Init) -> str | None:
    already = init["beta"] >= _half_attention(model)
    return f"beta starts at {init['beta']:g}, where the right label has half of the attention." if already else None


RACE = (needs_rates("w", "beta"), _attended)


def _relative_error(model: Model, init: Init, c2: float | None = None) -> float:
    """Return the expected error of the in-context time: 0 in two variables, else the terms that were dropped.

    With a = e^beta/N, 1/(a(1 - a)^2) and the drive sigma(-w a) add (2/w + 1/2) a per e-fold of a/a, hence twice the
    gain at the end and half of the e-folds; the denominator e^beta + N - 1 is not N; and c2 grows while the pairs are
    memorised, if ``c2`` is its mean over the race.
    """
    if model.options["form"] != "loss":
        return 0.0
    time, gain = _needed(model, init, _half_attention(model))
    folds = _half_attention(model) - init["beta"]
    drift = 0.0 if c2 is None else abs(_needed(model, init, _half_attention(model), c2)[0] / time - 1)
    return (folds / 2 + 2 * gain) / time + abs(math.expm1(init["beta"])) / model.values["N"] + drift


def in_context_time(m: Model) -> Result:
    """In-context time until in-context learning is acquired, for all c2, N and starts."""
    s = m.symbols
    c1 = m.observables["c1"]
    rates = {"w": runaway.eta_w, "beta": runaway.eta_beta}
    drift = {k: elementary(eta * m.drift[k] / c1) for k, eta in rates.items()}
    names = {runaway.w: s["w"], runaway.beta: s["beta"], runaway.c: c_2, runaway.scale: s["N"]}
    x, beta_0 = c_2 * sp.exp(-sp.Symbol("beta_0")), sp.Symbol("beta_0")
    from_rest = s["N"] / c_2 * sp.log(1 + x * sp.exp(x**2 / 2) * sp.sqrt(sp.pi / 2) * (1 + sp.erf(x / sp.sqrt(2))))
    total = runaway.TIME_LEFT.xreplace(names)
    at_start = {s["w"]: sp.S(0), s["beta"]: beta_0, runaway.eta_w: sp.S(1), runaway.eta_beta: sp.S(1)}
    published = equal(I_ICL, from_rest)

    def start(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), "beta_0": rng.uniform(-3, 2)}

    steps = (
        *runaway.steps(drift, names, draw),
        Step.tested(
            "From $w=0$ at unit rates; $\\sqrt{\\pi/2}\\,Ne^{-\\beta_0}$ for $c_2e^{-\\beta_0}\\ll 1$ and "
            "$(c_2/2)Ne^{-2\\beta_0}$ for $c_2e^{-\\beta_0}\\gg 1$.",
            published,
            lambda stated: identity(total.subs(at_start), stated.rhs, start, symbolic=False),
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        v, rate = model.values, model.rate_values()
        accurate = NormalDist().inv_cdf(statement.ACCURACY) * math.sqrt(v["N"] - 1)
        unlimited = runaway.time_left(init["w"], init["beta"], damping(model, init), rate["w"], rate["beta"])
        return {
            "in_context_time": _needed(model, init, _half_attention(model))[0],
            "to_accuracy": _needed(model, init, math.log(accurate))[0],
            "closed_form": v["N"] * unlimited,
        }

    return Result(
        name="in_context_time",
        title="In-context time to acquisition",
        statement=published,
        steps=steps,
        regime=Regime("any N, c2, start below half of the attention, rates; N large in the loss form", *RACE),
        reference=f"{HERE}; the limits c2 = 0 and -beta_0 >> 1 are known, the formula between them is new here",
        evaluate=evaluate,
        error=lambda model, init, values: _relative_error(model, init),
    )


def available(model: Model, init: Init) -> float:
    """Return I_K(infinity), the in-context time before everything is memorised."""
    pace = 3 * model.rate_values()["v"] * init["v"]
    return 1 / pace if pace > 0 else math.inf


def acquisition(m: Model) -> Result:
    """Whether and when in-context learning is acquired before the pairs are memorised."""
    s = m.symbols
    v, K, nu = s["v"], s["K"], s["nu"]
    v_0, n, power = sp.Symbol("v_0", positive=True), sp.Symbol("n", positive=True), K ** (-nu)
    left, c1 = m.observables["I_left"], m.observables["c1"]
    critical = (3 * v_0 * I_ICL) ** (1 / nu)
    x = sp.Symbol("x", positive=True)
    law = (1 / x - 1 / v_0) / (-3 * power)  # in-context time that has passed when v is x
    clock = sp.Integral((1 + sp.exp(x**3)) / (3 * power * x**2), (x, v_0, label("v^*")))
    plain, cube = (sp.integrate(1 / (k * x ** (k - 1)), (x, v_0, sp.oo)) for k in (2, 3))
    steps = (
        Step(
            "What is left of the in-context time decreases by $c_1$ per unit of time, by the equation of $v$.",
            equal(label(r"I_\mathrm{left}"), left),
            identity(elementary(sp.diff(left, v) * m.drift["v"] * m.rates["v"]), elementary(-c1), draw),
        ),
        Step(
            "With $\\varphi=v^n$ it is finite for $n>2$ only: three is the fewest factors that stop a race.",
            equal(sp.Integral(1 / (n * x ** (n - 1)), (x, v_0, sp.oo)), v_0 ** (2 - n) / (n * (n - 2))),
            vanishes([0.0 if plain == sp.oo else 1.0, float(cube.subs(v_0, 0.3) * 0.9 - 1)], 1e-14, "n = 2 and n = 3"),
        ),
        Step.tested(
            "Acquired if and only if the in-context time that is left at the start exceeds the one that is needed.",
            equal(K_STAR, critical),
            lambda stated: identity(left.subs({K: stated.rhs, v: v_0}), I_ICL, _critical_point, symbolic=False),
        ),
        Step(
            "The moment is a quadrature in $v$, with $1/v^*=1/v_0-3K^{-\\nu}I_{\\mathrm{ICL}}$.",
            equal(label(r"t_\mathrm{ICL}"), clock),
            identity(
                elementary(sp.diff(law, x) / sp.sympify(c1).subs(v, x)), clock.function, _critical_point, symbolic=False
            ),
        ),
    )  # fmt: skip

    def wrong(model: Model, init: Init) -> str | None:
        return "v starts negative: the pairs are memorised with wrong labels first." if init["v"] < 0 else None

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        needed, _ = _needed(model, init, _half_attention(model))
        budget, exponent = available(model, init), model.values["nu"]
        return {
            "acquisition_time": _time(model, init, needed),
            "K_star": model.values["K"] * (needed / budget) ** (1 / exponent) if exponent > 0 else math.nan,
            "needed": needed,
            "available": budget,
        }

    def error(model: Model, init: Init, values: Mapping[str, float]) -> float:
        if math.isinf(values["acquisition_time"]):
            return math.nan
        c2 = _mean_damping(model, init, values["needed"]) if math.isfinite(values["available"]) else None
        relative = _relative_error(model, init, c2)
        late = _time(model, init, values["needed"] * (1 + relative))
        return late / values["acquisition_time"] - 1

    regime = Regime(
        "as the in-context time; v_0 >= 0 (0: unlimited K). A time of inf means never; K* is for unlimited time, "
        "by a time t it takes more pairs: as many as bring the acquisition time below t",
        *RACE,
        wrong,
    )
    return Result(
        name="acquisition",
        title="Acquisition before memorisation: the threshold K*",
        statement=equal(K_STAR, critical),
        steps=steps,
        regime=regime,
        reference=f"{SOURCE}: K* ~ N^(1/nu) exp(-beta_0/nu) where c2 exp(-beta_0) << 1; {HERE}",
        evaluate=evaluate,
        error=error,
        measure=measured_escape,
    )


def _critical_point(rng: np.random.Generator) -> dict[str, float]:
    return {**draw(rng), str(I_ICL): rng.uniform(10, 1e4), "v_0": rng.uniform(0.05, 0.5), "x": rng.uniform(0.05, 1.5)}


def _end(model: Model, init: Init, needed: float) -> float:
    """Return v when the needed in-context time has passed."""
    return 1 / (1 / init["v"] - 3 * model.rate_values()["v"] * needed)


def _time(model: Model, init: Init, needed: float) -> float:
    """Return the time at which the in-context time has grown to ``needed`` (inf if it never does)."""
    if needed >= available(model, init):
        return math.inf
    if math.isinf(available(model, init)):
        return needed * (1 + math.exp(init["v"] ** 3))
    last, pace = _end(model, init, needed), 3 * model.rate_values()["v"]
    if last > 8:  # exp(512): later than any run
        return math.inf
    extra, _ = quad(lambda x: math.exp(x**3) / (pace * x**2), init["v"], last, epsabs=0, epsrel=1e-11, limit=200)
    return needed + float(extra)


def _mean_damping(model: Model, init: Init, needed: float) -> float:
    """Return the mean of c2 = sigma(phi) over the in-context time that is needed."""
    pace = 3 * model.rate_values()["v"]
    total, _ = quad(lambda x: float(expit(x**3)) / (pace * x**2), init["v"], _end(model, init, needed), limit=200)
    return float(total) / needed if needed > 0 else damping(model, init)
