r"""Race between memorisation and in-context learning in one attention layer (Nguyen & Reddy 2025).

The target is classified by the sum of an in-weights logit :math:`\varphi` and an in-context logit :math:`z`, an
attention of logit :math:`\beta` over :math:`N` labels, one of which belongs to the target, read with gain :math:`w`.
At infinite dimension the other labels add a Gaussian, and the loss is

.. math::

    z = w\,\frac{e^{\beta}+\sqrt{N-1}\,s}{e^{\beta}+N-1}, \qquad
    \mathcal L = \big\langle \log(1+e^{-(\varphi+z)}) \big\rangle_{s\sim\mathcal N(0,1)} .

While :math:`z` and :math:`e^{\beta}/N` are small its gradient flow is that of two variables in the in-context time
:math:`I=\int c_1\,dt`, the integral of the drive :math:`c_1=\langle\sigma(-\varphi)\rangle` that memorisation leaves:

.. math::

    \frac{dw}{dI} = \frac{e^{\beta}-c_2 w}{N}, \qquad \frac{d\beta}{dI} = \frac{w\,e^{\beta}}{N} .

Memorisation of :math:`K` pairs is a third variable :math:`v`, learnt at the rate :math:`K^{-\nu}`, with
:math:`\varphi=v^3`. This is a stand-in for the classifier of the paper: three factors are the fewest whose
:math:`I` stays finite, :math:`I_K(\infty)=K^{\nu}/3v_0`, which is the law reported there. From :math:`v=0` nothing is
ever memorised (unlimited :math:`K`) and :math:`I=t/2`.

Source: A. Nguyen and G. Reddy, "Differential learning kinetics govern the transition from memorization to
generalization during in-context learning", ICLR 2025 (arXiv 2412.00104); :math:`\nu\approx 0.7` is measured there,
:math:`v` is of this library.
"""

import numpy as np
import sympy as sp

from minimodels.errors import check_choice, check_whole
from minimodels.model import Event, Flow, GradientFlow, Model, Parameter, State
from minimodels.primitives import sigmoid, softplus

FORMS = ("loss", "two-variable")
WARM = tuple({"form": form} for form in FORMS)
ACCURACY = 0.95  # of in-context classification, at which Nguyen & Reddy call it acquired


def build(form: str = "loss", nodes: int = 16) -> Model:
    """Return the race.

    Parameters
    ----------
    form : {"loss", "two-variable"}
        The gradient flow of the loss, or the flow that it becomes while z and e^beta/N are small. The latter runs
        away within a finite time once in-context learning is acquired: end it with ``stop_at="escape_time"``.
    nodes : int
        Gauss-Hermite nodes of the average over the other labels (``form="loss"``); with 16 the error is 1e-9 where
        the logit that they add has a standard deviation of 1, and 1e-5 at 2.

    Notes
    -----
    Events: ``escape_time``, when the matching label gets half of the attention; ``t_ICL``, when a target whose pair
    is new would be classified with 95 % accuracy, the criterion of the paper.
    """
    check_choice(form, "`form`", FORMS)
    number = check_whole(nodes, "`nodes`", high=64)
    N, K, nu, c2, w, beta, v = sp.symbols("N K nu c2 w beta v", real=True)
    phi = v**3
    attention = sigmoid(beta - sp.log(N - 1))
    state = {
        "w": State(0, "gain on the attended label"),
        "beta": State(0, "attention logit of the label that belongs to the target"),
        "v": State(0.1, "cube root of the in-weights logit phi of the memorised pairs"),
    }
    parameters = {
        "N": Parameter(100, "labels in the context", 2),
        "K": Parameter(10_000, "item-label pairs to memorise", 1),
        "nu": Parameter(0.7, "exponent of the memorisation law I_K ~ K^nu", 0),
    }
    accuracy = (1 + sp.erf(sp.exp(beta) / sp.sqrt(2 * (N - 1)))) / 2
    observables = {"attention": attention, "accuracy": accuracy, "phi": phi, "I_left": K**nu / (3 * v)}
    events = {"escape_time": Event(attention, 0.5), "t_ICL": Event(accuracy, ACCURACY)}
    source = "Nguyen & Reddy, ICLR 2025 (arXiv 2412.00104), one attention layer"
    if form == "two-variable":
        parameters["c2"] = Parameter(0.5, "saturation of w, 1 - <sigma(-phi)^2>/<sigma(-phi)>; 1/2 at phi = 0", 0)
        c1 = sigmoid(-phi)
        return Flow(
            name="memorisation_race",
            state=state,
            parameters=parameters,
            drift={
                "w": c1 * (sp.exp(beta) - c2 * w) / N,
                "beta": c1 * w * sp.exp(beta) / N,
                "v": c1 * sp.diff(phi, v),
            },
            observables=observables | {"c1": c1},
            events=events,
            rates={"v": K**-nu},
            source=source,
            options={"form": form},
        )
    points, weights = np.polynomial.hermite_e.hermegauss(int(number))
    logits = [phi + w * (attention + s * sigmoid(sp.log(N - 1) - beta) / sp.sqrt(N - 1)) for s in points.tolist()]
    mean = (weights / weights.sum()).tolist()
    return GradientFlow(
        name="memorisation_race",
        state=state,
        parameters=parameters,
        loss=sp.Add(*(g * softplus(-x) for g, x in zip(mean, logits, strict=True))),
        observables=observables | {"c1": sp.Add(*(g * sigmoid(-x) for g, x in zip(mean, logits, strict=True)))},
        events=events,
        rates={"v": K**-nu},
        source=source,
        options={"form": form, "nodes": int(number)},
    )
