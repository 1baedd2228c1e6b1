r"""How the time of the transition grows with the size of the context.

Three nested logits pass through two stages whose times multiply under a square root, hence the power 3/2 above the
saddle; at the saddle (:math:`L=N`) an e-fold takes a time of order :math:`N^2`, and so does the whole transition above
it if the read-out has its own rate :math:`1/(L-1)`.

The reduction of Musat et al. (arXiv 2511.01033) to three scalars, whose emergence time is :math:`\Theta(N^2)`, is not
among the models: of the nineteen coordinates of its loss only three are known here, and neither the loss on the others
nor its data. The power 2 is found at the saddle of nested logits as well, but that does not make the models the same.
"""

import math
from collections.abc import Mapping

import numpy as np
import sympy as sp

from minimodels.model import Model
from theory.checks import identities, identity, together
from theory.derivation import Check, Init, Regime, Result, Step, expand, number
from theory.reddy import regimes
from theory.reddy.flow import against_the_flow
from theory.reddy.reduced_flow import timed
from theory.reddy.setting import A_0, N_c, Setting, draw, eta_alpha, eta_beta_1, eta_xi, f, p_0
from theory.reddy.transition import NEEDED, ROOT_LEVEL, attend, integral_needed, number_at
from theory.vocabulary import equal, label, needs_rates

RATIO, COMPETING = sp.symbols("rho mu", positive=True)  # L B/N and M/N, held while N grows


def growth_with_size(st: Setting) -> Result:
    """Asymptotic time of emergence for a large context at fixed L/N and M/N."""
    N, L, B, M = (st.s[k] for k in "NLBM")
    size = sp.Symbol("n", positive=True)
    fixed = {L: RATIO * size / B, M: COMPETING * size, N: size}

    def limit(expr: sp.Expr) -> sp.Expr:
        return sp.limit(sp.together(expand(expr, st.where).subs(fixed)), size, sp.oo)

    def held(expr: sp.Expr) -> sp.Expr:
        """Return a law with the shares that are held while N grows."""
        return expand(expr, st.where).subs({L: RATIO * N / B, M: COMPETING * N})

    speed, onto_alpha, onto_xi = (expand(e, st.where) for e in st.linear())

    weight = limit(1 / (A_0 * N_c))
    above = weight * N / B * sp.sqrt(sp.sqrt(2 * sp.pi / (eta_alpha * eta_beta_1)) * M / (eta_xi * (1 - N_c / L)))
    e_fold = weight * N / B * M / sp.sqrt(eta_xi * eta_alpha)
    statement = sp.Tuple(equal(label("T^*"), above), equal(1 / label(r"\lambda"), e_fold))
    growth = p_0 * A_0 * f * sp.sqrt(eta_xi * eta_alpha)
    feedback = growth**2 * NEEDED / (eta_xi * A_0 * (1 - N_c / L))

    def point(rng: np.random.Generator) -> dict[str, float]:
        return {**draw(rng), "rho": rng.uniform(1.1, 9), "mu": rng.lognormal(), "n": rng.uniform(5, 500)}

    def transition(stated: sp.Basic) -> Check:
        """Against the needed integral over the speed, by the model's drift at the origin; and against its flow."""
        law = expand(stated.rhs, st.where)
        squared = limit(2 * integral_needed(st) / speed / N**3)
        return together(
            identities([(held(stated.rhs / N ** sp.Rational(3, 2)), sp.sqrt(squared))], point),
            lambda: against_the_flow(attend(st), lambda at: number_at(law, at), 0.4),
        )

    def escape(stated: sp.Basic) -> Check:
        """Against the growth rate at the saddle, by the model's drift at the origin."""
        slowest = sp.sqrt(limit(1 / (onto_alpha * onto_xi) / N**4).subs(RATIO, 1))
        return identities([(held(stated.rhs / N**2), slowest)], point)

    steps = (
        Step.tested(
            "The attention of one label falls as $1/N$; $b$ is 1 for labels only and 2 for all tokens.",
            equal(label("b"), sp.sympify(weight)),
            lambda stated: identity(limit(1 / (st.at_origin(st.q_c) * N / B)), stated.rhs, point),
        ),
        Step(
            "The slow phase has barely begun when the transition comes: $u^*\\to 0$, and the small-$u$ form holds.",
            equal(label(r"\lim_{N\to\infty}A_0\int\xi\,dt"), sp.S(0)),
            identity(limit(ROOT_LEVEL), sp.S(0), point),
        ),
        Step(
            "The feedback of $\\alpha$ on $\\xi$ vanishes as $1/N$, unless $L=N/B$.",
            equal(label(r"\lim_{N\to\infty}\lambda^2X/\delta"), sp.S(0)),
            identity(limit(feedback), sp.S(0), point),
        ),
        Step.tested(
            "So $T^*$ grows as $N^{3/2}$, at rates that do not depend on $N$.", statement.args[0], transition
        ),
        Step.tested(
            "At $L=N/B$ there is no drive, and an e-fold takes a time that grows as $N^2$.", statement.args[1], escape
        ),
    )  # fmt: skip

    def law(model: Model) -> float:
        return number(model, e_fold if regimes.is_saddle(model) else above, st.where)

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        doubled = model.with_values(**{k: 2 * model.values[k] for k in "NLM"})
        return {"time": law(model), "exponent": math.log2(law(doubled) / law(model))}

    def error(model: Model, init: Init, values: Mapping[str, float]) -> float:
        saddle, origin = regimes.is_saddle(model), dict.fromkeys(model.state, 0.0)
        return abs(values["time"] / (1 / number(model, growth, st.where) if saddle else timed(model, origin)[0]) - 1)

    return Result(
        name="growth_with_size",
        title="Growth of the time with N",
        statement=statement,
        steps=steps,
        regime=Regime(
            "N large at fixed L B/N and M/N: T* from the origin, at L = N/B the time of an e-fold",
            regimes.mean_field,
            regimes.fixed_beta_2,
            regimes.several_labels,
            needs_rates("alpha", "xi", "beta_1"),
            regimes.below_half,
        ),
        evaluate=evaluate,
        error=error,
    )
