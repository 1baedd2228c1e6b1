"""Escape from a small random start: logarithmic for two free vectors, elliptic integrals for three, powers for more."""

import math

import mpmath
import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.checks import converges, together, vanishes
from theory.derivation import Check, Init, Regime, Result, Step, expand
from theory.numeric import precise
from theory.singh import setting
from theory.singh.escape import aligned_time, blow_up, constant, flow_time, small_time
from theory.singh.exact import sizes
from theory.singh.setting import HALF, Components, N, X, all_same, draw, real, symbol
from theory.vocabulary import equal, label, measured_escape

T_HALF, T_STAR, T_MINUS = label("t_{1/2}"), label("t^*"), label("t^*_-")
kappa, m_1, m_2, phi, m = (sp.Symbol(x, positive=True) for x in ("kappa", "m_1", "m_2", "phi", "m"))
LAST = "The end is that of equal vectors, which all have become."
MEAN = "The mean of the two grows at the rate $\\kappa$, and ends as the logistic does."
SCALES = (0.1, 0.03, 0.01)
POINTS, DIGITS = 4, 40
FAR = label(r"\infty")  # a name, so that the integral is compared as it stands
STARTS = {2: (0.7, 0.4), 3: (0.4, 0.8, 1.1), 4: (0.5, 0.6, 0.8, 1.1)}
TRUTH = {1: 0.9, 2: 2.0, 3: 1.3, 4: 0.7}  # T by vector, in 2 dimensions each


def escape(c: Components) -> Result:
    """The time to half of the loss from a small start, for two, three or four free vectors."""
    k = len(c.names)
    sigma = [symbol("sigma", x) for x in c.names]
    smallest = sigma[0]
    where = sizes(c.names) | {kappa: X / N}
    end = sp.Float(repr(constant(k)), 17) if k > 3 else _constant(k)
    scale = N / X ** (2 - sp.Rational(2, k))
    closed: list[sp.Eq]
    if k == 2:
        half = sp.Abs(sigma[0] + sigma[1]) / 2
        closed = [equal(T_HALF, sp.log(sp.sqrt(HALF / (1 - HALF) * X) / half) / kappa)]
    elif k == 3:
        where |= {m_1: sigma[1] ** 2 - smallest**2, m_2: sigma[2] ** 2 - smallest**2}
        where |= {m: 1 - m_1 / m_2, phi: sp.atan(sp.sqrt(m_2) / sp.Abs(smallest))}
        f = sp.elliptic_f(phi, m)
        closed = [
            equal(T_STAR, f / (kappa * sp.sqrt(m_2))),
            equal(T_MINUS, (2 * sp.elliptic_k(m) - f) / (kappa * sp.sqrt(m_2))),
            equal(T_HALF, T_STAR + end * scale),
        ]
    else:
        x = sp.Symbol("x", positive=True)
        others = sp.Mul(*(sp.sqrt(x**2 + symbol("D", y)) for y in c.names[1:]))
        closed = [
            equal(T_STAR, sp.Integral(1 / (kappa * others), (x, smallest, FAR))),
            equal(T_HALF, T_STAR + end * scale),
        ]
    statement = sp.Tuple(*closed)
    steps = [_growth(c)]
    if k == 3:
        steps += [
            Step.tested(
                "With the smallest, $\\sigma_1$, as the clock and $m_1,m_2$ constant, the time to infinity is",
                closed[0],
                lambda stated: _runs(c, expand(stated.rhs, where), 1),
            ),
            Step.tested(
                "and if the product is negative, $\\sigma_1$ first passes through zero, where $f=K$.",
                closed[1],
                lambda stated: _runs(c, expand(stated.rhs, where), -1),
            ),
        ]
    if k == 4:
        steps.append(
            Step.tested(
                "With $D_i=\\sigma_i^2-\\sigma_1^2$ constant,", closed[0], lambda stated: _clock(c, stated, where)
            )
        )
    steps.append(
        Step.tested(
            LAST if k > 2 else MEAN,
            closed[-1],
            lambda stated: _ends(c, stated, where),
        )
    )  # fmt: skip

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        at = setting.start(model, init)
        value = small_time(at.sigma, at.X, at.N) / at.pace
        found = {"escape_time": value if math.isfinite(value) else math.nan, "growth": at.X / at.N * at.pace}
        return found | ({"blow_up": blow_up(at.sigma, at.X / at.N) / at.pace} if k > 2 else {})

    def error(model: Model, init: Init, values: object) -> float:
        """Against the integrated flow, with what is orthogonal to the truths."""
        at = setting.start(model, init)
        guess = small_time(at.sigma, at.X, at.N)
        better = flow_time(at.sigma, at.o, at.X, at.N, 10 * guess + 100 * at.N)
        return abs(guess / better - 1) if math.isfinite(better) else math.nan

    most = None if k == 4 else k
    words = {2: "logarithm", 3: "elliptic integral", 4: "quadrature"}[k]
    return Result(
        name={2: "two_free", 3: "three_free", 4: "many_free"}[k],
        title=f"Escape from a small start, {k if k < 4 else 'four or more'} free vectors: {words}",
        statement=statement,
        where=where,
        steps=tuple(steps),
        regime=Regime(
            "small starts; sorted by size, the first the smallest; clamped vectors divide N by their T",
            setting.vectors,
            setting.free(k, most),
            setting.not_learned,
            setting.small,
        ),
        evaluate=evaluate,
        error=error,
        measure=measured_escape,
    )


