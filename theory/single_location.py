"""Theory of the single-location model: invariant, plateau before sparse attention, effect of repetition."""

import math
from collections.abc import Mapping
from functools import lru_cache

import mpmath
import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.special import wrightomega

from minimodels.model import GradientFlow, Model
from minimodels.models.single_location import build
from minimodels.primitives import elementary
from theory import runaway
from theory.checks import converges, identity
from theory.derivation import Derivation, Init, Regime, Result, Step, number
from theory.setting import equal, first, label, measured_escape, needs_rates

SOURCE = "Zucchet et al. 2025 (arXiv 2505.17863)"
HERE = "derived here from the loss of the model; task of " + SOURCE
T, d, B, sigma, p, w, w_1, Delta = sp.symbols("T d B sigma p w w_1 Delta", real=True)
n, R, S, x, w_h, w_f = sp.symbols("n R S x w_h w_f", positive=True)
eta_w, eta_Delta = sp.symbols("eta_w eta_Delta", positive=True)
T_HALF, a = label("t_{1/2}"), label("a")
SECOND = sp.pi / 4 * (w_h / w_f) ** 2 * sp.sqrt(d) / (eta_w * (1 - p))
REST = T / B - 1  # tokens that compete with one copy of the relevant one
ENDS = 2 * w_h - 1 / w_h + w_h**2 / (2 * w_f) + w_h / w_f**2  # next order of the plateau, in units of S/(n + 1)


def derive(repetition: str = "none") -> Derivation:
    """Derive the theory of ``single_location`` with the model's own option."""
    build(repetition=repetition)  # the model itself says what is wrong with an option
    return _derive(repetition)


@lru_cache
def _derive(repetition: str) -> Derivation:
    m = build(repetition=repetition)
    made = (invariant(m), plateau(m), *((exact(m),) if repetition == "none" else (repeated_sample(m),)))
    return Derivation("single_location", {"repetition": repetition}, made)


def draw(rng: np.random.Generator) -> dict[str, float]:
    """Draw a random point: parameters, states, rates."""
    copies = rng.uniform(0.5, 4)
    point = {"B": copies, "T": copies * rng.uniform(4, 500), "d": rng.uniform(2, 300), "p": rng.uniform(0, 1)}
    point |= {"w": rng.uniform(0.1, 3), "w_1": rng.uniform(0.1, 3), "Delta": rng.uniform(-1, 5)}
    point |= {"x": rng.uniform(0.05, 1), "n": rng.uniform(3, 500), "sigma": rng.uniform(0.1, 2)}
    return point | {k: rng.lognormal(0, 1) for k in ("eta_w", "eta_w_1", "eta_Delta", "eta_beta")}


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


def _silent_others(model: Model) -> str | None:
    size = model.values["sigma"]
    return f"sigma = {size:g}: the contents of the other tokens damp w; derived for sigma = 0." if size else None


def _not_yet(model: Model, init: Init) -> str | None:
    share = 1 / (1 + number(model, REST, {}) * math.exp(-init["Delta"]))
    return f"the relevant token has the attention {share:.3g} at the start." if share >= 0.5 else None


def _one_direction(model: Model) -> bool:
    """Whether all gains are learnt at one pace."""
    return model.values.get("p", 0) in (0, 1)


def _too_short(model: Model, init: Init) -> str | None:
    """Give the reason why the attention does not get to 1/2 by this route."""
    half, limit = _gain_at_half(model, init), 2 * math.sqrt(model.values["d"] if model.values.get("p", 0) == 0 else 1)
    return f"at a = 1/2 the gain would be {half:.3g}, but aw cannot exceed {limit / 2:.3g}." if half >= limit else None


