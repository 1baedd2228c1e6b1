r"""Transition time of the induction head with exact positions, and what the overlaps of label vectors add at finite D.

The regression vectors of a linear read-out are combinations :math:`\kappa_k=\sum_l A_{kl}l_l` of the label vectors.
With :math:`A=P\,\mathrm{diag}(a)`, :math:`P=1-\mathbf 1\mathbf 1^\top/L`, the logits are, up to a common term,

.. math:: z_k = a_k\sum_l G_{kl}\,q_l + a_k\,l_k\cdot\!\!\sum_{\mathrm{items}}p_j x_j , \qquad G_{kl}=l_k\cdot l_l ,

for attention :math:`q_l` to label l. With orthonormal vectors :math:`G=1` and all :math:`a_k=\xi`: the nested-logit
model with exact positions. With components of variance 1/D, to second order in :math:`D^{-1/2}`:

- the norms :math:`G_{kk}=g` differ from label to label (:math:`D g` is :math:`\chi^2_D`), so the gains are a function
  :math:`a(g)`;
- the overlaps with the labels of the context and with its items add to each logit a noise of variance
  :math:`a_k^2(Q-q_k^2)/D`, where Q is the sum of all squared attentions. Over the many labels that compete it averages:

.. math::

    \mathcal L = \Big\langle -z + \log\Big[e^{z} + \sum_{o}\big\langle e^{a g q_o + a^2(Q-q_o^2)/2D}\big\rangle_g
    + (L-N_c)\big\langle e^{a^2 Q/2D}\big\rangle_g\Big]\Big\rangle_g, \qquad z = a\,g\,q_c ,

.. math:: \frac{da(g)}{dt} = -\frac{\eta_\xi}{g}\,\frac{\partial\mathcal L}{\partial a(g)} ,

per unit of the probability of g. Attention forms as without overlaps; what these delay is the growth of the read-out
afterwards, where logits are large and labels many. Neglected: the noise of the target's own logit other than its norm,
overlaps in the attention, and the learning rate. Derived here.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from minimodels.errors import InputError, check_between, check_number, numbers_by_name
from minimodels.models.nested_logit import arrangements
from theory.arguments import LARGEST
from theory.numeric import ending

NODES = 5  # of the quadrature over the norms of the label vectors
EXPANSION = 2.0  # largest a^2/D at the transition, beyond which the expansion in overlaps says nothing


def exact_transition_time(
    N: int,
    L: float,
    B: int = 1,
    *,
    eps: float = 0.0,
    D: float = math.inf,
    rates: Mapping[str, float] | None = None,
    init: Mapping[str, float] | None = None,
) -> float:
    r"""Return T* of the flow with exact positions, all tokens attended, beta_2 = 0.

    Parameters
    ----------
    N, L, B, eps : the model's; N and B integers.
    D : float
        Dimension of the contents: random label vectors overlap, as in the module's equations, which hold while
        :math:`a^2/D` is well below 1. By default there are no overlaps.
    rates : mapping, optional
        Rates of beta_1, alpha and xi; 1, 1 and 1/(L-1) (a linear read-out) where not given.
    init : mapping, optional
        Start of beta_1, alpha and xi; 0 where not given.

    Returns
    -------
    float
        First time at which the mean probability of the correct label is 1/2, in units of learning rate x steps; nan if
        there is none before 1e7.

    Raises
    ------
    InputError
        For N and B that are not integers or have too many arrangements, L below N/B, names or signs of rates and start
        that mean nothing, and D that is not above 1 or so small that :math:`a^2/D` exceeds 2 before the transition.

    Examples
    --------
    >>> round(exact_transition_time(4, 16, eps=0.1), 1), round(exact_transition_time(4, 16, eps=0.1, D=63), 1)
    (236.8, 243.4)
    """
    names = ("beta_1", "alpha", "xi")
    given_init = numbers_by_name(init, "init", names, low=-LARGEST, high=LARGEST)
    given_rates = numbers_by_name(rates, "rates", names, low=-LARGEST, high=LARGEST)
    if min(given_rates.values(), default=0.0) < 0:
        raise InputError(f"`rates` must not be negative; got {given_rates}.")
    eps, L = check_between(eps, "`eps`", -LARGEST, LARGEST), check_between(L, "`L`", -LARGEST, 1e12)
    if eps < 0:
        raise InputError(f"`eps`, the within-class noise, must not be negative; got {eps:g}.")
    contexts = _contexts(check_between(N, "`N`", -LARGEST, LARGEST), check_between(B, "`B`", -LARGEST, LARGEST))
    if L < N / B:
        raise InputError(f"`L` must be at least N/B, the labels in a context; got L={L:g}, N={N}, B={B}.")
    D = D if isinstance(D, float) and math.isinf(D) else check_number(D, "`D`")
    if D <= 1:
        raise InputError(f"`D` must exceed 1; got {D:g}: leave it out for contents without overlaps.")
    norms, weights = _norms(D)
    if norms.min() < 0.05:
        raise too_small(D)
    default = {"beta_1": 1.0, "alpha": 1.0, "xi": 1 / (L - 1)}
    eta, start = (
        np.array([given.get(name, otherwise[name]) for name in default], float)
        for given, otherwise in ((given_rates, default), (given_init, dict.fromkeys(default, 0.0)))
    )
    eta = np.concatenate([eta[:2], eta[2] / (norms * weights)])
    start = np.concatenate([start[:2], np.full(norms.size, start[2])])
    steps = 1e-30j * np.eye(eta.size)  # imaginary: exact derivatives

    def both(x: NDArray[Any]) -> tuple[Any, Any]:
        return loss_and_correct(x, contexts, L, eps, D)

    def slope(t: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return -eta * both(x + steps)[0].imag / 1e-30

    @ending
    def half(t: float, x: NDArray[np.float64]) -> float:
        return float(both(x)[1]) - 0.5

    @ending
    def too_far(t: float, x: NDArray[np.float64]) -> float:
        return float(x[2:][norms.size // 2] ** 2 / D - EXPANSION)

    run = solve_ivp(slope, (0, 1e7), start, method="LSODA", rtol=1e-7, atol=1e-10, events=(half, too_far))
    if len(run.t_events[1]) or too_far(0.0, run.y[:, -1]) > 0:
        raise too_small(D)
    return float(run.t_events[0][0]) if len(run.t_events[0]) else float("nan")


def too_small(D: float) -> InputError:
    """Build the error for a dimension at which the expansion in overlaps says nothing."""
    return InputError(
        f"at D={D:g} the overlaps of random label vectors are too large for this theory, an expansion in a^2/D that "
        f"must stay below {EXPANSION:g} up to the transition: raise `D`, or leave it out for contents without overlaps."
    )


Contexts = tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]


def loss_and_correct(x: NDArray[Any], contexts: Contexts, L: float, eps: float, D: float) -> tuple[Any, Any]:
    """Loss and mean probability of the correct label at x (..., 2 + nodes) = (beta_1, alpha, a at every norm)."""
    norms, weights = _norms(D)
    target, groups, counts = contexts
    gains = x[..., None, 2:]  # (..., contexts, nodes), as all that follows
    attention = _attention(x[..., 0], x[..., 1], target, eps)
    labels, rows = attention[..., 1::2], np.arange(len(counts))
    correct = (labels * target).sum(axis=-1)[..., None]
    others = labels[..., rows[:, None, None], groups].sum(axis=-1)  # (..., contexts, N_c - 1)
    squares = correct**2 + ((others**2).sum(axis=-1) + (attention[..., 0::2] ** 2).sum(axis=-1))[..., None]
    own = gains * norms * correct
    absent = gains**2 * squares / (2 * D)
    shown = (gains * norms)[..., None, :] * others[..., None]
    shown = shown + (gains**2)[..., None, :] * (squares - others**2)[..., None] / (2 * D)
    top = np.maximum(np.maximum(own.real, absent.real).max(-1), shown.real.max((-1, -2)))[..., None]
    rest = (np.exp(shown - top[..., None]) @ weights).sum(axis=-1) + (L - 1 - groups.shape[1]) * (
        np.exp(absent - top) @ weights
    )
    total = np.exp(own - top) + rest[..., None]
    return (
        ((np.log(total) + top - own) @ weights) @ counts / counts.sum(),
        ((np.exp(own - top) / total) @ weights) @ counts / counts.sum(),
    )


def _attention(beta_1: NDArray[Any], alpha: NDArray[Any], target: NDArray[np.bool_], eps: float) -> NDArray[Any]:
    """Layer-2 attention of x_q to every token (..., contexts, 2N+1), given the slots of its class (contexts, N)."""
    length = 2 * target.shape[1] + 1
    before = np.eye(length, k=-1)
    weights = np.tri(length) - before + before * np.exp(beta_1)[..., None, None]
    weights = weights / weights.sum(axis=-1, keepdims=True)
    match = target @ weights[..., 0:-1:2].mT / (1 + eps**2)
    match[..., -1] += weights[..., None, -1, -1]
    logits = np.asarray(alpha)[..., None, None] * match
    unnormalised = np.exp(logits - logits.real.max(axis=-1, keepdims=True))
    return np.asarray(unnormalised / unnormalised.sum(axis=-1, keepdims=True))


@lru_cache
def _contexts(N: int, B: int) -> Contexts:
    """Slots of the target's class (contexts, N), those of the others (contexts, N/B - 1, B), and how often."""
    found, copies = arrangements(N, B), int(B)
    target = np.zeros((len(found), int(N)), bool)
    groups = np.empty((len(found), int(N) // copies - 1, copies), np.int64)
    for row, (own, others) in enumerate(found):
        target[row, np.array(own) - 1] = True
        each = [slots for slots, number in others for _ in range(number)]
        groups[row] = np.maximum(np.array(each) - 1, 0)  # 0 stands for slots before the target's, which are alike
    return target, groups, np.array(list(found.values()), float)


@lru_cache
def _norms(D: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of the squared norm of a label vector, chi^2_D / D (Wilson-Hilferty)."""
    if math.isinf(D):
        return np.ones(1), np.ones(1)
    nodes, weights = hermegauss(NODES)
    norms = (1 - 2 / (9 * D) + nodes * math.sqrt(2 / (9 * D))) ** 3
    weights = weights / weights.sum()
    return norms / (norms @ weights), weights
