"""The transition time of the nested-logit model by nested quadratures of the reduced flow."""

import numpy as np
import sympy as sp

from minimodels.model import Model
from minimodels.primitives import elementary
from theory.checks import converges, identity
from theory.derivation import Check, Init, Regime, Result, Step, expand
from theory.reddy import regimes
from theory.reddy.flow import measured_time
from theory.reddy.reduced_flow import RELATION, c, timed, transition_times, u
from theory.reddy.setting import A_0, CLA, N_c, Setting, draw, eta_alpha, eta_xi
from theory.reddy.transition import T_STAR
from theory.vocabulary import equal, label, measured_escape, needs_rates

y = sp.Symbol("y", positive=True)


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
    end, path = label(r"\alpha^*"), label(r"F(\alpha,{y})")
    time = sp.Integral(1 / (eta_alpha * s["xi"] * compact), (alpha, label(r"\alpha_0"), end))
    names |= {r: st.r, r_C: st.r_C}
    where = {**st.where, path: eta_xi * (((1 - r - r_C) * q_o) + (1 - r) * (q_c - q_o)) / (eta_alpha * compact)}
    statement = sp.Tuple(
        equal(T_STAR, time),
        equal(label(r"\frac{dy}{d\alpha}"), path),
        equal(label(r"r(\alpha^*,\xi(\alpha^*))"), sp.Rational(1, 2)),
    )

    def by_the_drift(expr: sp.Expr, per_unit: sp.Expr) -> Check:
        """What grows with alpha, against how fast it grows in time over how fast alpha does, by the model's drift."""
        explicit = expand(expand(expr, where).xreplace(names), st.where)
        return identity(explicit, per_unit / (eta_alpha * st.drift["alpha"]), draw, symbolic=False)

    def clocked(stated: sp.Basic) -> Check:
        return by_the_drift(sp.diff(stated.rhs, end).subs(end, alpha), sp.S(1))

    def on_its_path(stated: sp.Basic) -> Check:
        return by_the_drift(stated.rhs, s["xi"] * eta_xi * st.drift["xi"])

    def at_the_event(stated: sp.Basic) -> Check:
        """The quadratures end where the located event of the model is."""
        event = st.model.events["escape_time"]
        return identity(stated.rhs - st.r, event.level - elementary(event.expr), draw, symbolic=False)

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
        Step.tested("Time is one more integral,", statement.args[0], clocked),
        Step.tested("along the path", statement.args[1], on_its_path),
        Step.tested("up to the point of the event,", statement.args[2], at_the_event),
        Step(
            "and each order is far closer to the flow than the last.",
            statement,
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
        statement=statement,
        where=where,
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


def _order_errors() -> list[float]:
    unit = {"beta_1": 1.0, "alpha": 1.0, "xi": 1.0}
    values = {"N": 4.0, "L": 16.0, "B": 1.0, "M": 4.0}
    orders = transition_times("labels", values, unit, {}, order=1)
    measured = measured_time("labels", values, unit)
    return [float(v) / measured - 1 for v in orders]