def invariant(m: GradientFlow) -> Result:
    """A conserved quantity of the flow without the other tokens."""
    eta = {k: sp.Symbol(f"eta_{k}", positive=True) for k in m.state}
    conserved = sum(s**2 / (2 * eta[s.name]) for s in gains(m)) - (Delta + sp.exp(Delta) / REST) / eta["Delta"]
    drift = {k: elementary(m.drift[k]).subs(sigma, 0) for k in m.state}
    share = elementary(m.observables["attention"])
    change = sum(sp.diff(conserved, m.symbols[k]) * eta[k] * drift[k] for k in m.state)
    steps = (
        Step(
            "Gains and logit enter the loss through the products $aw_i$ only, so that their drives are proportional.",
            equal(label(r"\partial_\Delta\mathcal{L}"), (1 - a) * label(r"\sum_i w_i\,\partial_{w_i}\mathcal{L}")),
            identity(drift["Delta"], (1 - share) * sum(s * drift[s.name] for s in gains(m)), draw, symbolic=False),
        ),
        Step(
            "Hence the change of the invariant along the flow is zero.",
            equal(label(r"\frac{d}{dt}C"), sp.S(0)),
            identity(change, sp.S(0), draw, symbolic=False),
        ),
    )

    def obstacle(model: Model, init: Init) -> str | None:
        return first(_silent_others(model), needs_rates(model, *m.state))

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        start = {m.symbols[k]: sp.Float(v) for k, v in init.items()}
        return {"invariant": number(model, conserved.xreplace(start), {})}

    return Result(
        name="invariant",
        title="Invariant of the flow",
        statement=equal(label("C"), conserved),
        where={},
        steps=steps,
        regime=Regime("sigma = 0; any T, d, B, p, rates", obstacle),
        reference=HERE,
        evaluate=evaluate,
        measure=lambda model, run: evaluate(model, {k: float(run[k][-1]) for k in model.state})["invariant"],
        arbitrary_zero=True,
    )


def plateau(m: GradientFlow) -> Result:
    """Time on the plateau: leading order for any sigma and p, next order without the other tokens."""
    where, parts, g = compact(m), gains(m), runaway.w
    unit, damping = (explicit(where, e) for e in (S, runaway.c))
    early = {k: _large_context(v) for k, v in m.drift.items()}
    along = {s: explicit(where, size * part / R) for s, (size, part) in parts.items()}
    on_ray = {k: v.subs({s: share * g for s, share in along.items()}) for k, v in early.items()}
    claimed = {k: along[m.symbols[k]] * (sp.exp(Delta) - damping * g) / unit for k in m.state if k != "Delta"}
    claimed |= {"Delta": g * sp.exp(Delta) / unit}
    names = {g: g, runaway.beta: Delta, runaway.c: damping, runaway.scale: unit}
    drift = {
        "w": runaway.eta_w * sum(share * on_ray[s.name] for s, share in along.items()),
        "beta": runaway.eta_beta * on_ray["Delta"],
    }
    y = runaway.c
    full = S / y * sp.log(1 + y * sp.exp(y**2 / 2) * sp.sqrt(sp.pi / 2) * (1 + sp.erf(y / sp.sqrt(2))))
    at_zero = {g: 0, runaway.beta: 0, runaway.eta_w: 1, runaway.eta_beta: 1, runaway.scale: S}

    def point(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), "S": rng.lognormal(), "c": rng.lognormal()}

    steps = (
        Step(
            "For $T\\to\\infty$ the attention is $Be^{\\Delta}/T$ and does not limit itself; the gains grow along "
            "one direction, and with the gain $w$ along it, the flow is that of a logit and its gain.",
            sp.Tuple(equal(label(r"S\dot w"), sp.exp(Delta) - y * w), equal(label(r"S\dot\Delta"), w * sp.exp(Delta))),
            identity(sum(((on_ray[k] - claimed[k]) * unit) ** 2 for k in m.state), sp.S(0), draw, symbolic=False),
        ),
        *runaway.steps(drift, names, draw),
        Step(
            "From zero at unit rates.",
            equal(T_HALF, full),
            identity(runaway.TIME_LEFT.subs(at_zero), full, point, symbolic=False),
        ),
        Step(
            "Without the other tokens ($c\\to 0$).",
            equal(T_HALF, sp.sqrt(sp.pi / 2) * S),
            identity(sp.limit(full.subs(S, 1), y, 0), sp.sqrt(sp.pi / 2), draw),
        ),
    )

    def obstacle(model: Model, init: Init) -> str | None:
        rate, moved = model.rate_values(), [s.name for s in parts if init[s.name] != 0]
        several = len(parts) > 1
        return first(
            needs_rates(model, *m.state),
            _not_yet(model, init),
            f"{moved[0]} does not start at 0." if several and moved else None,
            "the rates of w and w_1 differ." if several and rate["w"] != rate["w_1"] else None,
            _too_short(model, init) if _one_direction(model) else None,
        )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        rate = model.rate_values()
        time = runaway.time_left(init["w"], init["Delta"], number(model, y, where), rate["w"], rate["Delta"])
        return {
            "plateau_time": number(model, S, where) * time,
            "unit": number(model, S, where),
            "damping": number(model, y, where),
        }

    def error(model: Model, init: Init, values: Mapping[str, float]) -> float:
        ends = S / (n + 1) * (ENDS - sp.sqrt(2 * sp.pi)) / sp.sqrt(eta_w * eta_Delta)
        late = abs(number(model, ends, where))
        if not _one_direction(model) and number(model, w_h - 2 * w_f, where) > 0:
            late += number(model, SECOND, where)  # see the speed-up by a repeated sample
        return late / values["plateau_time"]

    return Result(
        name="plateau_time",
        title="Time on the plateau",
        statement=equal(T_HALF, full),
        where=where,
        steps=steps,
        regime=Regime("T/B large; any d, sigma, p, rates, logit at the start (error: the next order)", obstacle),
        reference=f"{HERE}; sqrt(d) T/B at sigma = 0 is the law of {SOURCE}, the constant and c > 0 are new here",
        evaluate=evaluate,
        error=error,
        measure=measured_escape,
    )  # fmt: skip


