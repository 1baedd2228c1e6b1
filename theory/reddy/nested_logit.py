"""Theory of the nested-logit model: origin, slow phase, drives; the rest in files of their own."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import sympy as sp
from scipy.special import wrightomega

from minimodels.errors import unknown
from minimodels.model import Model
from minimodels.models import model as build
from theory.checks import identities, identity
from theory.derivation import Check, Derivation, Init, Regime, Result, Step, expand, number
from theory.reddy import growth, quadratures, regimes, saddle, symmetry, transition
from theory.reddy.setting import (
    A_0,
    CLA,
    HERE,
    SOURCE,
    N_c,
    Setting,
    W,
    c,
    draw,
    eta_alpha,
    eta_beta_1,
    eta_xi,
    f,
    p_0,
    setting,
    t,
    u,
)
from theory.vocabulary import equal, label, needs_rates, values

FAR = 200  # e-folds at which a limit is reached to all digits
LOSS = label(r"\mathcal{L}")
SLOW_PHASE = (regimes.fixed_beta_2, regimes.above_the_saddle, needs_rates("xi"))


def derive(**options: object) -> Derivation:
    """Derive the theory of ``nested_logit`` with the model's own options ``attend`` and ``beta_2``."""
    for key in options:
        if key not in ("attend", "beta_2"):
            raise unknown("option of the theory of 'nested_logit'", key, ("attend", "beta_2"))
    attend, beta_2 = str(options.get("attend", "all")), str(options.get("beta_2", "fixed"))
    build(
        "nested_logit",
        attend="all" if attend == "exact" else "labels" if attend == "exact-labels" else attend,
        beta_2=beta_2,
    )  # the model itself says what is wrong with an option
    return _derive(attend, beta_2)


@lru_cache
def _derive(attend: str, beta_2: str) -> Derivation:
    st = setting(attend, beta_2)
    results = [
        origin_gradient(st),
        critical_point(st),
        saddle.saddle(st),
        saddle.exact_positions(st),
        saddle.escape(st),
        slow_phase(st),
        plateaus(st),
        half_time(st),
        plateau_drives(st),
        symmetry.first_invariant(st),
        symmetry.second_invariant(st),
        transition.leading(st),
        transition.crossover(st),
        quadratures.reduced(st),
        growth.growth_with_size(st),
        symmetry.sufficient_parameters(st),
        symmetry.sign_symmetry(st),
        saddle.anti_induction(st),
    ]
    options = {"attend": attend, "beta_2": beta_2}
    return Derivation.stating("nested_logit", options, results, reference=HERE, where=st.where)


def origin_gradient(st: Setting) -> Result:
    """Gradient of the loss at the state 0."""
    L = st.s["L"]
    slope = -A_0 * (1 - N_c / L)
    slope_symbol, rest = label(r"\partial_\xi\mathcal{L}|_0"), label(r"\partial_\alpha\mathcal{L}|_0")
    steps = (
        Step(
            "With all logits 0 every label is equally probable.",
            equal(label(r"\mathcal{L}|_0"), sp.log(L)),
            identity(st.at_origin(st.loss), sp.log(L), draw),
        ),
        Step(
            "Every copy of a context label gets the same attention; $A_0$ is the share of one distinct label.",
            equal(label("q_c|_0"), A_0),
            identity(st.at_origin(st.q_o), expand(A_0, st.where), draw),
        ),
        Step.tested(
            "Only the classifier gain is driven: it rises because context labels are more frequent than chance.",
            equal(slope_symbol, slope),
            lambda stated: identity(-st.at_origin(st.drift["xi"]), expand(stated.rhs, st.where), draw),
        ),
        Step(
            "The two attention logits are not driven, because nothing is read from the attention while $\\xi=0$.",
            equal(rest, sp.S(0)),
            identity(st.at_origin(st.drift["alpha"]) ** 2 + st.at_origin(st.drift["beta_1"]) ** 2, sp.S(0), draw),
        ),
    )
    return Result(
        name="origin_gradient",
        title="Gradient at the origin",
        statement=equal(slope_symbol, slope),
        steps=steps,
        regime=Regime("all forms of the model, exact positions included"),
        evaluate=values(st.where, gradient_xi=slope, loss=sp.log(L)),
    )


