"""Symmetries and conserved quantities of the nested-logit flow."""

import sympy as sp
from scipy.integrate import quad

from minimodels.model import Model
from minimodels.models import model as build
from minimodels.primitives import elementary
from theory.checks import identity
from theory.derivation import Check, Init, Regime, Result, Step, expand, number
from theory.reddy import regimes
from theory.reddy.reduced_flow import previous_token_logit, reduced_flow
from theory.reddy.setting import A_0, N_c, Setting, draw, eta_alpha, eta_beta_1, eta_xi
from theory.vocabulary import equal, invariant, label, needs_rates, values


def first_invariant(st: Setting) -> Result:
    """A conserved quantity of the flow."""
    s = st.s
    conserved = s["alpha"] ** 2 / (2 * eta_alpha) - (s["beta_1"] + sp.exp(s["beta_1"]) / s["M"]) / eta_beta_1
    ratio = s["alpha"] * sp.exp(-s["beta_1"]) * s["M"] / (1 + sp.exp(-s["beta_1"]) * s["M"])
    statement = equal(label("I"), conserved)
    steps = (
        Step(
            "The attention logits enter the loss only through $\\alpha p(\\beta_1)$, so their drives are proportional.",
            equal(label(r"\partial_{\beta_1}\mathcal{L}/\partial_\alpha\mathcal{L}"), ratio),
            identity(sp.diff(s["alpha"] * st.p, s["beta_1"]) / st.p, ratio, draw),
        ),
        Step.tested(
            "Hence the change along the flow, $\\sum_i\\dot x_i\\,\\partial_i$, of this is zero.",
            statement,
            lambda stated: identity(st.change(stated.rhs), sp.S(0), draw, symbolic=False),
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        start = {s[k]: sp.Float(v) for k, v in init.items() if k in s}
        return {"invariant": number(model, conserved.xreplace(start), st.where)}

    holds = regimes.mean_field, needs_rates("alpha", "beta_1")
    regime = Regime("mean field, any N, L, B, M, rates; also with beta_2 free", *holds)
    return invariant("invariant", "Invariant of the flow", statement, steps, regime, evaluate)


def second_invariant(st: Setting) -> Result:
    """A second conserved quantity at L = N/B, which makes the flow integrable."""
    s = st.s
    p = label("p")
    match = s["alpha"] * p
    slope = (A_0 * (sp.exp(match) - 1) + (1 - A_0) * (1 - sp.exp(-match))) / p
    conserved = s["xi"] ** 2 / (2 * eta_xi) - sp.Integral(slope, (s["alpha"], 0, s["alpha"])) / eta_alpha
    at_saddle = {s["L"]: s["N"] / s["B"], **({s["beta_2"]: 0} if "beta_2" in st.model.state else {})}
    ratio = (s["xi"] * st.drift["xi"] / st.drift["alpha"]).subs(at_saddle)
    plain = expand(slope.subs(p, st.p), st.where)
    statement = equal(label("J"), conserved)

    def unchanged(stated: sp.Basic) -> Check:
        """The integral changes by its upper end alone, at which p is that of the state."""
        change = expand(st.change(stated.rhs).subs(p, st.p), st.where)
        return identity(change.subs(at_saddle), sp.S(0), draw, symbolic=False)

    steps = (
        Step(
            "With $r_C=1-r$ the factor $1-r$ is common to both drives and cancels in their ratio.",
            equal(label(r"\xi\dot\xi\,\eta_\alpha/(\dot\alpha\,\eta_\xi)"), slope),
            identity(ratio, plain, draw, symbolic=False),
        ),
        Step.tested(
            "$p$ is a function of $\\alpha$ by the first invariant, so the ratio integrates to a second one: the "
            "change along the flow of this is zero.",
            statement,
            unchanged,
        ),
    )

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        flow, v, eta = reduced_flow(str(model.options["attend"])), model.values, model.rate_values()
        parameters = (v["N"], v["L"], v["B"], v["M"], v.get("beta_2", 0.0))

        def integrand(alpha: float) -> float:
            gain = eta["beta_1"] * (alpha**2 - init["alpha"] ** 2) / (2 * eta["alpha"])
            beta = previous_token_logit(init["beta_1"], gain, v["M"])
            return float(flow.slope_at_zero(beta, alpha, 0.0, *parameters))

        area, _ = quad(integrand, 0, init["alpha"])
        return {"invariant": init["xi"] ** 2 / (2 * eta["xi"]) - area / eta["alpha"]}

    regime = Regime(
        "L = N/B, mean field, beta_2 fixed; order 0 of the transition time is then exact",
        regimes.mean_field,
        regimes.fixed_beta_2,
        regimes.at_the_saddle,
        regimes.several_labels,
        needs_rates("alpha", "xi"),
    )
    title = "At L = N/B the flow is integrable: a second invariant"
    return invariant("second_invariant", title, statement, steps, regime, evaluate)


def sufficient_parameters(st: Setting) -> Result:
    """The loss depends on N, B and the attended tokens only through A_0 and N_c."""
    attention = 1 / (1 + (1 / A_0 - 1) * sp.exp(-st.s["alpha"] * label("p")))
    without = {st.s["beta_2"]: 0} if "beta_2" in st.model.state else {}
    statement = equal(label("q_c"), attention)

    def attended(stated: sp.Basic) -> Check:
        return identity(st.q_c.subs(without), expand(stated.rhs.subs(label("p"), st.p), st.where), draw, symbolic=False)

    steps = (
        Step.tested(
            "Number of pairs, burstiness and attended tokens enter the attention only through $A_0$.",
            statement,
            attended,
        ),
        Step(
            "The attention to another context label is smaller by the factor of the match.",
            equal(label("q_o"), label("q_c") * sp.exp(-st.s["alpha"] * label("p"))),
            identity(st.q_o, st.q_c * sp.exp(-st.s["alpha"] * st.p), draw, symbolic=False),
        ),
    )
    return Result(
        name="sufficient_parameters",
        title="The flow depends on A_0, N/B, L and M only",
        statement=statement,
        steps=steps,
        regime=Regime("mean field, beta_2 fixed", regimes.mean_field, regimes.fixed_beta_2),
        evaluate=values(st.where, A_0=A_0, N_c=N_c),
    )


def sign_symmetry(st: Setting) -> Result:
    """Flipping the signs of alpha and xi leaves the loss unchanged for two labels."""
    m = build("nested_logit", attend="labels")
    s = m.symbols
    two = elementary(m.loss).subs({s["L"]: 2, s["N"]: 2 * s["B"]})
    states = [s[k] for k in ("beta_1", "alpha", "xi")]
    height = sp.Function(r"\mathcal{L}")
    statement = equal(height(s["beta_1"], -s["alpha"], -s["xi"]), height(*states))

    def even(stated: sp.Basic) -> Check:
        """The loss of the model in the place of the symbol for it."""

        def own(*at: sp.Expr) -> sp.Expr:
            return two.subs(dict(zip(states, at, strict=True)), simultaneous=True)

        left, right = (side.replace(height, own) for side in stated.args)
        return identity(left, right, draw, symbolic=False)

    gap = sp.tanh(s["alpha"] * label("p") / 2)
    steps = (
        Step(
            "With two labels and no other tokens the difference of attention is odd in $\\alpha$.",
            equal(label("q_c-q_o"), gap),
            identity(
                2 * elementary(m.observables["TILA2"]).subs(s["N"], 2 * s["B"]) - 1,
                gap.subs(label("p"), elementary(m.observables["ILA1"])),
                draw,
                symbolic=False,
            ),
        ),
        Step.tested(
            "The loss depends on $\\xi(q_c-q_o)$ alone, which is even.",
            statement,
            even,
        ),
    )

    return Result(
        name="sign_symmetry",
        title="Sign symmetry of two labels",
        statement=statement,
        steps=steps,
        regime=Regime("labels only, L = N/B = 2; elsewhere only to second order at the saddle", regimes.two_labels),
        evaluate=values(st.where, N_c=N_c),
    )