def explicit(where: Mapping[sp.Symbol, sp.Expr], expr: sp.Expr) -> sp.Expr:
    """Replace the compact symbols."""
    for symbol in reversed(where):
        expr = expr.xreplace({symbol: where[symbol]})
    return expr


def _large_context(drift: sp.Expr) -> sp.Expr:
    """Return the leading order in 1/T of a drift at fixed gains and logit."""
    small = sp.Symbol("small", positive=True)
    inverse = sp.simplify(elementary(drift).subs(T, 1 / small) / small)
    return sp.limit(inverse, small, 0) / T


def exact(m: GradientFlow) -> Result:
    """Escape time without the other tokens: one quadrature for any T, and the first two orders in closed form."""
    where = compact(m)
    level, competing = sp.Symbol("I", positive=True), n * sp.exp(-1 / n)
    logit = level - sp.LambertW(sp.exp(level) / n)
    share, root_d = 1 / (1 + n * sp.exp(-Delta)), sp.sqrt(d)
    rate = elementary(m.drift["w"]).subs(sigma, 0)
    parts = (1 / share, w / root_d, share * w**2 / d / (1 - share * w / root_d))
    gain = sp.sqrt(2 * (sp.log(n * x) + x - 1 / n))
    stretch = sp.diff(gain, x)
    fall = (1 + x) * (1 - x - sp.exp(-x)) / x**2
    rest = fall / gain
    antiderivative = -(1 - x - sp.exp(-x)) / x - x
    time = sp.Integral(d / (a * (root_d - a * w)), (w, 0, w_h))
    closed = S / (n + 1) * (competing * sp.sqrt(sp.pi / 2) + ENDS) / sp.sqrt(eta_w * eta_Delta)

    def point(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), "I": rng.uniform(0.1, 8), "x": rng.uniform(0.3, 1)}

    steps = (
        Step(
            "The invariant, solved for the logit, with $I=w^2/2+1/n$.",
            equal(Delta, logit),
            identity(logit + sp.exp(logit) / n, level, point, symbolic=False),
        ),
        Step(
            "The gain only grows, and can serve as the clock, up to its value $w_h$ at $a=1/2$.",
            equal(T_HALF, time),
            identity(explicit({n: REST}, d / (share * (root_d - share * w))) * rate, sp.S(1), point, symbolic=False),
        ),
        Step(
            "Three parts: the plateau, and what $aw$ lacks to $\\sqrt d$, at first order and beyond.",
            equal(label(r"\frac{\sqrt d}{a(\sqrt d-aw)}"), 1 / a + w / root_d + label(r"\frac{aw^2/d}{1-aw/\sqrt d}")),
            identity(sum(parts, sp.S(0)), root_d / (share * (root_d - share * w)), point, symbolic=False),
        ),
        Step(
            "In $x=e^\\Delta/n$ the plateau is a Gaussian integral, twice the gain, and a rest at $x$ of order 1.",
            equal(
                label(r"\frac{1}{a}\frac{dw}{dx}"),
                (competing * sp.exp(-(w**2) / 2) + 2) * sp.Derivative(w, x) + rest.subs(gain, w),
            ),
            identity(
                (1 + 1 / x) * stretch, (competing * sp.exp(-(gain**2) / 2) + 2) * stretch + rest, point, symbolic=False
            ),
        ),
        Step(
            "The rest and the tail of the Gaussian beyond $w_h$ cost $-1/w_h$ together, $w$ being about $w_h$ there;",
            equal(sp.Integral(fall, (x, 0, 1)) - sp.exp(-1), sp.S(-1)),
            identity(
                (sp.diff(antiderivative, x) - fall) ** 2
                + (antiderivative.subs(x, 1) - sp.limit(antiderivative, x, 0) - sp.exp(-1) + 1) ** 2,
                sp.S(0), point,
            ),
        ),
        Step(
            "the other two parts are $w_h^2/2\\sqrt d$ and $w_h/d$, by $a\\,dw=dx/w$. The sum converges as $T$ grows.",
            equal(T_HALF, closed),
            converges(
                [_remainder(size) for size in (1e3, 1e9, 1e27)], 0.4,
                "remainder in units of sqrt(d), T = 1e3, 1e9, 1e27, d = 1e4 T",
            ),
        ),
    )  # fmt: skip

    def obstacle(model: Model, init: Init) -> str | None:
        return first(
            _silent_others(model), needs_rates(model, *m.state), _not_yet(model, init), _too_short(model, init)
        )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        values = {"escape_time": _quadrature(model, init)}
        if init["w"] == init["Delta"] == 0:
            values["next_order"] = number(model, closed, where)
        return values

    return Result(
        name="escape_time",
        title="Escape time by a quadrature, and its first two orders",
        statement=sp.Tuple(equal(T_HALF, time), equal(T_HALF, closed)),
        where=where,
        steps=steps,
        regime=Regime("sigma = 0, any T, B, rates and start; d large enough for the gain to get there", obstacle),
        reference=HERE,
        evaluate=evaluate,
        measure=measured_escape,
    )