def critical_point(st: Setting) -> Result:
    """The origin is a critical point exactly at L = N/B."""
    L, N, B = (st.s[k] for k in "LNB")
    slope = st.at_origin(st.drift["xi"])
    statement = sp.Equivalent(equal(label(r"\nabla\mathcal{L}|_0"), sp.S(0)), equal(L, N / B))

    def vanishes_there(stated: sp.Basic) -> Check:
        """The number of labels against the root of the model's drift."""
        (root,) = sp.solve(sp.numer(sp.together(slope)), L)
        return identity(root, stated.rhs, draw)

    steps = (
        Step.tested(
            "The only component of the gradient at the origin vanishes for one number of labels.",
            equal(L, N / B),
            vanishes_there,
        ),
        Step(
            "There the labels of the context are all the labels: picking one of them at random gains nothing.",
            equal(label(r"\mathrm{CLA}|_0"), sp.S(1)),
            identity(st.at_origin(st.r + st.r_C).subs(L, N / B), sp.S(1), draw),
        ),
    )
    return Result(
        name="critical_point",
        title="The origin is critical exactly at L = N/B",
        statement=statement,
        steps=steps,
        regime=Regime("all forms of the model, distinct context labels"),
        reference=f"stated in the review of {SOURCE}; {HERE}",
        evaluate=values(st.where, critical_L=N / B, excess=L * B / N - 1),
    )


def slow_phase(st: Setting) -> Result:
    """Growth of xi at frozen uniform attention, in closed form."""
    s, L = st.s, st.s["L"]
    w = sp.LambertW(c * sp.exp(c + eta_xi * A_0**2 * t))
    time = (u + c * (sp.exp(u) - 1)) / (eta_xi * A_0**2)
    rate = A_0**2 * (L - N_c) / (N_c * sp.exp(u) + L - N_c)
    frozen = {s["xi"]: u / A_0, s["alpha"]: 0, **({s["beta_2"]: 0} if "beta_2" in st.model.state else {})}
    u_of_t = sp.log(w / c)
    statement = equal(CLA, w / (1 + w))

    def fills_up(stated: sp.Basic) -> Check:
        """The xi that belongs to the probability in the model moves as the model's drift says, from 0."""
        on_context, share = expand(stated.rhs, st.where), st.at_origin(st.q_o)
        n_c = expand(N_c, st.where)
        gain = sp.log(on_context / (1 - on_context) * (L - n_c) / n_c) / share
        at_gain = {**dict.fromkeys(frozen, sp.S(0)), s["xi"]: gain}
        return identities(
            [
                ((st.r + st.r_C).subs(at_gain), on_context),
                (sp.diff(gain, t), eta_xi * st.drift["xi"].subs(at_gain)),
                (gain.subs(t, 0), sp.S(0)),
            ],
            draw,
        )

    steps = (
        Step(
            "While $\\alpha=0$ the attention is uniform, $q_c=q_o=A_0$, and $u=\\xi A_0$ follows one equation.",
            equal(label(r"\dot u/\eta_\xi"), rate),
            identity(expand(A_0 * st.drift["xi"].subs(frozen), st.where), expand(rate, st.where), draw),
        ),
        Step(
            "Separated and integrated from $u=0$.",
            equal(t, time),
            identity(expand(sp.diff(time, u) * eta_xi * rate, st.where), sp.S(1), draw),
        ),
        Step(
            "Solved for $u$ by the Lambert function.",
            equal(u, u_of_t),
            identity(expand(time.subs(u, u_of_t), st.where), t, draw, symbolic=False),
        ),
        Step.tested("So the probability on context labels grows from $N_c/L$ to 1.", statement, fills_up),
        Step(
            "The same in short.",
            equal(CLA, W / (1 + W)),
            identity(
                expand((st.r + st.r_C).subs(frozen).subs(u, sp.log(W / c)), st.where), W / (1 + W), draw, symbolic=False
            ),
        ),
        Step(
            "The loss.",
            equal(LOSS, sp.log(N_c) + sp.log(1 + 1 / W)),
            identity(
                expand(st.loss.subs(frozen).subs(u, sp.log(W / c)), st.where),
                expand(sp.log(N_c) + sp.log(1 + 1 / W), st.where),
                draw,
                symbolic=False,
            ),
        ),
    )

    def curve(model: Model, times: np.ndarray) -> dict[str, np.ndarray]:
        ratio, pace = number(model, c, st.where), number(model, eta_xi * A_0**2, st.where)
        omega = np.real(wrightomega(np.log(ratio) + ratio + pace * times))  # W(e^x) without forming e^x
        size = number(model, N_c, st.where)
        share = omega / (1 + omega)
        return {
            "xi": np.log(omega / ratio) / number(model, A_0, st.where),
            "CLA": share,
            "correct": share / size,
            "loss": np.log(size) + np.log1p(1 / omega),
        }

    return Result(
        name="slow_phase",
        title="The slow phase: picking a random context label",
        statement=statement,
        steps=steps,
        regime=Regime("exact while alpha = 0; from the origin, until attention moves", *SLOW_PHASE),
        evaluate=values(st.where, rate=eta_xi * A_0**2, c=c),
        curve=curve,
    )