def _constant(k: int) -> sp.Expr:
    """Return G(w_h) - H(w_h) of equal aligned vectors."""
    w = HALF ** sp.Rational(1, 3)
    angle = sp.atan((2 * w + 1) / sp.sqrt(3)) - sp.pi / 6
    rest = -sp.log(1 - w) / 3 + sp.log(1 + w + w**2) / 6 - angle / sp.sqrt(3)
    return sp.N(rest - 1 / w, 17) if k == 3 else sp.S(0)


def _growth(c: Components) -> Step:
    """What a small start does: the orthogonal parts stay, the components drive one another."""
    scale = sp.Symbol("epsilon", positive=True)
    k = len(c.names)
    shrunk = {symbol("sigma", x): scale * symbol("sigma", x) for x in c.names}
    shrunk |= {symbol("o", x): scale**2 * symbol("o", x) for x in c.names}
    first = symbol("sigma", c.names[0])
    leading = sp.Mul(*(symbol("sigma", x) for x in c.names[1:])) * expand(X / N, sizes(c.names))
    pace = c.flow[first].subs(shrunk, simultaneous=True) / (leading * scale ** (k - 1))
    still = c.flow[symbol("o", c.names[0])].subs(shrunk, simultaneous=True) / scale ** (k + 1)
    point = {s: sp.Float(v) for s, v in _values(pace + still).items()}
    errors = [float(pace.subs(point).subs(scale, sp.Rational(1, 10**j))) - 1 for j in (1, 2, 3)]
    rest = [float(still.subs(point).subs(scale, sp.Rational(1, 10**j))) for j in (1, 2, 3)]
    others = sp.Mul(*(symbol("sigma", x) for x in c.names[1:]))
    return Step(
        "Small vectors drive one another along their truths; what is orthogonal stays, to higher order.",
        equal(label(r"\dot\sigma_1"), kappa * others),
        together(
            converges(errors, 0.011, "flow of a start of scale 0.1, 0.01, 0.001 over its leading order, minus 1"),
            lambda: converges(rest, 0.11, "flow of the orthogonal part, in units of that, same scales"),
        ),
    )


def _values(expr: sp.Expr) -> dict[sp.Symbol, float]:
    rng = np.random.default_rng(3)
    return {s: float(rng.uniform(0.5, 1.5)) for s in sorted(expr.free_symbols, key=str) if s.name != "epsilon"}


def _drift(c: Components) -> dict[sp.Symbol, sp.Expr]:
    """Return the leading order of the flow of the components."""
    drive = expand(X / N, sizes(c.names))
    sigma = [symbol("sigma", x) for x in c.names]
    return {x: drive * sp.Mul(*(y for y in sigma if y != x)) for x in sigma}