def _remainder(size: float) -> float:
    """Return what the first two orders leave of t/sqrt(d), at T = size and a dimension so large that w^2/d vanishes."""
    with mpmath.workdps(60):
        k = mpmath.mpf(size) - 1
        root_d = mpmath.sqrt(10000 * size)

        def slowness(r: mpmath.mpf) -> mpmath.mpf:
            """Time per unit of r, where the logit is r^2 (the gain is smooth in r)."""
            s = mpmath.e ** (r**2) / k
            gain = mpmath.sqrt(2 * (r**2 + mpmath.expm1(r**2) / k))
            return (1 + s) ** 2 / (s * gain) / (1 - s / (1 + s) * gain / root_d) * 2 * r

        whole = mpmath.quad(slowness, mpmath.linspace(0, mpmath.sqrt(mpmath.log(k)), 12))
        terms = {n: k, w_f: root_d}
        closed = (n * sp.exp(-1 / n) * sp.sqrt(sp.pi / 2) + ENDS).subs(w_h, sp.sqrt(2 * (sp.log(n) + 1 - 1 / n)))
        return float(whole - mpmath.mpf(sp.N(closed.subs(terms), 60)))


def _gain_at_half(model: Model, init: Init) -> float:
    """Return the gain at a = 1/2, from the invariant."""
    competing, rate = number(model, REST, {}), model.rate_values()
    way = math.log(competing) + 1 - init["Delta"] - math.exp(init["Delta"]) / competing
    return math.sqrt(init["w"] ** 2 + 2 * rate["w"] / rate["Delta"] * way)


def _quadrature(model: Model, init: Init) -> float:
    """Return the time from the start to a = 1/2, without the other tokens."""
    competing, rate, root_d = number(model, REST, {}), model.rate_values(), math.sqrt(model.values["d"])
    start = init["Delta"] + math.exp(init["Delta"]) / competing

    def slowness(gain: float) -> float:
        level = start + rate["Delta"] / rate["w"] * (gain**2 - init["w"] ** 2) / 2
        inverse = 1 + competing * math.exp(float(wrightomega(level - math.log(competing)).real) - level)
        return inverse * root_d**2 / (rate["w"] * (root_d - gain / inverse))

    time, _ = quad(slowness, init["w"], _gain_at_half(model, init), epsabs=0, epsrel=1e-11, limit=200)
    return float(time)


