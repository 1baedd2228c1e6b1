"""The transition time of the nested-logit model: leading order, crossover to the saddle, reduced flow."""

import math
from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.checks import converges, identity, vanishes
from theory.derivation import Evaluate, Init, Regime, Result, Step, expand, number
from theory.reddy import regimes
from theory.reddy.flow import measured_time
from theory.reddy.reduced_flow import RELATION, c, slow_phase_root, timed, transition_times, u
from theory.reddy.setting import (
    A_0,
    CLA,
    N_c,
    Setting,
    delta,
    draw,
    eta_alpha,
    eta_beta_1,
    eta_xi,
    f,
    lam,
    p_0,
    setting,
    t,
)
from theory.vocabulary import equal, label, measured_escape, needs_rates

X, y = sp.symbols("X y", positive=True)
T_STAR = label("T^*")
NEEDED = sp.sqrt(sp.pi * eta_alpha / (2 * eta_beta_1)) / (p_0 * eta_alpha * A_0 * f)  # integral of xi that is needed
ROOT_LEVEL = eta_xi * A_0**3 * NEEDED
CLOCK = (u + c * (sp.exp(u) - 1)) / (eta_xi * A_0**2)
CROSSOVER = sp.acosh(1 + lam**2 * X / delta) / lam
FROM_ZERO = (
    regimes.mean_field,
    regimes.fixed_beta_2,
    regimes.above_the_saddle,
    regimes.several_labels,
    needs_rates("alpha", "xi", "beta_1"),
    regimes.below_half,
)


def _against_reduced(model: Model, init: Init, predicted: Mapping[str, float]) -> float:
    better, _ = timed(model, dict.fromkeys(model.state, 0.0))
    return abs(next(iter(predicted.values())) / better - 1)


def _from_zero(
    name: str,
    title: str,
    statement: sp.Basic,
    steps: tuple[Step, ...],
    sentence: str,
    evaluate: Evaluate,
    where: Mapping[sp.Symbol, sp.Expr],
) -> Result:
    """Return the result that gives the transition time from the origin; its error is that against the reduced flow."""
    return Result(
        name=name, title=title, statement=statement, where=where, steps=steps, regime=Regime(sentence, *FROM_ZERO),
        evaluate=evaluate, error=_against_reduced, measure=measured_escape,
    )  # fmt: skip


