r"""Two mechanisms that share parts and compete: in-context learning that emerges and fades (Singh et al. 2025).

Mechanism 1 (in-context learning) needs the vectors a, b and c, mechanism 2 (in-weights, with labels in context) d, b
and c, where d is longer and slower to learn. They share b and c, and a and d stand in each other's way:

.. math::

    \mathcal L &= (\mathcal L_1+\mu_1)(\mathcal L_2+\mu_2)+\alpha\,\mathcal C, \qquad
    \mathcal C=\frac{n_a n_d}{2 d_a d_d}, \\
    \mathcal L_1 &= \frac{n_an_bn_c-2s_as_bs_c+T_aT_bT_c}{2 d_a d_b d_c}, \qquad
    \mathcal L_2 = \frac{n_dn_bn_c-2s_ds_bs_c+T_dT_bT_c}{2 d_d d_b d_c}

in the squared norms :math:`n_x=\|x\|^2`, the overlaps :math:`s_x=x\cdot x^*` and :math:`T_x=\|x^*\|^2`; half the
mean squared errors of the tensor products, exactly, for gradient flow and for gradient descent. With :math:`\mu_1>0`
mechanism 1 is never perfect: mechanism 2 wins in the end. :math:`\alpha` is the parameter ``cost``.

``share_1`` and ``share_2`` weigh the gradients of the two mechanisms on the shared vectors b and c: 0 takes one of them
away, which is cooperation undone. Clamps are those of ``tensor_product``.

Source: A. Singh, T. Moskovitz, S. Dragutinović, F. Hill, S. Chan, A. Saxe, "Strategy coopetition explains the
emergence and transience of in-context learning", 2025 (arXiv 2503.05631), the toy model; norms and overlaps are of this
library.
"""

import sympy as sp

from minimodels.errors import check_choice
from minimodels.model import Constraint, Event, Flow, Model, Parameter
from minimodels.models.vectors import FORMS, Vector, motion, product_loss, progress, zero_loss

WARM = tuple({"form": form} for form in FORMS)
DIMENSIONS = {"a": 20, "b": 20, "c": 20, "d": 160}  # Singh et al. 2025


def build(form: str = "overlaps") -> Model:
    """Return the coopetition model.

    Parameters
    ----------
    form : {"overlaps", "components"}
        States: squared norms n_x and overlaps s_x, or of every vector the component sigma_x along its truth and the
        length r_x of what is orthogonal to it, where no digits cancel near the truth.

    Notes
    -----
    Events: ``t_1`` and ``t_2``, when the loss of a mechanism falls below half of that of predicting zero. Observables:
    ``loss_1``, ``loss_2``, ``competition`` (the cost without its weight), the progress measures of a as in
    ``tensor_product``.
    """
    check_choice(form, "`form`", FORMS)
    mu_1, mu_2, cost, share_1, share_2 = sp.symbols("mu_1 mu_2 cost share_1 share_2", real=True)
    a, b, c, d = vectors = [Vector(x, form) for x in DIMENSIONS]
    loss_1, loss_2 = product_loss([a, b, c]), product_loss([d, b, c])
    competition = a.n * d.n / (2 * a.d * d.d)

    def gradient(v: Vector, x: sp.Symbol) -> sp.Expr:
        weight_1, weight_2 = (share_1, share_2) if v in (b, c) else (1, 1)
        one, two = weight_1 * sp.diff(loss_1, x), weight_2 * sp.diff(loss_2, x)
        return (loss_2 + mu_2) * one + (loss_1 + mu_1) * two + cost * sp.diff(competition, x)

    if form == "components":  # the Euler step is exact
        drift, descent = {str(x): -gradient(v, x) for v in vectors for x in v.states}, None
    else:
        drift, descent = motion(vectors, gradient)
    parameters = {
        "mu_1": Parameter(0.1, "what the loss of mechanism 1 cannot fall below", 0),
        "mu_2": Parameter(0, "what the loss of mechanism 2 cannot fall below", 0),
        "cost": Parameter(0.1, "weight of the competition between a and d", 0),
        "share_1": Parameter(1, "weight of the gradient of mechanism 1 on b and c"),
        "share_2": Parameter(1, "weight of the gradient of mechanism 2 on b and c"),
    }
    return Flow(
        name="coopetition",
        state={name: state for v in vectors for name, state in v.stated().items()},
        parameters=parameters | {k: p for v in vectors for k, p in v.parameters(DIMENSIONS[v.name]).items()},
        drift=drift,
        descent=descent,
        observables={
            "loss": (loss_1 + mu_1) * (loss_2 + mu_2) + cost * competition,
            "loss_1": loss_1,
            "loss_2": loss_2,
            "competition": competition,
            **{name: value for v in vectors for name, value in v.observables().items()},
            **progress(a, [b, c]),
        },
        events={
            "t_1": Event(loss_1 / zero_loss([a, b, c]), 0.5, -1),
            "t_2": Event(loss_2 / zero_loss([d, b, c]), 0.5, -1),
        },
        constraints=[
            Constraint(v.T - v.C, f"`C_{v.name}` must not exceed `T_{v.name}`, that of all coordinates.")
            for v in vectors
        ],
        source="Singh et al. 2025 (arXiv 2503.05631), toy model of strategy coopetition",
        options={"form": form},
    )
