r"""Steps of gradient descent in context, with and without a transform of the data (GD++, von Oswald et al. 2023).

A stack of :math:`K` linear self-attention layers that descends on :math:`\|y-w^\top X\|^2` over its context and
transforms the inputs, :math:`x_j\leftarrow(1-\gamma_l XX^\top)x_j`, predicts :math:`w^\top(1-q_K(H))\,x_q` with

.. math::

    q_{l+1} = q_l\,(1-a_l\lambda p_l^2), \qquad p_{l+1} = p_l\,(1-\gamma_l\lambda p_l^2), \qquad q_0=p_0=1

of the eigenvalues :math:`\lambda` of :math:`H=\sum_{i\le N}x_ix_i^\top`. Coordinates of variance :math:`s`, tasks
:math:`w\sim\mathcal N(0,\tau^2)` and labels with noise of variance :math:`\sigma^2` make half its mean squared error

.. math:: \mathcal L = \frac{s}{2}\,E\,\mathrm{tr}\Big[\tau^2 q_K(H)^2 + \sigma^2\,\frac{(1-q_K(H))^2}{H}\Big] ,

a polynomial of the steps with the exact moments of :math:`H` in it. The step :math:`a` acts on the sum over the
context; the paper's is :math:`\eta=aN`.

Source: J. von Oswald et al., "Transformers learn in-context by gradient descent", ICML 2023 (arXiv 2212.07677),
proposition 1 and GD++; the loss is derived here.
"""

from collections.abc import Sequence
from typing import Any

import sympy as sp

from minimodels.errors import InputError, check_choice, check_flag, check_whole
from minimodels.gram_moments import HIGHEST, kappas, moment
from minimodels.model import Event, GradientFlow, Parameter, State

KINDS = ("gd++", "gd")
WARM: tuple[dict[str, str], ...] = ({}, {"kind": "gd"})


def build(K: int = 2, kind: str = "gd++", tied: bool = True, law: str = "uniform") -> GradientFlow:
    """Return the flow of the step sizes.

    Parameters
    ----------
    K : int
        Layers, or steps: at most 2 of GD++ and 4 of plain descent, whose losses need moments up to the eighth.
    kind : {"gd++", "gd"}
        With or without a transform of the data.
    tied : {True, False}
        Whether all layers share their step ``a`` and transform ``gamma``, or have their own, ``a_0``, ``gamma_0``, ...;
        the transform of the last layer changes nothing and is none of the states then.
    law : {"uniform", "gaussian", "laplace", "rademacher"}
        Law of a coordinate.

    Notes
    -----
    The event ``half_drop`` is half of the way from the loss of predicting zero to the best of one step.
    """
    number, tied = check_whole(K, "`K`"), check_flag(tied, "`tied`")
    check_choice(kind, "`kind`", KINDS)
    if 2 * degree(number, kind) > HIGHEST:
        most = max(n for n in range(1, HIGHEST) if 2 * degree(n, kind) <= HIGHEST)
        raise InputError(
            f"the loss of K={number} layers needs moments of the data beyond the {HIGHEST}th; with kind={kind!r} use "
            f"at most K={most}, or theory.gd_optimum with sampled spectra."
        )
    N, d, s, tau, sigma = sp.symbols("N d s tau sigma", real=True)
    state = steps(number, kind, tied)
    a, gamma = (
        [sp.Symbol(name if tied else f"{name}_{k}", real=True) for k in range(number)] for name in ("a", "gamma")
    )
    expected = [moment(k, N, d, kappas(law), s) for k in range(HIGHEST + 1)]
    loss = half_error(a, gamma if kind == "gd++" else None, expected, s, tau, sigma)
    zero = s * tau**2 * d / 2
    relative = loss / zero
    best = 1 - expected[1] ** 2 / (expected[2] + sigma**2 / tau**2 * expected[1]) / d  # of one step
    return GradientFlow(
        name="gd_plus_plus",
        state=state,
        parameters={
            "N": Parameter(10, "points in the context", 1),
            "d": Parameter(10, "dimension of the inputs", 1),
            "s": Parameter("1/12", "variance of a coordinate; 1/12 for uniform between -1/2 and 1/2", 1e-12),
            "tau": Parameter(1, "standard deviation of a weight of the task", 1e-12),
            "sigma": Parameter(0, "standard deviation of the labels' noise", 0),
        },
        loss=loss,
        observables={"relative_loss": relative} | {f"eta{str(x)[1:]}": x * N for x in dict.fromkeys(a)},
        events={"half_drop": Event(relative - (1 + best) / 2, 0, -1)},
        source="von Oswald et al., ICML 2023 (arXiv 2212.07677), GD and GD++ on the exact population loss",
        options={"K": number, "kind": kind, "tied": tied, "law": law},
    )


def degree(K: int, kind: str) -> int:
    """Return the degree of q_K."""
    return K if kind == "gd" else (3**K - 1) // 2


def steps(K: int, kind: str, tied: bool) -> dict[str, State]:
    """Return the step sizes that matter."""
    if tied:
        transform = {"gamma": State(0, "strength of the transform of the data")}
        return {"a": State(0, "step on the sum over the context")} | (transform if kind == "gd++" else {})
    made = {f"a_{k}": State(0.01 * k, f"step of layer {k} on the sum over the context") for k in range(K)}
    transforms = {f"gamma_{k}": State(0, f"strength of layer {k}'s transform of the data") for k in range(K - 1)}
    return made | (transforms if kind == "gd++" else {})


def residual(lam: Any, a: Sequence[Any], gamma: Sequence[Any] | None = None) -> Any:
    """Return q_K at an eigenvalue, of the steps and the transforms (None: no transform) of the layers."""
    q, p = 1, 1
    for k, step in enumerate(a):
        q, p = q * (1 - step * lam * p**2), p if gamma is None else p * (1 - gamma[k] * lam * p**2)
    return q


def half_error(
    a: Sequence[Any], gamma: Sequence[Any] | None, expected: Sequence[Any], s: Any, tau: Any, sigma: Any
) -> Any:
    """Return the loss of a schedule, given the expected traces of the powers of H from 0 on."""
    lam = sp.Symbol("lambda")
    q = sp.Poly(residual(lam, a, gamma), lam)
    squares = (tau**2, q**2), (sigma**2, sp.quo((1 - q) ** 2, sp.Poly(lam)))
    return (
        s / 2 * sum(weight * c * expected[k] for weight, square in squares for (k,), c in square.terms() if weight != 0)
    )
