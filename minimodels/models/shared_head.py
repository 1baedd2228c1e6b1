r"""A head that copies and memorises: stored keys add noise to the logits of copying (Hernandez et al. 2022).

A head with key strength :math:`\beta` and value :math:`w` copies the token after an earlier occurrence of the present
one; a memory with key strength :math:`\gamma` and value :math:`v` completes :math:`M` stored items. The share
:math:`\chi=1-e^{-M/M_0}` of fresh contexts holds a stored key. In a key space of dimension :math:`d` the stored keys
overlap with all others, which inflates the :math:`L` distractors to :math:`L'`:

.. math::

    L' &= L\,e^{\min(M\gamma^2/d,\,12)/2}, \quad
    p_0 = \frac{e^\beta}{e^\beta+L'}, \quad p_1 = \frac{e^\beta}{e^\beta+e^\gamma+L'}, \quad
    p_{m1} = \frac{e^\gamma}{e^\beta+e^\gamma+L'}, \quad p_{m0} = \frac{e^\gamma}{e^\gamma+L'}, \\
    \mathrm{CE}(z) &= \ln\big(1+(V-1)e^{-z}\big), \qquad K(z) = \ln\frac{e^z+V-1}{V} - \frac zV, \\
    \mathrm{copy} &= (1-\chi)\,\mathrm{CE}(w p_0) + \chi\ln\big(1+(V-2)e^{-w p_1}+e^{v p_{m1}-w p_1}\big), \\
    \mathrm{fresh} &= q\,\mathrm{copy} + (1-q)\big[\ln V+\chi K(v p_{m0}) + \tfrac1{10} K(w p_0)\big], \\
    \mathrm{rep} &= q\,\mathrm{CE}(v p_{m1}+w p_1) + (1-q)\,\mathrm{CE}(v p_{m0}), \qquad
    \mathcal L = (1-f)\,\mathrm{fresh} + f\,\mathrm{rep} .

The flow has rate 1 for :math:`\beta` and :math:`w`, and :math:`R/M` for :math:`\gamma` and :math:`v`, with
:math:`\beta\le\beta_{\max}`. The runs behind the numbers in the tests take ``descend(lr=0.25, steps=2400)``, its Euler
steps.

Source: D. Hernandez et al., "Scaling laws and interpretability of learning from repeated data", 2022 (arXiv
2205.10487), whose explanations of the damage to induction heads this sets side by side; the model is of this library.
"""

import sympy as sp

from minimodels.errors import check_flag
from minimodels.model import Event, GradientFlow, Parameter, State
from minimodels.primitives import logsumexp, softmax

WARM = ({"memory": True}, {"memory": False})
LARGEST = 12  # of the variance that stored keys add to a logit


def build(memory: bool = True) -> GradientFlow:
    """Return the shared head.

    Parameters
    ----------
    memory : bool
        False is the control: nothing is stored and no key of it is met, but the share ``f`` is trained on all the same.

    Notes
    -----
    Observables: ``test_loss``, on fresh contexts; ``rep_loss``, on repeated ones; ``copy_loss``, of a copied token, and
    ``score``, the attention that it gets, both also as ``copy_loss_far`` and ``score_far``, in contexts ten times as
    long, which training does not price. Event: ``escape_time``, when the score exceeds one half.
    """
    check_flag(memory, "`memory`")
    beta, w, gamma, v, V, L, q, f, M, M0, d = sp.symbols("beta w gamma v V L q f M M0 d", real=True)
    chi = 1 - sp.exp(-M / M0) if memory else sp.S(0)
    noise = sp.Min(M * gamma**2 / d, LARGEST) / 2 if memory else sp.S(0)

    def cross_entropy(z: sp.Expr) -> sp.Expr:
        return logsumexp((1, 0), (V - 1, -z))

    def spurious(z: sp.Expr) -> sp.Expr:
        return logsumexp((1 / V, z), (1 - 1 / V, 0)) - z / V

    def attention(length: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr]:
        match, item, rest = (1, beta), (1, gamma), (length, noise)
        return (
            softmax(0, match, rest),
            softmax(0, match, item, rest),
            softmax(1, match, item, rest),
            softmax(0, item, rest),
        )

    def copying(length: sp.Expr) -> sp.Expr:
        p0, p1, pm1, _ = attention(length)
        met = logsumexp((1, 0), (V - 2, -w * p1), (1, v * pm1 - w * p1))
        return (1 - chi) * cross_entropy(w * p0) + chi * met

    def score(length: sp.Expr) -> sp.Expr:
        p0, p1, *_ = attention(length)
        return (1 - chi) * p0 + chi * p1

    p0, p1, pm1, pm0 = attention(L)
    fresh = q * copying(L) + (1 - q) * (sp.log(V) + chi * spurious(v * pm0) + spurious(w * p0) / 10)
    rep = q * cross_entropy(v * pm1 + w * p1) + (1 - q) * cross_entropy(v * pm0)
    learned = sp.Symbol("R", real=True) / M if memory else sp.S(0)
    return GradientFlow(
        name="shared_head",
        state={
            "beta": State(0.1, "key strength of copying"),
            "w": State(0.1, "value of copying"),
            "gamma": State(0.1, "key strength of the memory"),
            "v": State(0.1, "value of the memory"),
        },
        parameters={
            "f": Parameter(0.1, "share of the training contexts that are repeated", 0, 1),
            "M": Parameter(10, "stored items", 1e-9),
            "d": Parameter(200, "dimension of the keys", 1e-9),
            "beta_max": Parameter(5.5, "largest key strength of copying"),
            "R": Parameter(60, "rate of the memory, shared by its items", 0),
            "V": Parameter(64, "tokens of the vocabulary", 3),
            "L": Parameter(48, "tokens of the context", 1e-9),
            "q": Parameter(0.3, "share of copied tokens", 0, 1),
            "M0": Parameter(300, "stored items of which a fresh context holds one with probability 1 - 1/e", 1e-9),
        },
        loss=(1 - f) * fresh + f * rep,
        observables={
            "test_loss": fresh, "rep_loss": rep, "copy_loss": copying(L), "score": score(L),
            "copy_loss_far": copying(10 * L), "score_far": score(10 * L),
        },
        events={"escape_time": Event(score(L), 0.5)},
        rates={"gamma": learned, "v": learned},
        bounds={"beta": (None, "beta_max")},
        source="Hernandez et al. 2022 (arXiv 2205.10487), memorising against induction in one head",
        options={"memory": memory},
    )  # fmt: skip
