"""The transition time of the nested-logit model in closed form: leading order, crossover to the saddle."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from scipy.optimize import brentq

from minimodels.model import Model
from theory.checks import converges, identities, identity, together, vanishes
from theory.derivation import Check, Evaluate, Init, Regime, Result, Step, expand, number
from theory.reddy import regimes
from theory.reddy.flow import against_the_flow
from theory.reddy.reduced_flow import RELATION, c, slow_phase_root, timed, u
from theory.reddy.setting import (
    A_0,
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
    root = label("u^*")
    reached = equal(RELATION.subs(u, root), needed)
    clock = equal(T_STAR, CLOCK.subs(u, root))
    share = st.at_origin(st.q_o)
    pace = share * eta_xi * st.drift["xi"].subs({s["alpha"]: 0, s["xi"]: root / share, **at_rest})  # of u

    def explicit(expr: sp.Expr) -> sp.Expr:
        return expand(expr, st.where)

    def point(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), str(root): rng.uniform(0.1, 3)}

    def needed_by_the_flow(stated: sp.Basic) -> Check:
        """Both sides by the model's own drives, and the time that follows by its integrated flow."""
        grown, level = (explicit(side) for side in stated.args)
        at_once = eta_xi * share**3 * integral_needed(st)
        by_drives = identities(
            [(sp.diff(grown, root) * pace, eta_xi * share**2 * root), (grown.subs(root, 0), sp.S(0)), (level, at_once)],
            point,
        )
        time = _rooted(root, grown - level, explicit(clock.rhs))
        return together(by_drives, lambda: against_the_flow(attend(st), time, 0.3))

    def ticks(stated: sp.Basic) -> Check:
        """The time grows by one unit per unit of time, by the model's own drive, from 0."""
        time = explicit(stated.rhs)
        return identities([(sp.diff(time, root) * pace, sp.S(1)), (time.subs(root, 0), sp.S(0))], point)

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
        Step.tested(
            "In the slow phase $\\int\\xi\\,dt=A_0^{-1}\\int u\\,(dt/du)\\,du$; times $\\eta_\\xi A_0^3$, at $u^*$,",
            reached,
            needed_by_the_flow,
        ),
        Step.tested("This $u^*$ is reached at", clock, ticks),
        Step(
            "It is found by Newton's method.",
            reached,
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
    statement = sp.Tuple(reached, clock)
    sentence = "start at the origin, N and M large, L well above N/B (error: see the error map)"
    return _from_zero("transition_time_leading", title, statement, steps, sentence, evaluate, st.where)


def attend(st: Setting) -> str:
    """Return the name of the mean-field form."""
    return str(st.model.options["attend"])


def integral_needed(st: Setting) -> sp.Expr:
    """Return the integral of xi that alpha needs, by the model's own drive at the origin: a Gaussian in alpha."""
    _, onto_alpha, _ = st.linear()
    return sp.sqrt(sp.pi * eta_alpha / (2 * eta_beta_1)) / onto_alpha


def _rooted(unknown: sp.Symbol, relation: sp.Expr, time: sp.Expr) -> Callable[[Mapping[str, float]], float]:
    """Return the function that finds the root of a relation at a point, and the time there (nan without a root)."""
    names = sorted((relation.free_symbols | time.free_symbols) - {unknown}, key=str)
    left, at = (sp.lambdify([unknown, *names], e, "numpy") for e in (relation, time))

    def found(point: Mapping[str, float]) -> float:
        values = [point[s.name] for s in names]
        try:
            return float(at(brentq(lambda x: float(left(x, *values)), 1e-9, 50), *values))
        except (ValueError, TypeError):  # one sign from end to end, or no real value
            return math.nan

    return found


def number_at(expr: sp.Expr, point: Mapping[str, float]) -> float:
    """Return the value of an explicit expression at a point, nan where it is not real."""
    value = complex(expr.evalf(subs={s: point[s.name] for s in expr.free_symbols}))
    return value.real if abs(value.imag) <= 1e-9 * abs(value) else math.nan


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
    statement = equal(T_STAR, time)
    xi = delta / lam * sp.sinh(lam * t)
    area = delta / lam**2 * (sp.cosh(lam * t) - 1)
    origin = {st.s[k]: 0 for k in st.model.state}
    coupling = p_0 * A_0 * f
    into_xi = sp.diff(st.drift["xi"], st.s["alpha"]).subs(origin)
    into_alpha = sp.diff(st.drift["alpha"], st.s["xi"]).subs(origin)

    def point(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), "lambda": rng.uniform(0.1, 1), "delta": rng.uniform(0.01, 1), "X": rng.uniform(1, 50)}

    speed, onto_alpha, onto_xi = st.linear()
    needed = integral_needed(st)

    def reaches(stated: sp.Basic) -> Check:
        """At the time that is stated the model's linear flow has the integral of xi that alpha needs."""
        explicit = expand(stated.rhs, where)
        at_time = speed / (onto_alpha * onto_xi) * (sp.cosh(sp.sqrt(onto_alpha * onto_xi) * explicit) - 1)
        return together(
            identities([(at_time, needed), (sp.Abs(explicit, evaluate=False), explicit)], draw),
            lambda: against_the_flow(attend(st), lambda at: number_at(explicit, at), 0.3),
        )

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
        Step.tested("Solved for the time.", statement, reaches),
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
    return _from_zero("transition_time_crossover", title, statement, steps, sentence, evaluate, where)


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