def repeated_sample(m: GradientFlow) -> Result:
    """How much sooner attention emerges if the relevant content is the same vector with probability p."""
    where = compact(m)
    strength, published = where[R] / sp.sqrt(d), sp.sqrt(p**2 * d + (1 - p) ** 2)
    sizes = (1e3, 1e5, 1e7)
    gaps = [float((strength / published - 1).subs({p: 1 / sp.sqrt(size), d: size})) * size**0.5 for size in sizes]
    q, q_0 = sp.symbols("q q_0", positive=True)
    wait = sp.Integral(q**2 / sp.sqrt(q_0**2 - q**2), (q, 0, q_0))
    logit = Delta + sp.exp(Delta) / n  # in the invariant, beside the squares of the gains
    locked = logit.subs(Delta, sp.log(n) - sp.log(q - 1))
    share = elementary(m.observables["attention"])
    drift = elementary(m.drift["w"]).subs({sigma: 0, w: 0})
    steps = (
        Step(
            "The content is the repeated vector with variance $d$ along it, else isotropic with variance 1.",
            equal(R / sp.sqrt(d), sp.sqrt(p**2 * d + 1 - p**2)),
            identity(strength**2, p**2 * d + 1 - p**2, draw),
        ),
        Step(
            "The published law leaves out $2p(1-p)$, a part $1/\\sqrt d$ at most: at $p=1/\\sqrt d$, to half of it.",
            equal(label(r"\sqrt{d}\,(R/R_\mathrm{pub}-1)"), sp.Rational(1, 2)),
            converges([g - 0.5 for g in gaps], 0.15, "p = 1/sqrt(d), d = 1e3, 1e5, 1e7"),
        ),
        Step(
            "Where $w_1$ dominates, $aw_1$ gets to 1 at $a=1/q_0$, before $a=1/2$; from then on the other gain has to "
            "grow, $w^2+q^2=q_0^2$ with $q=1/a$, by the invariant,",
            equal(w_1, q),
            converges(
                [(locked.subs(q, 2) - locked.subs(q, size)).evalf() / (size**2 / 2) for size in (1e1, 1e2, 1e3)],
                0.05, "change of the logit's part of the invariant against that of the gains, q_0 = 1e1, 1e2, 1e3",
            ),
        ),
        Step(
            "at the speed",
            equal(label(r"\dot w"), a * (1 - p) * sp.sqrt(d - 1) / d),
            identity(drift, share * (1 - p) * sp.sqrt(d - 1) / d, draw, symbolic=False),
        ),
        Step(
            "which takes $\\sqrt d/(1-p)$ times",
            equal(wait, sp.pi * q_0**2 / 4),
            identity(sp.integrate((q_0 * sp.sin(x)) ** 2, (x, 0, sp.pi / 2)), sp.pi * q_0**2 / 4, draw),
        ),
    )  # fmt: skip

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        second = number(model, SECOND, where) if model.values["p"] < 1 else math.inf
        return {
            "speed_up": number(model, strength, {}),
            "published": number(model, published, {}),
            "second_phase": second if number(model, w_h - 2 * w_f, where) > 0 else 0.0,
        }

    return Result(
        name="repeated_sample",
        title="Speed-up by a repeated sample, and its price",
        statement=sp.Tuple(
            equal(R / sp.sqrt(d), sp.sqrt(p**2 * d + 1 - p**2)), equal(label(r"t_\mathrm{second}"), SECOND)
        ),
        where=where,
        steps=steps,
        regime=Regime(
            "the plateau is shorter by this factor if T/B is large; the second phase is an estimate for w_h > 2 w_f",
            lambda model, init: first(needs_rates(model, *m.state), _not_yet(model, init)),
        ),
        reference=f"{HERE}; {SOURCE} gives sqrt(p^2 d + (1 - p)^2)",
        evaluate=evaluate,
    )
