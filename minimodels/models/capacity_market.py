r"""Memorising repeated tokens in a model of limited capacity: a market for parameters (Hernandez et al. 2022).

Of a repeated set of :math:`n=fT/r` tokens, which make up a share :math:`f` of the training tokens, :math:`m` are
memorised. Each takes :math:`b` of the :math:`N` parameters, and the rest is a smaller model:

.. math::

    L = A\,(N-bm)^{-\alpha}, \qquad J = \Big(1-f\frac mn\Big)\,L, \qquad 0\le m\le n .

``form="static"`` goes down the training loss :math:`J` within these bounds, :math:`\dot\varphi=-\partial J/\partial
\varphi` for the share :math:`\varphi=m/n`. With :math:`u=bn/N` it comes to rest at the share of capacity that is left,
:math:`x=1-bm/N`,

.. math::

    x = 1-u \ \ (u\le u_c), \qquad x = \frac{\alpha\,(u-f)}{f(1-\alpha)}\ \ (u_c\le u\le f/\alpha), \qquad
    x = 1\ \ (u\ge f/\alpha), \qquad u_c=\frac{f}{\alpha+f(1-\alpha)} .

``form="dynamic"`` memorises what is not known yet, as fast as it pays, and forgets nothing:

.. math::

    \dot m = \kappa\,(n-m)\,\Big[\frac{f L}{n} - b\Big(1-f\frac mn\Big)\,|L'(N-bm)|\Big]_+ .

Source: D. Hernandez et al., "Scaling laws and interpretability of learning from repeated data", 2022 (arXiv
2205.10487), whose argument for the worst number of repeats this makes quantitative; the model is of this library.
"""

from typing import Any

import sympy as sp

from minimodels.errors import check_choice
from minimodels.model import Flow, GradientFlow, Model, Parameter, State

FORMS = ("static", "dynamic")
WARM = tuple({"form": form} for form in FORMS)


def build(form: str = "static") -> Model:
    """Return the market.

    Parameters
    ----------
    form : {"static", "dynamic"}
        Down the training loss, in units of its slope by the share that is memorised, or memorising without forgetting.

    Notes
    -----
    Observables: ``x`` and ``phi``, the share of capacity that is left and the share of the set that is memorised, and
    ``u``; ``test_loss``, on fresh text, whose equivalent size is x N.
    """
    check_choice(form, "`form`", FORMS)
    m, f, n, N, b, al, A, kappa = sp.symbols("m f n N b al A kappa", real=True)
    phi, left = m / n, N - b * m
    L = A * left**-al
    J = (1 - f * phi) * L
    parameters = {
        "f": Parameter(0.1, "share of the training tokens that are repeats", 1e-9, 1 - 1e-9),
        "T": Parameter(1e11, "training tokens", 1e-9),
        "r": Parameter(100, "times each token of the repeated set is seen", 1e-9),
        "n": Parameter("f*T/r", "tokens of the repeated set", 1e-9),
        "N": Parameter(8e8, "parameters", 1e-9),
        "b": Parameter(4.2, "parameters that a memorised token takes", 0),
        "al": Parameter(0.1, "exponent of the loss in the size of the model", 1e-9, 1 - 1e-9),
        "A": Parameter("2*8e8**al", "loss of a model with one parameter, nats; as it stands 2 nats at 8e8", 0),
    }
    about: dict[str, Any] = {
        "name": "capacity_market",
        "state": {"m": State(0, "memorised tokens")},
        "bounds": {"m": (0, "n")},
        "source": "Hernandez et al. 2022 (arXiv 2205.10487), its argument from the loss that memorising saves",
        "options": {"form": form},
    }
    observables = {"x": left / N, "phi": phi, "u": b * n / N, "test_loss": L}
    if form == "static":
        return GradientFlow(**about, parameters=parameters, loss=J, observables=observables, rates={"m": n**2})
    parameters["kappa"] = Parameter("n", "pace of memorising", 0)
    price = b * (1 - f * phi) * al * A * left ** (-al - 1)
    drift = {"m": kappa * (n - m) * sp.Max(0, f * L / n - price)}
    return Flow(**about, parameters=parameters, drift=drift, observables={"loss": J, **observables})
