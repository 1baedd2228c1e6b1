"""Theory of the aligned product of depth k: closed form of the escape, its law at small starts, its shape."""

import math
from functools import lru_cache

import mpmath
import numpy as np
import sympy as sp

from minimodels.model import Model
from minimodels.models import aligned_product as statement
from theory.checks import converges, identities, identity, together, vanishes
from theory.derivation import Check, Derivation, Init, Regime, Result, Step, expand
from theory.numeric import precise
from theory.singh.escape import HALF, aligned_time, constant, end_game, remaining
from theory.singh.setting import INDUCTION, N, X, draw, lr, real, t
from theory.vocabulary import equal, label, measured_escape, needs_rates

HERE = f"derived here from the loss of the model; equal, aligned vectors of {INDUCTION}"
w, w_0, w_h, tau, u = (sp.Symbol(x, positive=True) for x in ("w", "w_0", "w_h", "tau", "u"))
eta = sp.Symbol("eta_u", positive=True)
T_HALF = label("t_{1/2}")
EARLY = 0.5  # largest w of a start that is called small


def derive(k: int = 3) -> Derivation:
    """Derive the theory of ``aligned_product`` with the model's own options."""
    return _derive(int(statement.build(k).options["k"]))


@lru_cache
def _derive(k: int) -> Derivation:
    m = statement.build(k)
    where = {w_h: (1 - 1 / sp.sqrt(2)) ** sp.Rational(1, k), tau: k * eta * t * X ** (2 - sp.Rational(2, k)) / N}
    made = [escape(m, k), small_start(m, k), shape(m, k), stability(m, k)]
    return Derivation.stating("aligned_product", m.options, made, reference=HERE, where=where)


def plain(m: Model, expr: sp.Expr) -> sp.Expr:
    """Return an expression of the model in positive symbols."""
    return sp.sympify(expr).xreplace({m.symbols["u"]: u, m.symbols["X"]: X, m.symbols["N"]: N})


def speed(m: Model, k: int) -> sp.Expr:
    """Return the model's own dw/dtau, in w."""
    pace = plain(m, m.rates["u"] * m.drift["u"]).subs(u, w * X ** sp.Rational(1, k))
    return pace * X ** sp.Rational(-1, k) * N / X ** (2 - sp.Rational(2, k))


def left(x: sp.Expr, k: int) -> sp.Expr:
    """Return H, whose slope is -w^(1-k)."""
    return -sp.log(x) if k == 2 else x ** (2 - k) / (k - 2)


def rest(x: sp.Expr, k: int) -> sp.Expr:
    """Return G, whose slope is w/(1-w^k); elementary up to three vectors."""
    if k == 1:
        return -sp.log(1 - x) - x
    if k == 2:
        return -sp.log(1 - x**2) / 2
    if k == 3:
        angle = sp.atan((2 * x + 1) / sp.sqrt(3)) - sp.pi / 6
        return -sp.log(1 - x) / 3 + sp.log(1 + x + x**2) / 6 - angle / sp.sqrt(3)
    return x**2 / 2 * sp.hyper([1, sp.Rational(2, k)], [1 + sp.Rational(2, k)], x**k)


def starts_small(model: Model, init: Init) -> str | None:
    """The start lies between zero and half of the loss."""
    k, size = int(model.options["k"]), init["u"] / model.values["X"] ** (1 / int(model.options["k"]))
    if size <= 0 and k > 1:
        return "u is not positive, and zero is a stationary point."
    return None if size < HALF ** (1 / k) else f"w starts at {size:.3g}, where the loss has fallen below one half."


def starts_early(model: Model, init: Init) -> str | None:
    """The start is far below its end."""
    k = int(model.options["k"])
    size = init["u"] / model.values["X"] ** (1 / k)
    return None if 0 < size <= EARLY else f"w starts at {size:.3g}, not between 0 and {EARLY}."


def unit(model: Model) -> float:
    """Return the time of one tau."""
    v, k = model.values, int(model.options["k"])
    return float(v["N"] / v["X"] ** (2 - 2 / k) / (k * model.rate_values()["u"]))