def leading(st: Setting) -> Result:
    """Transition time from the frozen-attention growth of xi and the Gaussian integral over alpha."""
    s, L = st.s, st.s["L"]
    alpha, M = s["alpha"], s["M"]
    rho = eta_beta_1 / eta_alpha
    gaussian = M * sp.exp(-rho * alpha**2 / 2)
    drive = label("p") * A_0 * f
    needed = ROOT_LEVEL
    small_u = sp.sqrt(2 * NEEDED / (eta_xi * A_0 * (1 - N_c / L)))
    at_rest = {s["beta_2"]: 0} if "beta_2" in st.model.state else {}
    slope = sp.diff(st.drift["alpha"], s["xi"]).subs({s["alpha"]: 0, s["xi"]: 0, **at_rest})
    small_root = sp.sqrt(2 * needed / (1 + c))
    steps = (
        Step(
            "Early on, attention is uniform and CLA $=N_c/L$; $\\xi$ drives $\\alpha$ with the weight $p A_0 f$.",
            equal(label(r"\dot\alpha/(\eta_\alpha\xi)"), drive),
            identity(slope, expand(drive.subs(label("p"), st.p), st.where), draw, symbolic=False),
        ),
        Step(
            "The invariant makes $\\beta_1$ a function of $\\alpha$, a parabola while $e^{\\beta_1}\\ll M$.",
            equal(s["beta_1"], rho * alpha**2 / 2),
            converges([_beta(1, m) - 0.5 for m in (1e2, 1e4, 1e6)], 0.02, "M = 1e2, 1e4, 1e6 at alpha = 1, unit rates"),
        ),
        Step(
            "So $1/p=1+Me^{-\\beta_1}$ is a Gaussian in $\\alpha$, with the integral",
            equal(sp.Integral(gaussian, (alpha, 0, sp.oo)), M * sp.sqrt(sp.pi / (2 * rho))),
            identity(sp.integrate(gaussian, (alpha, 0, sp.oo)).simplify(), M * sp.sqrt(sp.pi / (2 * rho)), draw),
        ),
        Step(
            "With $1+M$ for $M$, exact at $\\beta_1=0$, the integral of $\\xi$ that the take-off needs is $X^*$.",
            equal(label("X^*"), NEEDED),
            converges([_needed_ratio(m) - 1 for m in (1e2, 1e4, 1e6)], 0.1, "exact integral of 1/p, M = 1e2, 1e4, 1e6"),
        ),
        Step(
            "In the slow phase $\\int\\xi\\,dt=A_0^{-1}\\int u\\,(dt/du)\\,du$; times $\\eta_\\xi A_0^3$ it must reach",
            equal(RELATION, needed),
            identity(sp.diff(RELATION, u), u * sp.diff(CLOCK, u) * eta_xi * A_0**2, draw),
        ),
        Step(
            "Its root $u^*$ is reached at",
            equal(T_STAR, CLOCK.subs(u, label("u^*"))),
            vanishes(
                [float(RELATION.subs({c: 0.3, u: float(slow_phase_root(z, 0.3))})) / z - 1 for z in (0.01, 1.0, 100.0)],
                1e-12,
                "root put back into the relation",
            ),
        ),
        Step(
            "For small $u$ the left side becomes quadratic,",
            equal(label(r"\lim_{u\to 0}") * (RELATION / (u**2 * (1 + c) / 2)), sp.S(1)),
            identity(sp.limit(RELATION / (u**2 * (1 + c) / 2), u, 0), sp.S(1), draw),
        ),
        Step(
            "which gives the root, and with $t\\approx(1+c)u/(\\eta_\\xi A_0^2)$ the time, explicitly.",
            equal(T_STAR, small_u),
            identity(
                expand(small_root * (1 + c) / (eta_xi * A_0**2), st.where),
                expand(small_u, st.where),
                draw,
                symbolic=False,
            ),
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        root = float(slow_phase_root(number(model, needed, st.where), number(model, c, st.where)))
        return {
            "transition_time": number(model, CLOCK.subs(u, sp.Float(root)), st.where),
            "small_u": number(model, small_u, st.where),
            "u_star": root,
        }

    title = "Transition time from the origin, leading order"
    statement = sp.Tuple(equal(RELATION.subs(u, label("u^*")), needed), equal(T_STAR, CLOCK.subs(u, label("u^*"))))
    sentence = "start at the origin, N and M large, L well above N/B (error: see the error map)"
    return _from_zero("transition_time_leading", title, statement, steps, sentence, evaluate, st.where)


def crossover_where(st: Setting) -> dict[sp.Symbol, sp.Expr]:
    """Return the compact symbols with delta, lambda and X added."""
    return {
        **st.where,
        delta: eta_xi * A_0 * (1 - N_c / st.s["L"]),
        lam: p_0 * A_0 * f * sp.sqrt(eta_xi * eta_alpha),
        X: NEEDED,
    }


def crossover(st: Setting) -> Result:
    """Transition time when alpha feeds back on xi before the jump: from the slow phase to the saddle."""
    where = crossover_where(st)
    time = CROSSOVER
    xi = delta / lam * sp.sinh(lam * t)
    area = delta / lam**2 * (sp.cosh(lam * t) - 1)
    origin = {st.s[k]: 0 for k in st.model.state}
    coupling = p_0 * A_0 * f
    into_xi = sp.diff(st.drift["xi"], st.s["alpha"]).subs(origin)
    into_alpha = sp.diff(st.drift["alpha"], st.s["xi"]).subs(origin)

    def point(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), "lambda": rng.uniform(0.1, 1), "delta": rng.uniform(0.01, 1), "X": rng.uniform(1, 50)}

    saddle_form = sp.log(2 * lam**2 * X / delta) / lam
    gaps = [float((time / saddle_form - 1).subs({lam: 1, X: 1, delta: d})) for d in (1e-2, 1e-4, 1e-6)]
    steps = (
        Step(
            "Near the origin $\\alpha$ drives $\\xi$ as strongly as $\\xi$ drives $\\alpha$ (gradient flow).",
            equal(label(r"\dot\xi"), delta + eta_xi * coupling * st.s["alpha"]),
            identity(into_xi + into_alpha, 2 * expand(coupling, where), draw),
        ),
        Step(
            "So from the origin $\\xi$ grows as a hyperbolic sine; linear at first, exponential later.",
            equal(st.s["xi"], xi),
            identity(sp.diff(xi, t), delta + lam**2 * area, point),
        ),
        Step(
            "Its integral must reach $X$.",
            equal(X, area),
            identity(sp.diff(area, t), xi, point),
        ),
        Step(
            "Solved for the time.",
            equal(T_STAR, time),
            identity(area.subs(t, time), X, point, symbolic=False),
        ),
        Step(
            "For $L\\gg N/B$ (weak feedback) this is the small-$u$ form of the leading order.",
            equal(T_STAR, sp.sqrt(2 * X / delta)),
            identity(sp.limit(time, lam, 0), sp.sqrt(2 * X / delta), point),
        ),
        Step(
            "For $L\\to N/B$ it is the escape from a saddle, with $\\delta/2\\lambda^2X$ in the place of the start.",
            equal(T_STAR, saddle_form),
            converges(gaps, 0.1, "delta = 1e-2, 1e-4, 1e-6 at lambda = X = 1"),
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        return {
            "transition_time": number(model, time, where),
            "growth_rate": number(model, lam, where),
            "feedback": number(model, lam**2 * X / delta, where),
        }

    title = "Transition time from the origin, crossover to the saddle"
    sentence = "start at the origin, M large, no saturation of CLA (u small) before the jump"
    return _from_zero("transition_time_crossover", title, equal(T_STAR, time), steps, sentence, evaluate, where)


def reduced(st: Setting) -> Result:
    """Transition time by nested quadratures of the reduced flow."""
    s, L = st.s, st.s["L"]
    level = sp.Symbol("I", positive=True)
    beta_1 = sp.log(s["M"] * sp.LambertW(sp.exp(level) / s["M"]))
    on_context = st.r + st.r_C
    first_drive = st.p * st.q_c * ((1 - st.r) * (1 - st.q_c) + st.r_C * st.q_o)
    second_drive = (1 - on_context) * st.q_o + (1 - st.r) * (st.q_c - st.q_o)
    p, q_c, q_o, r, r_C = (label(k) for k in ("p", "q_c", "q_o", "r", "r_C"))
    compact = q_c * p * ((1 - r) * (1 - q_c) + r_C * q_o)
    at_zero = p * q_c * ((1 - 1 / L) * (1 - q_c) + (N_c - 1) / L * q_o) * eta_alpha / eta_xi
    slow, induction = (1 - N_c / L) * q_o / at_zero, (1 - 1 / L) * (q_c - q_o) / at_zero
    saturation = (1 + c) / (1 + c * sp.exp(u))
    frozen = {s["alpha"]: 0, s["xi"]: u / A_0, **({s["beta_2"]: 0} if "beta_2" in st.model.state else {})}
    missing = expand((1 - on_context).subs(frozen), st.where)
    names = {p: st.p, q_c: st.q_c, q_o: st.q_o}
    slope = sp.diff(st.drift["alpha"], s["xi"]).subs(s["xi"], 0)
    ratio = (eta_xi / eta_alpha) * st.drift["xi"].subs(s["xi"], 0) / slope
    F, kappa, before = (sp.Function(k)(y) for k in ("F", "kappa", "y_k"))
    linear = F - kappa * (sp.Function("Y")(y) - before)
    solution = sp.Function("Y")(y)
    damping = sp.Function("D")(y)
    growth = sp.diff(solution * sp.exp(damping), y).subs(sp.diff(damping, y), kappa).subs(sp.diff(solution, y), linear)
    errors = _order_errors()
    alpha = s["alpha"]
    time = sp.Integral(1 / (eta_alpha * s["xi"] * compact), (alpha, label(r"\alpha_0"), label(r"\alpha^*")))

    def point(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), "I": rng.uniform(-2, 10)}

    steps = (
        Step(
            "The invariant, solved for $\\beta_1$; $I=\\beta_1+e^{\\beta_1}/M$ grows with $\\alpha^2$.",
            equal(s["beta_1"], beta_1),
            identity(beta_1 + sp.exp(beta_1) / s["M"], level, point, symbolic=False),
        ),
        Step(
            "$\\dot\\alpha$ has the sign of $\\xi$, its factor being positive; so $\\alpha$ can serve as the clock.",
            equal(label(r"\dot\alpha/\eta_\alpha"), s["xi"] * compact),
            identity(st.drift["alpha"], s["xi"] * first_drive, draw, symbolic=False),
        ),
        Step(
            "$\\dot\\xi$ is the sum of slow-phase drive and induction drive, both positive for $\\alpha\\geq 0$.",
            equal(label(r"\dot\xi/\eta_\xi"), (1 - CLA) * q_o + (1 - r) * (q_c - q_o)),
            identity(st.drift["xi"], second_drive, draw, symbolic=False),
        ),
        Step(
            "With $y=\\xi^2/2$, $dy/d\\alpha=F(\\alpha,y)$ is finite at $y=0$: slow-phase part plus induction part.",
            equal(label(r"F(\alpha,0)"), label("a") + label("b")),
            identity(ratio, expand((slow + induction).subs(names), st.where), draw, symbolic=False),
        ),
        Step(
            "The slow-phase part,",
            equal(label("a"), slow),
            identity(
                st.at(second_drive, xi=0) - st.at((1 - st.r) * (st.q_c - st.q_o), xi=0),
                expand((slow * at_zero).subs(names), st.where),
                draw,
                symbolic=False,
            ),
        ),
        Step(
            "saturates as CLA fills up; $u=\\xi A_0$.",
            equal(label(r"\frac{1-\mathrm{CLA}(u)}{1-\mathrm{CLA}(0)}"), saturation),
            identity(missing / missing.subs(u, 0), expand(saturation, st.where), draw, symbolic=False),
        ),
        Step(
            "Order 0 lets the slow-phase part saturate like this, in closed form, and adds the other.",
            equal(label("y_0"), label(r"\frac{u^2}{2A_0^2}") + label(r"\int b\,d\alpha")),
            identity(u / sp.diff(RELATION, u) * (1 + c), saturation, draw),
        ),
        Step(
            "The next order solves the equation linearised about the last one, with the integrating factor $e^{D}$.",
            equal(label(r"\frac{d}{d\alpha}(y_{k+1}e^{D})"), label(r"(F+\kappa y_k)e^{D}")),
            identity(sp.expand(growth), sp.expand((F + kappa * before) * sp.exp(damping)), draw),
        ),
        Step(
            "Time is one more integral, up to the point where $r=1/2$; each order is far closer than the last.",
            equal(T_STAR, time),
            converges(errors, 0.1, "orders 0, 1 against the integrated flow, N = 4, L = 16"),
        ),
    )

    def monotone(model: Model, init: Init) -> str | None:
        if init["alpha"] * init["xi"] < 0:
            return "alpha and xi start with opposite signs, so that alpha is not monotone."
        saddle = regimes.is_saddle(model)
        if saddle and init["alpha"] == init["xi"] == 0:
            return "the start is the saddle itself: the flow stays there forever."
        if not saddle and min(init["alpha"], init["xi"]) < 0:
            return "the start is negative and L > N/B: alpha turns back on its way, it is not monotone."
        return None

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        times = transition_times(str(model.options["attend"]), model.values, model.rate_values(), init, order=2)
        return {"transition_time": float(times[2]), "order_1": float(times[1]), "order_0": float(times[0])}

    return Result(
        name="transition_time",
        title="Transition time by nested quadratures",
        statement=sp.Tuple(
            equal(T_STAR, time),
            equal(label(r"\frac{dy}{d\alpha}"), label(r"F(\alpha,{y})")),
            equal(label(r"r(\alpha^*,\xi(\alpha^*))"), sp.Rational(1, 2)),
        ),
        steps=steps,
        regime=Regime(
            "any N, L >= N/B, B, M, rates and any start with alpha, xi of one sign; mean field",
            regimes.mean_field,
            regimes.fixed_beta_2,
            regimes.several_labels,
            needs_rates("alpha", "xi"),
            regimes.below_half,
            monotone,
        ),
        evaluate=evaluate,
        error=lambda model, init, predicted: timed(model, init)[1],
        measure=measured_escape,
    )


def closed_forms(attend: str, values: Mapping[str, Any], rates: Mapping[str, Any]) -> np.ndarray:
    """Return T* from 0 by the leading and by the crossover form, for arrays of parameters and rates (beta_2 = 0)."""
    st = setting(attend, "fixed")
    where = crossover_where(st)
    arguments = [*(st.s[k] for k in ("N", "L", "B", "M")), eta_beta_1, eta_alpha, eta_xi, u]
    given = [*(values[k] for k in ("N", "L", "B", "M")), *(rates[k] for k in ("beta_1", "alpha", "xi"))]

    def evaluate(expr: sp.Expr, root: Any = 1.0) -> np.ndarray:
        explicit = expand(expr, where).subs(sp.Symbol("beta_2", real=True), 0)
        value = sp.lambdify(arguments, explicit, "numpy")(*given, root)
        return np.asarray(value, dtype=float) + np.zeros_like(np.asarray(given[0], dtype=float))

    return np.stack([evaluate(CLOCK, slow_phase_root(evaluate(ROOT_LEVEL), evaluate(c))), evaluate(CROSSOVER)])


def _beta(alpha: float, competing: float) -> float:
    """beta_1 on the flow from the origin at unit rates, from the invariant."""
    level = mpmath.mpf(alpha) ** 2 / 2 + 1 / mpmath.mpf(competing)
    return float(mpmath.log(competing * mpmath.lambertw(mpmath.e**level / competing).real))


def _needed_ratio(competing: float) -> float:
    """Integral of 1/p up to the take-off (beta_1 = log M), over its leading form."""
    end = math.sqrt(2 * math.log(competing))
    exact = mpmath.quad(lambda a: 1 + competing * mpmath.exp(-_beta(a, competing)), np.linspace(0, end, 9).tolist())
    return float(exact / ((1 + competing) * mpmath.sqrt(mpmath.pi / 2)))


def _order_errors() -> list[float]:
    unit = {"beta_1": 1.0, "alpha": 1.0, "xi": 1.0}
    values = {"N": 4.0, "L": 16.0, "B": 1.0, "M": 4.0}
    orders = transition_times("labels", values, unit, {}, order=1)
    measured = measured_time("labels", values, unit)
    return [float(v) / measured - 1 for v in orders]
