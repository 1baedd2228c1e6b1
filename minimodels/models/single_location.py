r"""Sparse attention to one location, and the plateau before it (Zucchet et al. 2025).

A linear map :math:`W=w\,W_*/\sqrt d` of the attended content has to reproduce :math:`W_*x`, where :math:`x` is the
content of the relevant token, of dimension :math:`d` with unit variance, and occurs :math:`B` times among :math:`T`
tokens. With the logit :math:`\Delta` of the relevant token, the mean squared error per output is

.. math::

    a = \frac{e^{\Delta}}{e^{\Delta}+T/B-1}, \qquad
    \mathcal L = \frac{1}{2d}\Big[(\sqrt d-a w)^2 + \sigma^2 w^2\,\frac{(1-a)^2}{T-B}\Big],

:math:`\|W_*\|^2=d`. The paper's equations are its gradient flow without the last term, the variance
:math:`\sigma^2` of the contents of the other tokens: :math:`\sigma=0`, the default. All tokens alike is
:math:`\sigma=1`.

With ``repetition="sample"`` the relevant content is the same vector of length :math:`\sqrt d` with probability
:math:`p`; the gain :math:`w_1` along it is then learnt apart from the gain :math:`w` of the other :math:`d-1`
directions:

.. math::

    \mathcal L = \frac{1}{2d}\Big[(pd+1-p)(1-a w_1)^2 + (1-p)(\sqrt{d-1}-a w)^2
    + \sigma^2 (w_1^2+w^2)\frac{(1-a)^2}{T-B}\Big].

Source: N. Zucchet, F. d'Angelo, A. Lampinen, S. Chan, "The emergence of sparse attention: impact of data
distribution and benefits of repetition", 2025 (arXiv 2505.17863); the losses are derived here, see the tests.
"""

import sympy as sp

from minimodels.errors import check_choice
from minimodels.model import Constraint, Event, GradientFlow, Parameter, State
from minimodels.primitives import sigmoid

REPETITION = ("none", "sample")
WARM = tuple({"repetition": repetition} for repetition in REPETITION)


def build(repetition: str = "none") -> GradientFlow:
    """Return the single-location model.

    Parameters
    ----------
    repetition : {"none", "sample"}
        Whether the relevant content is new in every sample, or one fixed vector with probability ``p``.
    """
    check_choice(repetition, "`repetition`", REPETITION)
    T, d, B, sigma, p, w, w_1, Delta = sp.symbols("T d B sigma p w w_1 Delta", real=True)
    a = sigmoid(Delta - sp.log(T / B - 1))
    others = sigma**2 * (1 - a) ** 2 / (T - B)
    gain = State(0, "gain along the target map, times sqrt(d) at the solution")
    logit = State(0, "attention logit of the relevant token")
    parameters = {
        "T": Parameter(64, "tokens in the context", 1),
        "d": Parameter(16, "dimension of the contents", 1),
        "B": Parameter(1, "copies of the relevant token in the context", 1e-9),
        "sigma": Parameter(0, "standard deviation of the contents of the other tokens", 0),
    }
    state = {"w": gain, "Delta": logit}
    error = (sp.sqrt(d) - a * w) ** 2
    size = w**2
    if repetition == "sample":
        parameters["p"] = Parameter(0.1, "probability that the relevant content is the repeated one", 0, 1)
        state = {"w_1": State(0, "gain along the repeated content"), **state}
        error = (p * d + 1 - p) * (1 - a * w_1) ** 2 + (1 - p) * (sp.sqrt(d - 1) - a * w) ** 2
        size = w_1**2 + w**2
    return GradientFlow(
        name="single_location",
        state=state,
        parameters=parameters,
        loss=(error + size * others) / (2 * d),
        observables={"attention": a},
        events={"escape_time": Event(a, 0.5)},
        constraints=(Constraint("T - B - 1e-6*T", "`B` must be below `T`; got B={B:g}, T={T:g}: lower B or raise T."),),
        source="Zucchet et al. 2025 (arXiv 2505.17863), reduced dynamics of single-location regression",
        options={"repetition": repetition},
    )
