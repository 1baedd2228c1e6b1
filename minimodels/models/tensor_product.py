r"""Vectors whose tensor product has to equal a given one: what needs to go right at once (Singh et al. 2024).

One vector stands for one subcircuit, and the product says that all must be right:

.. math::

    \mathcal L = \frac1{2N}\big\|x_1^*\otimes\dots\otimes x_k^* - x_1\otimes\dots\otimes x_k\big\|^2
    = \frac{1}{2N}\Big[\prod_i n_i-2\prod_i s_i+\prod_i T_i\Big], \qquad N=\prod_i d_i,

with the squared norms :math:`n_i=\|x_i\|^2`, the overlaps :math:`s_i=x_i\cdot x_i^*` and :math:`T_i=\|x_i^*\|^2`. The
reduction is exact, for gradient flow and for gradient descent with any learning rate. Its flow conserves every
:math:`n_i-n_j` as long as nothing is clamped.

A vector that is clamped to the truth has :math:`n_i=s_i=T_i`: hold both (``clamp={"n_3": "T_3", "s_3": "T_3"}``, for a
window of time too). Of a vector whose first coordinates are clamped from the start, ``C_3`` is the squared norm of the
truth on these; `mm.draw_vectors` clamps by it.

Source: A. Singh, T. Moskovitz, F. Hill, S. Chan, A. Saxe, "What needs to go right for an induction head?", ICML 2024
(arXiv 2404.07129), the toy model of three vectors; norms and overlaps are of this library.
"""

from typing import Any

import sympy as sp

from minimodels.errors import check_choice, check_whole
from minimodels.model import Constraint, Event, Flow, GradientFlow, Model
from minimodels.models.vectors import FORMS, Vector, motion, product_loss, progress, zero_loss

WARM = ({"k": 3}, {"k": 3, "form": "components"})


def build(k: int = 3, form: str = "overlaps") -> Model:
    """Return the tensor product of k vectors.

    Parameters
    ----------
    k : int
        Number of vectors.
    form : {"overlaps", "components"}
        States: squared norms n_i and overlaps s_i, or of every vector the component sigma_i along its truth and the
        length r_i of what is orthogonal to it, where no digits cancel near the truth.

    Notes
    -----
    Event: ``escape_time``, when the loss falls below half of that of predicting zero, X^2/(2N) with X^2 the product of
    all T_i. Progress measures of the first vector: ``progress_1`` is 1 - s_1^2/(n_1 T_1), ``progress_2`` the loss with
    all others at their truth and the better sign of the first.
    """
    check_choice(form, "`form`", FORMS)
    vectors = [Vector(str(i + 1), form) for i in range(check_whole(k, "`k`", high=16))]
    loss = product_loss(vectors)
    states = {name: state for v in vectors for name, state in v.stated().items()}
    parameters = {name: parameter for v in vectors for name, parameter in v.parameters().items()}
    observables = {name: value for v in vectors for name, value in v.observables().items()}
    observables |= progress(vectors[0], vectors[1:])
    about: dict[str, Any] = {
        "name": "tensor_product",
        "state": states,
        "parameters": parameters,
        "events": {"escape_time": Event(loss / zero_loss(vectors), 0.5, -1)},
        "constraints": [
            Constraint(v.T - v.C, f"`C_{v.name}` must not exceed `T_{v.name}`, that of all coordinates.")
            for v in vectors
        ],
        "source": "Singh et al., ICML 2024 (arXiv 2404.07129), toy model of an induction head's subcircuits",
        "options": {"k": len(vectors), "form": form},
    }
    if form == "components":
        return GradientFlow(**about, loss=loss, observables=observables)
    drift, descent = motion(vectors, lambda v, x: sp.diff(loss, x))
    return Flow(**about, drift=drift, descent=descent, observables={"loss": loss, **observables})
