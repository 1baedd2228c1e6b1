"""Escape time of the single-location model without the other tokens: a quadrature, and two orders in closed form."""

import math
from functools import lru_cache

import mpmath
import numpy as np
import sympy as sp
from scipy.integrate import quad, solve_ivp
from scipy.special import wrightomega

from minimodels.model import Model
from minimodels.primitives import elementary
from theory.checks import converges, identity, together, vanishes
from theory.derivation import Check, Init, Regime, Result, Step, expand, number
from theory.neighbours import location_regimes as regimes
from theory.neighbours import location_setting as setting
from theory.neighbours.location_setting import T_HALF, Delta, S, a, d, draw, eta_Delta, eta_w, n, sigma, w, w_h, x
from theory.numeric import ending, precise
from theory.vocabulary import equal, label, measured_escape, needs_rates

RATES = (2.0, 0.75)  # of gain and logit, at which the closed form is put beside the quadrature


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

    statement = sp.Tuple(equal(T_HALF, time), equal(T_HALF, closed))
    along = share.subs(Delta, logit.subs(level, w**2 / 2 + 1 / n))  # attention as a function of the gain

    def passes(stated: sp.Basic) -> Check:
        """The integral, the attention being what the invariant makes it, against the integrated flow of the model."""
        explicit = expand(stated.rhs.xreplace({a: along}), where)
        symbols = [m.symbols[k] for k in ("T", "B", "d")]
        evaluate = precise(symbols, explicit)
        complete = explicit.free_symbols <= set(symbols)
        left = [abs(evaluate(*values) / time - 1) if complete else math.inf for values, time in _escapes(m)]
        return vanishes(map(float, left), 1e-7, "integrated flow at 3 random parameters, relative")

    def leaves(stated: sp.Basic) -> Check:
        """What is left of the quadrature as T grows, and what of the terms that fall with d, at rates that differ."""
        explicit = expand(stated.rhs, where)
        far = [_remainder(explicit, size, 1e40) for size in (1e3, 1e9, 1e27)]
        wide = [(_remainder(explicit, k, 1e12) - v) * 1e12 for k, v in zip((1e3, 1e9), far, strict=False)]
        return together(
            converges(far, 0.4, "remainder in units of sqrt(d), T = 1e3, 1e9, 1e27, d = 1e40"),
            lambda: together(
                vanishes([far[-1]], 1e-2, "the last of them"),
                lambda: converges(wide, 0.8, "its part that falls with d, times d, at d = 1e12 and the same T"),
            ),
        )

    def point(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), "I": rng.uniform(0.1, 8), "x": rng.uniform(0.3, 1)}

    steps = (
        Step(
            "The invariant, solved for the logit, with $I=w^2/2+1/n$.",
            equal(Delta, logit),
            identity(logit + sp.exp(logit) / n, level, point, symbolic=False),
        ),
        Step(
            "The gain only grows, and can serve as the clock,",
            equal(label(r"\frac{dt}{dw}"), time.function),
            identity(
                expand(d / (share * (root_d - share * w)), {n: setting.REST}) * rate, sp.S(1), point, symbolic=False
            ),
        ),
        Step.tested("up to its value $w_h$ at $a=1/2$, at unit rates.", statement.args[0], passes),
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
        Step.tested(
            "the other two parts are $w_h^2/2\\sqrt d$ and $w_h/d$, by $a\\,dw=dx/w$. The sum converges as $T$ grows.",
            statement.args[1],
            leaves,
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
        statement=statement,
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


@lru_cache
def _escapes(m: Model) -> list[tuple[tuple[float, float, float], float]]:
    """Return random parameters (T, B, d) with the time at which the integrated flow has a = 1/2, without the others."""
    names = [m.symbols[k] for k in ("w", "Delta", "T", "B", "d")]
    wanted = [m.drift["w"], m.drift["Delta"], m.observables["attention"]]
    flow = sp.lambdify(names, [elementary(e).subs(sigma, 0) for e in wanted], "math")
    rng, made = np.random.default_rng(0), []
    for _ in range(3):
        copies = float(rng.uniform(0.5, 4))
        values = copies * float(rng.uniform(20, 200)), copies, float(rng.uniform(60, 300))

        @ending
        def half(t: float, x: np.ndarray, values: tuple[float, float, float] = values) -> float:
            return float(flow(*map(float, x), *values)[2]) - 0.5

        def rhs(t: float, x: np.ndarray, values: tuple[float, float, float] = values) -> list[float]:
            return list(flow(*map(float, x), *values)[:2])

        run = solve_ivp(rhs, (0, 1e9), [0.0, 0.0], method="LSODA", rtol=1e-10, atol=1e-12, events=half)
        made.append((values, float(run.t_events[0][0])))
    return made


@lru_cache
def _whole(size: float, dimension: float) -> mpmath.mpf:
    """Return the quadrature of t/sqrt(d) at T = size, B = 1 and the rates `RATES`."""
    with mpmath.workdps(60):
        k = mpmath.mpf(size) - 1
        rate_w, rate_logit = map(mpmath.mpf, RATES)
        root_d = mpmath.sqrt(dimension) * mpmath.sqrt(rate_logit / rate_w)  # in units of the gain

        def slowness(r: mpmath.mpf) -> mpmath.mpf:
            """Time per unit of r, where the logit is r^2 (the gain is smooth in r)."""
            s = mpmath.e ** (r**2) / k
            gain = mpmath.sqrt(2 * (r**2 + mpmath.expm1(r**2) / k))
            return (1 + s) ** 2 / (s * gain) / (1 - s / (1 + s) * gain / root_d) * 2 * r

        whole = mpmath.quad(slowness, mpmath.linspace(0, mpmath.sqrt(mpmath.log(k)), 12))
        return whole / mpmath.sqrt(rate_w * rate_logit)


def _remainder(closed: sp.Expr, size: float, dimension: float) -> float:
    """Return what a closed form leaves of the quadrature, in units of sqrt(d)."""
    values = {"T": size, "B": 1, "d": dimension, "eta_w": RATES[0], "eta_Delta": RATES[1]}
    at = {s: sp.Float(values[s.name], 60) for s in closed.free_symbols}
    with mpmath.workdps(60):
        value = sp.N(closed.xreplace(at), 60)
        if not value.is_real:
            return math.inf
        return float(_whole(size, dimension) - mpmath.mpmathify(value) / mpmath.sqrt(dimension))


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