def _runs(c: Components, time: sp.Expr, sign: int) -> Check:
    """The time runs down by one along the flow, from a smallest component of this sign; it is zero at infinity."""
    first, *others = (symbol("sigma", x) for x in c.names)
    size = sp.Symbol("size", positive=True)
    bare = time.subs(sp.Abs(first), size).subs(first, sign * size)
    drive = expand(X / N, sizes(c.names))
    rest = {s: v for s, v in _values(bare + drive).items() if s not in (size, *others)}
    evaluate = precise([size, *others, *rest], bare)
    kappa_now = float(drive.subs(rest))

    def at(*where: mpmath.mpf) -> mpmath.mpf:
        return evaluate(*where, *rest.values())

    def joins() -> Check:
        """From zero on, the time is that of a positive product; a positive one needs none at infinity."""
        left = [real(at(mpmath.mpf("1e-25"), mpmath.mpf(1.3), mpmath.mpf(1.9))) / blow_up([0, 1.3, 1.9], kappa_now) - 1]
        if sign > 0:
            far = mpmath.mpf(10) ** 9
            left.append(real(at(far, mpmath.sqrt(far**2 + 1), mpmath.sqrt(far**2 + 2))) * kappa_now * 1e9 - 1)
        return vanishes(left, 1e-9, "at zero and at infinity")

    def falls() -> Check:
        rng, left = np.random.default_rng(0), []
        for _ in range(POINTS):
            a, b, d = map(mpmath.mpf, np.cumsum(rng.uniform(0.3, 1, 3)).tolist())
            slope = (sign * b * d, sign * a * d, sign * a * b)  # of the signed components; that of the size is b d sign
            moved = mpmath.diff(lambda h: at(a + h * slope[0], b + h * slope[1], d + h * slope[2]), 0)  # noqa: B023
            left.append(real(moved) * kappa_now + 1)
        return vanishes(left, 1e-12, f"{POINTS} random points, {DIGITS} digits")

    with mpmath.workdps(DIGITS):
        try:
            return together(joins(), falls)
        except (ArithmeticError, ValueError):
            return Check("a value at random points", math.inf, 0.0)


def real_value(value: sp.Expr) -> float:
    """Return a number of SymPy as a float, infinity if it is none."""
    return float(value) if value.is_Float and value.is_real else math.inf


def _clock(c: Components, stated: sp.Basic, where: dict[sp.Symbol, sp.Expr]) -> Check:
    """The integrand against the leading order of the flow, and the limits."""
    first = symbol("sigma", c.names[0])
    integral = expand(stated.rhs, where)
    found = list(integral.atoms(sp.Integral))
    if len(found) != 1:
        return Check("one integral", math.inf, 0.0)
    x, low, high = found[0].limits[0]
    kept = {symbol("D", y): symbol("sigma", y) ** 2 - first**2 for y in c.names[1:]}
    integrand = (integral / found[0] * found[0].function).subs(x, first).subs(kept)
    return all_same([(integrand * _drift(c)[first], sp.S(1)), (low, first), (high, FAR)], draw)


def _ends(c: Components, stated: sp.Basic, where: dict[sp.Symbol, sp.Expr]) -> Check:
    """Against the exact time of aligned vectors, which shrinks with the scale of the start."""
    k = len(c.names)
    T = [TRUTH[i + 1] for i in range(k)]
    top, size = math.prod(T) ** 0.5, 2.0**k
    unit = size / top ** (2 - 2 / k)
    errors = []
    for scale in SCALES:
        sigma = np.array(STARTS[k]) * scale
        at: dict[sp.Symbol, sp.Expr] = {
            symbol("sigma", x): sp.Float(v, 30) for x, v in zip(c.names, sigma, strict=True)
        }
        at |= {symbol("T", x): sp.Float(v, 30) for x, v in zip(c.names, T, strict=True)}
        at |= {symbol("d", x): sp.Integer(2) for x in c.names}
        star = blow_up(sigma, top / size) if k > 2 else 0.0
        expr = expand(stated.rhs, where).subs(at).subs(T_STAR, sp.Float(star, 30))
        value = real_value(sp.N(expr, 30))
        errors.append((value - aligned_time(sigma, top, size)) / unit)
    return together(
        converges(errors, 0.35, f"minus the exact time of aligned vectors, scales {SCALES}"),
        lambda: vanishes([errors[-1]], 1e-2, "the last of them"),
    )
