"""Escape time of the single-location model without the other tokens: a quadrature, and two orders in closed form."""

import math

import mpmath
import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.special import wrightomega

from minimodels.model import Model
from minimodels.primitives import elementary
from theory.checks import converges, identity
from theory.derivation import Init, Regime, Result, Step, expand, number
from theory.neighbours import location_regimes as regimes
from theory.neighbours import location_setting as setting
from theory.neighbours.location_setting import T_HALF, Delta, S, a, d, draw, eta_Delta, eta_w, n, sigma, w, w_f, w_h, x
from theory.vocabulary import equal, label, measured_escape, needs_rates


def exact(m: Model) -> Result:
    """Escape time without the other tokens: one quadrature for any T, and the first two orders in closed form."""
    where = setting.compact(m)
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
    closed = S / (n + 1) * (competing * sp.sqrt(sp.pi / 2) + setting.ENDS) / sp.sqrt(eta_w * eta_Delta)

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
            identity(
                expand(d / (share * (root_d - share * w)), {n: setting.REST}) * rate, sp.S(1), point, symbolic=False
            ),
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

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        values = {"escape_time": quadrature(model, init)}
        if init["w"] == init["Delta"] == 0:
            values["next_order"] = number(model, closed, where)
        return values

    return Result(
        name="escape_time",
        title="Escape time by a quadrature, and its first two orders",
        statement=sp.Tuple(equal(T_HALF, time), equal(T_HALF, closed)),
        steps=steps,
        regime=Regime(
            "sigma = 0, any T, B, rates and start; d large enough for the gain to get there",
            regimes.silent_others,
            needs_rates(*m.state),
            regimes.not_yet,
            regimes.too_short,
        ),
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
        closed = (n * sp.exp(-1 / n) * sp.sqrt(sp.pi / 2) + setting.ENDS).subs(
            w_h, sp.sqrt(2 * (sp.log(n) + 1 - 1 / n))
        )
        return float(whole - mpmath.mpf(sp.N(closed.subs(terms), 60)))


def quadrature(model: Model, init: Init) -> float:
    """Return the time from the start to a = 1/2, without the other tokens."""
    competing, rate, root_d = number(model, setting.REST, {}), model.rate_values(), math.sqrt(model.values["d"])
    start = init["Delta"] + math.exp(init["Delta"]) / competing

    def slowness(gain: float) -> float:
        level = start + rate["Delta"] / rate["w"] * (gain**2 - init["w"] ** 2) / 2
        inverse = 1 + competing * math.exp(float(wrightomega(level - math.log(competing)).real) - level)
        return inverse * root_d**2 / (rate["w"] * (root_d - gain / inverse))

    time, _ = quad(slowness, init["w"], regimes.gain_at_half(model, init), epsabs=0, epsrel=1e-11, limit=200)
    return float(time)