def plateaus(st: Setting) -> Result:
    """The two losses that the slow phase connects."""
    L = st.s["L"]
    start, end = equal(label(r"\mathcal{L}(0)"), sp.log(L)), equal(label(r"\mathcal{L}(\infty)"), sp.log(N_c))
    late = st.at_origin(st.loss.subs(st.s["xi"], FAR / st.at_origin(st.q_o)))  # frozen attention, W = c e^FAR

    def level(loss: sp.Expr) -> Callable[[sp.Basic], Check]:
        return lambda stated: identity(loss, expand(stated.rhs, st.where), draw, symbolic=False)

    steps = (
        Step.tested("At $t=0$, $W=c$.", start, level(st.at_origin(st.loss))),
        Step.tested("At late times $W\\to\\infty$.", end, level(late)),
    )
    return Result(
        name="plateaus",
        title="Plateaus of the slow phase",
        statement=sp.Tuple(start, end),
        steps=steps,
        regime=Regime(
            "as the slow phase; the second plateau is reached only if alpha and beta_1 are slow or clamped",
            *SLOW_PHASE,
        ),
        reference=f"{SOURCE}; {HERE}",
        evaluate=values(st.where, first=sp.log(L), second=sp.log(N_c), accuracy=1 / N_c),
    )


def half_time(st: Setting) -> Result:
    """Time at which half of the probability is on context labels."""
    time = (sp.log(1 / c) + 1 - c) / (eta_xi * A_0**2)
    closed = (u + c * (sp.exp(u) - 1)) / (eta_xi * A_0**2)
    statement = equal(label("t_{1/2}"), time)
    frozen = {**dict.fromkeys((st.s[k] for k in st.model.state), sp.S(0)), st.s["xi"]: u / st.at_origin(st.q_o)}

    def half(stated: sp.Basic) -> Check:
        """The time up to u by the model's drift, and where the model has half of the probability on context labels."""
        pace = st.at_origin(st.q_o) * eta_xi * st.drift["xi"].subs(frozen)
        end, up_to = expand(sp.log(1 / c), st.where), expand(closed, st.where)
        return identities(
            [
                (sp.diff(up_to, u) * pace, sp.S(1)),
                (up_to.subs(u, 0), sp.S(0)),
                ((st.r + st.r_C).subs(frozen).subs(u, end), sp.Rational(1, 2)),
                (up_to.subs(u, end), expand(stated.rhs, st.where)),
            ],
            draw,
        )

    steps = (Step.tested("CLA = 1/2 means $W=1$, so $u=\\ln(1/c)$, inserted into $t(u)$.", statement, half),)

    def at_least_half(model: Model, init: Init) -> str | None:
        start = number(model, N_c / st.s["L"], st.where)
        return f"CLA starts at {start:.3g}, not below 1/2 (L must exceed 2 N/B)." if start >= 0.5 else None

    return Result(
        name="half_time",
        title="Half-time of the slow phase",
        statement=statement,
        steps=steps,
        regime=Regime("as the slow phase, and c < 1, i.e. L > 2 N/B", *SLOW_PHASE, at_least_half),
        evaluate=values(st.where, half_time=time),
    )


