r"""Effective rates of the induction head's parameters for each classifier and gain.

Under gradient descent on a classifier with parameters :math:`\theta`, the gain :math:`\xi` (difference of the logits
of a label with and without attention, for each unit of attention) moves with the rate :math:`|\nabla_\theta\xi|^2`,
while :math:`\alpha` and :math:`\beta_1` are parameters themselves and move with rate 1. The attention output enters
with the factor ``gain`` g, hence :math:`g^2`:

.. math::

    \eta_\xi = \frac{g^2\,\kappa'(0)}{L-1}, \qquad \eta_\alpha = \eta_{\beta_1} = 1 ,

where :math:`\kappa(\rho)` is the tangent kernel of the classifier for inputs of overlap :math:`\rho`: :math:`\rho`
for the linear read-out, and for k ReLU layers, with :math:`\Sigma_0=\rho`,

.. math::

    \Sigma_{j} = \frac{\sqrt{1-\Sigma_{j-1}^2} + \Sigma_{j-1}(\pi-\arccos\Sigma_{j-1})}{\pi}, \quad
    \dot\Sigma_j = 1-\frac{\arccos\Sigma_{j-1}}{\pi}, \quad
    \kappa_j = \Sigma_j + \dot\Sigma_j\,\kappa_{j-1}, \quad \kappa_0 = \rho .

This is the rate at initialisation, without biases, for layers about as wide as their input; measured at gain 17 and
width 128 it is .81, .72 and .67 for one to three layers against 1.00, .96 and .91. It is not small. A deep classifier
of gain 1 does not keep it: the activations of its units, about :math:`w^{-1/2}` at width w, are of the size of the
one scalar bias of a layer, and unlearning the random logits of the start pushes the biases down by as much. At SGD
0.3 (N = 8, L = 32) the active share of the last layer falls from .55 to .001 within 30 steps and
:math:`(L-1)\,\eta_\xi` from 1.6 to below .006: the classifier is switched off, and the loss stays at log L (claim
R28s; the network goes through the same, claim R1c). A gain of 2N + 1 makes the activations several times larger than
that push: there the rate falls from 180 to 9 within 100 steps, and recovers.

Source: derived here, from the tangent kernel of ReLU networks (Jacot, Gabriel & Hongler 2018; Cho & Saul 2009).
"""

import math

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, check_between, check_whole, shown
from minimodels.tasks.item_label import ItemLabelTask
from theory.arguments import LARGEST


def tangent_kernel(overlap: float, layers: int) -> float:
    """Return the tangent kernel of ReLU layers and a linear read-out for unit inputs of this overlap."""
    sigma = kernel = overlap
    for _ in range(layers):
        angle = math.acos(max(-1.0, min(1.0, sigma)))
        sigma, slope = (math.sqrt(max(0.0, 1 - sigma**2)) + sigma * (math.pi - angle)) / math.pi, 1 - angle / math.pi
        kernel = sigma + slope * kernel
    return kernel


def head_rates(L: int, *, layers: int = 0, gain: float = 1.0) -> dict[str, float]:
    """Return the effective rates of beta_1, alpha and xi at initialisation, in units of the learning rate.

    Parameters
    ----------
    L : int
        Labels, at least 2.
    layers : int
        ReLU layers of the classifier; 0 for the linear read-out.
    gain : float
        Factor of the attention output.

    Examples
    --------
    >>> round(head_rates(32)["xi"] * 31, 6)
    1.0
    >>> round(head_rates(32, layers=3)["xi"] * 31, 2)
    0.91
    """
    L, layers = check_whole(L, "`L`", low=2, high=10**12), check_whole(layers, "`layers`", low=0, high=1000)
    gain = check_between(gain, "`gain`", -LARGEST, LARGEST)
    if gain <= 0:
        raise InputError(f"`gain`, the factor of the attention output, must be positive; got {gain:g}.")
    step = 1e-6
    slope = (tangent_kernel(step, layers) - tangent_kernel(-step, layers)) / (2 * step)
    return {"beta_1": 1.0, "alpha": 1.0, "xi": gain**2 * slope / (L - 1)}


def label_gain_rates(task: ItemLabelTask) -> NDArray[np.float64]:
    r"""Return how fast the gain of every label grows at the origin, (L,), in units of the learning rate.

    The regression vector of label k moves by :math:`E[([y=k]-1/L)\,o]` with all tokens attended alike, so the gain
    :math:`\xi_l=\kappa_l\cdot l_l-\langle\kappa_k\cdot l_l\rangle_{k\ne l}` of a label of frequency :math:`\pi_l`,
    shown :math:`c` times for the target's sake and by chance in each of :math:`m` other slots, grows at the rate

    .. math:: \frac{d\xi_l}{dt} = \frac{\pi_l}{2N+1}\left[c + m\,\frac{L\pi_l-1}{L-1}\right] ,

    with c = B, m = N - B in bursty sequences of i.i.d. classes and c = 0, m = N where the target is i.i.d. as well;
    distinct labels make it :math:`B(L-N/B)/((2N+1)L(L-1))`. Frequent labels lead, more than in proportion. Linear
    read-out of gain 1, orthonormal label vectors; derived here.

    Examples
    --------
    >>> task = ItemLabelTask(K=1024, zipf=1.0, unique_labels=False)
    >>> rates = label_gain_rates(task)
    >>> round(float(rates[0] / rates[-1]), 1)
    18.4
    """
    if not isinstance(task, ItemLabelTask):
        raise InputError(f"`task` is an ItemLabelTask, as mm.ItemLabelTask(N=8, L=32); got {shown(task)}.")
    N, L = task.N, task.L
    skewed, alike = task.label_frequencies, np.full(L, 1 / L)

    def grown(frequencies: NDArray[np.float64], copies: int) -> NDArray[np.float64]:
        return frequencies * (copies + (N - copies) * (L * frequencies - 1) / (L - 1))

    def bursty(frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
        if task.unique_labels:
            return alike * task.copies * (L - task.N_c) / (L - 1)
        return grown(frequencies, task.copies)

    p_B = task.p_B if task.B else 0.0
    known = p_B * bursty(skewed) + (1 - p_B) * grown(skewed, 0)
    return np.asarray((task.p_C * bursty(alike) + (1 - task.p_C) * known) / task.length)