def escape(m: Model, k: int) -> Result:
    """The time from any start to half of the loss."""
    scale = N / X ** (2 - sp.Rational(2, k)) / (k * eta)
    time = scale * (left(w_0, k) - left(w_h, k) + rest(w_h, k) - rest(w_0, k))
    statement_ = equal(T_HALF, time)
    pace, relative = speed(m, k), plain(m, m.observables["relative_loss"]).subs(u, w * X ** sp.Rational(1, k))
    short = sp.symbols("w_0 w_h", positive=True)

    def inside(rng: np.random.Generator) -> dict[str, float]:
        point = draw(rng)
        point["w_0"], point["w"], point["w_h"] = sorted(rng.uniform(0.1, 0.9, 3).tolist())
        return point

    def passes(stated: sp.Basic) -> Check:
        """The time grows with its end and falls with its start as the model moves; it ends at half of the loss."""
        total = stated.rhs / scale
        bare = [sp.diff(total, x) * s * pace.subs(w, x) for x, s in zip(short, (-1, 1), strict=True)]
        ends = identities([*((e, sp.S(1)) for e in bare), (total.subs(w_h, w_0), sp.S(0))], inside)
        level = (1 - 1 / sp.sqrt(2)) ** sp.Rational(1, k)
        there = expand(stated, {w_h: level}).rhs / scale
        return together(ends, lambda: identities([(there, total.subs(w_h, _half(relative)))], inside))

    steps = (
        Step(
            "In $w=u/X^{1/k}$ and $\\tau$ nothing is left but the depth.",
            equal(label(r"\frac{dw}{d\tau}"), w ** (k - 1) * (1 - w**k)),
            identity(pace, w ** (k - 1) * (1 - w**k), inside, symbolic=False),
        ),
        Step(
            "The loss, in units of that of predicting zero,",
            equal(label(r"\mathcal{L}/\mathcal{L}_p"), (1 - w**k) ** 2),
            identity(relative, (1 - w**k) ** 2, inside, symbolic=False),
        ),
        Step.tested(
            "The integral of $1/w^{k-1}(1-w^k)=w^{1-k}+w/(1-w^k)$, up to $w_h$, where the loss is halved.",
            statement_,
            passes,
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        v = model.values
        lengths = np.full(k, init["u"])
        found = aligned_time(lengths, v["X"], v["N"]) / (k * model.rate_values()["u"])
        return {"escape_time": found, "tau_half": found / unit(model), "w_0": init["u"] / v["X"] ** (1 / k)}

    return Result(
        name="escape_time",
        title="Escape time in closed form",
        statement=statement_,
        steps=steps,
        regime=Regime("any start between 0 and half of the loss, any depth", needs_rates("u"), starts_small),
        evaluate=evaluate,
        measure=measured_escape,
    )


def _half(relative: sp.Expr) -> sp.Float:
    """Return where the model's own loss is half of that of predicting zero."""
    f = precise(w, relative - sp.Rational(1, 2))
    with mpmath.workdps(45):
        return sp.Float(str(mpmath.findroot(f, (0.01, 0.999), solver="anderson")), 45)


def small_start(m: Model, k: int) -> Result:
    """The law of the escape at small starts."""
    scale = N / X ** (2 - sp.Rational(2, k)) / (k * eta)
    statement_ = equal(T_HALF, scale * (left(w_0, k) + rest(w_h, k) - left(w_h, k)))
    level = (1 - 1 / sp.sqrt(2)) ** sp.Rational(1, k)

    def leaves(stated: sp.Basic) -> Check:
        """What is left of the exact time, in units of tau, falls as the square of the start."""
        at = {w_h: level.evalf(30), X: sp.Float(2, 30), N: sp.Float(3, 30), eta: sp.Float("0.7", 30)}
        closed = precise(w_0, expand(stated.rhs, {w_h: level}).subs(at))
        one = float(scale.subs(at))
        errors = [real(closed(x)) / one - aligned_time([x * 2 ** (1 / k)] * k, 2, 3) / one / 0.7 / k for x in SIZES]
        return together(
            converges(errors, 0.3, f"minus the exact time in units of tau, w_0 = {SIZES}"),
            lambda: vanishes([errors[-1]], 0.01, "the last of them"),
        )

    step = Step.tested("What $G(w_0)=w_0^2/2+\\dots$ adds vanishes.", statement_, leaves)

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        size = init["u"] / model.values["X"] ** (1 / k)
        found = unit(model) * (remaining(size, k) + constant(k))
        return {"escape_time": found, "leading": unit(model) * remaining(size, k), "constant": constant(k)}

    def error(model: Model, init: Init, values: object) -> float:
        size = init["u"] / model.values["X"] ** (1 / k)
        return end_game(size, k) / (remaining(size, k) + constant(k) - end_game(size, k))

    return Result(
        name="small_start",
        title="Escape time from a small start",
        statement=statement_,
        steps=(step,),
        regime=Regime("w_0 small", needs_rates("u"), starts_small, starts_early),
        evaluate=evaluate,
        error=error,
        measure=measured_escape,
    )


SIZES = (0.1, 0.05, 0.025)


def shape(m: Model, k: int) -> Result:
    """The curve: exponential for one, logistic for two, hyperbolic for more until the loss falls."""
    if k == 1:
        curve, words = 1 - (1 - w_0) * sp.exp(-tau), "an exponential"
    elif k == 2:
        curve, words = 1 / sp.sqrt(1 + (w_0**-2 - 1) * sp.exp(-2 * tau)), "a logistic in $w^2$, at the rate 2"
    else:
        curve, words = w_0 * (1 - (k - 2) * w_0 ** (k - 2) * tau) ** sp.Rational(-1, k - 2), "a hyperbola, early on"
    statement_ = equal(label(r"w(\tau)"), curve)
    pace = speed(m, k) / (1 if k <= 2 else 1 - w**k)  # without the end

    def before(rng: np.random.Generator) -> dict[str, float]:
        start = float(rng.uniform(0.2, 0.7))
        whole = start ** (2 - k) / (k - 2) if k > 2 else 2.0
        point = draw(rng)
        point["w_0"], point["tau"] = start, float(rng.uniform(0.1, 0.8)) * whole
        return point

    def solves(stated: sp.Basic) -> Check:
        found = stated.rhs
        pairs = [(sp.diff(found, tau), pace.subs(w, found)), (found.subs(tau, 0), w_0)]
        return identities([(sp.sympify(a), sp.sympify(b)) for a, b in pairs], before)

    bound = "" if k <= 2 else ", where $1-w^k$ is 1; it ends at $\\tau=w_0^{2-k}/(k-2)$"
    step = Step.tested(f"The solution is {words}{bound}.", statement_, solves)

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        size = init["u"] / model.values["X"] ** (1 / k)
        if k <= 2:
            return {"rate": k / unit(model)}
        return {"blow_up_time": unit(model) * remaining(size, k)}

    def along(model: Model, times: np.ndarray) -> dict[str, np.ndarray]:
        """Return u and the loss in units of that of predicting zero; beyond two vectors by the exact time, inverted."""
        top = model.values["X"] ** (1 / k)
        size, clock = model.init["u"] / top, np.asarray(times) / unit(model)
        if k == 1:
            found = 1 - (1 - size) * np.exp(-clock)
        elif k == 2:
            found = 1 / np.sqrt(1 + (size**-2 - 1) * np.exp(-2 * clock))
        else:
            found = np.array([_reached(size, k, x) for x in clock])
        return {"u": found * top, "relative_loss": (1 - found**k) ** 2}

    return Result(
        name="shape",
        title="Shape of the curve",
        statement=statement_,
        steps=(step,),
        regime=Regime(
            "any depth; for three and more the statement is that of the plateau, the curve is whole",
            needs_rates("u"),
            starts_small,
        ),
        evaluate=evaluate,
        curve=along,
    )


def _reached(size: float, k: int, clock: float) -> float:
    """Return w at a time tau, from the closed form by bisection in ln(w/(1-w))."""
    low, high = math.log(size / (1 - size)), 36.0
    begin = remaining(size, k) - end_game(size, k)
    for _ in range(90):
        middle = (low + high) / 2
        x = 1 / (1 + math.exp(-middle))
        low, high = (middle, high) if begin - remaining(x, k) + end_game(x, k) < clock else (low, middle)
    return 1 / (1 + math.exp(-(low + high) / 2))


def stability(m: Model, k: int) -> Result:
    """The largest learning rate at which the truth is stable."""
    per_rate = k**2 * eta * X ** (2 - sp.Rational(2, k)) / N
    statement_ = equal(label(r"\mathrm{lr}_\max"), 2 / per_rate)
    slope = sp.diff(plain(m, eta * m.drift["u"]), u).subs(u, X ** sp.Rational(1, k))

    def flips(stated: sp.Basic) -> Check:
        return identity(1 + stated.rhs * slope, sp.S(-1), draw, symbolic=False)

    steps = (
        Step(
            "Near the truth a step multiplies a deviation by",
            equal(label("g"), 1 - lr * per_rate),
            identity(1 + lr * slope, 1 - lr * per_rate, draw, symbolic=False),
        ),
        Step.tested("which is $-1$ at the largest stable learning rate.", statement_, flips),
    )
    return Result(
        name="stability",
        title="Largest stable learning rate",
        statement=statement_,
        steps=steps,
        regime=Regime("gradient descent near the truth", needs_rates("u")),
        evaluate=lambda model, init: {"lr_max": 2 * unit(model) / k},
    )