def plateau_drives(st: Setting) -> Result:
    """How xi drives alpha, and alpha drives beta_1, on the plateau."""
    s, L = st.s, st.s["L"]
    on_context = (st.r + st.r_C).subs(s["alpha"], 0)
    at_rest = {s["beta_2"]: 0} if "beta_2" in st.model.state else {}
    drive = s["xi"] * st.p * A_0 * (1 - A_0 - CLA * (1 / N_c - A_0))
    delta_0, kappa_0 = eta_xi * A_0 * (1 - N_c / L), eta_alpha * p_0 * A_0 * f
    small = eta_beta_1 * (1 - p_0) * kappa_0**2 * delta_0**2 * t**4 / (8 * eta_alpha)
    p = label("p")
    statement = equal(label(r"\dot\alpha"), eta_alpha * drive.subs(st.p, p))

    def drives(stated: sp.Basic) -> Check:
        explicit = expand(stated.rhs.subs(p, st.p), st.where).subs(CLA, on_context.subs(at_rest))
        return identity(eta_alpha * st.drift["alpha"].subs({s["alpha"]: 0, **at_rest}), explicit, draw, symbolic=False)

    def early(stated: sp.Basic) -> Check:
        """The first powers of time that the model's own drift gives, one state after the other."""
        speed, onto_alpha, _ = st.linear()
        others = {s[k]: 0 for k in st.model.state if k not in ("alpha", "xi")}
        along = sp.diff(st.drift["beta_1"].subs(others), s["alpha"]).subs(s["alpha"], 0)
        onto_beta_1 = eta_beta_1 * st.at_origin(sp.diff(along, s["xi"]))
        grown = expand(stated.rhs, st.where)
        pace = onto_beta_1 * (onto_alpha * speed * t**2 / 2) * (speed * t)
        return identities([(sp.diff(grown, t), pace), (grown.subs(t, 0), sp.S(0))], draw)

    steps = (
        Step(
            "At uniform attention $\\xi$ is driven by what is missing on context labels.",
            equal(label(r"\dot\xi/\eta_\xi"), A_0 * (1 - CLA)),
            identity(
                st.drift["xi"].subs({s["alpha"]: 0, **at_rest}),
                expand(A_0, st.where) * (1 - on_context.subs(at_rest)),
                draw,
                symbolic=False,
            ),
        ),
        Step.tested(
            "$\\xi$ drives $\\alpha$, through the weight $p$ of the item in the buffer of its label.", statement, drives
        ),
        Step(
            "$\\alpha$ drives $\\beta_1$, everywhere.",
            equal(label(r"\dot\beta_1/\eta_{\beta_1}"), s["alpha"] * (1 - p) * label(r"\dot\alpha/\eta_\alpha")),
            identity(st.drift["beta_1"], s["alpha"] * (1 - st.p) * st.drift["alpha"], draw, symbolic=False),
        ),
        Step.tested(
            "At early times $\\xi\\propto t$, $\\alpha\\propto t^2$, $\\beta_1\\propto t^4$: each feeds the next.",
            equal(s["beta_1"], small),
            early,
        ),
    )

    return Result(
        name="plateau_drives",
        title="Drives on the plateau: first xi, then alpha, then beta_1",
        statement=statement,
        steps=steps,
        regime=Regime(
            "uniform attention q_c = q_o, any xi and beta_1; mean field",
            regimes.mean_field,
            regimes.fixed_beta_2,
        ),
        evaluate=values(st.where, drive_xi=delta_0, drive_alpha_per_xi=kappa_0, f=f),
    )
