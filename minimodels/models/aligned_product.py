r"""The tensor product of k equal vectors along their truths: one scalar that escapes a plateau (depth k).

Vectors that all point along their truths and have the length :math:`u` keep to that. In ``tensor_product`` their loss
and its flow are

.. math::

    \mathcal L=\frac{(X-u^k)^2}{2N}, \qquad \dot u=\frac{u^{k-1}(X-u^k)}{N},

the gradient flow at the rate :math:`1/k` (one move of all k vectors), and its Euler step is exact gradient descent.
From :math:`u=w_0X^{1/k}` the loss is halved after

.. math::

    t\,\frac{X^{2-2/k}}{N}\approx \frac{w_0^{2-k}}{k-2}\ (k>2), \qquad
    \ln\frac1{w_0}\ (k=2), \qquad \text{at once}\ (k=1):

the more must go right at once, the longer nothing is seen, and the sharper is the change.

Source: the equal, aligned case of Singh et al., ICML 2024 (arXiv 2404.07129); for k factors as in A. Saxe,
J. McClelland, S. Ganguli, ICLR 2014 (arXiv 1312.6120).
"""

import sympy as sp

from minimodels.errors import check_whole
from minimodels.model import Event, GradientFlow, Parameter, State

WARM = ({"k": 3},)


def build(k: int = 3) -> GradientFlow:
    """Return the aligned product of depth k.

    Parameters
    ----------
    k : int
        Number of vectors.

    Notes
    -----
    Event: ``escape_time``, when the loss falls below half of that of predicting zero, X^2/(2N).
    """
    depth = check_whole(k, "`k`", high=64)
    u, X, N = sp.symbols("u X N", real=True)
    return GradientFlow(
        name="aligned_product",
        state={"u": State(0.1, "length of every vector")},
        parameters={
            "X": Parameter(1, "norm of the product of the truths", 1e-300),
            "N": Parameter(1, "product of the dimensions", 1e-300),
        },
        loss=(X - u**depth) ** 2 / (2 * N),
        observables={"w": u / X ** sp.Rational(1, depth), "relative_loss": (1 - u**depth / X) ** 2},
        events={"escape_time": Event((1 - u**depth / X) ** 2, 0.5, -1)},
        rates={"u": sp.Rational(1, depth)},
        source="equal, aligned vectors of the toy model of Singh et al., ICML 2024 (arXiv 2404.07129)",
        options={"k": depth},
    )
