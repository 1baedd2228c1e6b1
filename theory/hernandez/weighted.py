r"""Exact risk of a linear regression whose samples are weighted or duplicated, any spectrum and histogram.

Minimise :math:`\sum_iw_i(y_i-x_i^\top\theta)^2+\lambda|\theta|^2` over Gaussian inputs of covariance :math:`\Sigma`,
where :math:`w_i` is how often sample i is there, with one and the same noise. With
:math:`D_1(k)=\mathrm{Tr}\,\Sigma(\Sigma+k)^{-1}`, :math:`D_2(k)=\mathrm{Tr}\,\Sigma^2(\Sigma+k)^{-2}` and
:math:`k=\lambda/S`,

.. math::

    1=\sum_i\frac{w_i}{S+w_iD_1}, \qquad g=D_2\sum_i\Big(\frac{w_i}{S+w_iD_1}\Big)^2, \qquad
    E_\mathrm{test}=\frac{\sigma^2+k^2\,\theta^{*\top}\Sigma(\Sigma+k)^{-2}\theta^*}{1-g} .
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import brentq

from minimodels.errors import InputError, check_array, check_between, shown
from theory.hernandez.arguments import HUGE, Array, check_above, check_values, check_variances

SETTLED = 1e-14  # of the logarithms of the roots
LEAST = 1e-9  # multiplicity, and samples in all


@dataclass(frozen=True)
class WeightedRisk:
    """Test and training error of a regression on weighted samples.

    Attributes
    ----------
    excess : float
        Test error minus ``sigma2``; infinite where as many distinct samples as directions are fitted without a ridge.
    risk : float
        Test error.
    train : ndarray
        Squared error on the samples of every group.
    S, k : float
        The solution of the two equations: effective number of samples left, effective ridge.
    regime, uncertain : str
        Where it holds, and what is not known of it.
    """

    excess: float
    risk: float
    train: Array = field(repr=False)
    S: float
    k: float
    regime: str = "squared error, linear in the parameters, Gaussian inputs, many samples and directions"
    uncertain: str = "corrections of order one over the number of directions; what is p of a network"


def weighted_risk(
    multiplicities: Any,
    counts: Any,
    p: float | None = None,
    spectrum: Any = None,
    ridge: float = 0.0,
    sigma2: float = 1.0,
    target: Any = None,
) -> WeightedRisk:
    r"""Return the risk of a regression on groups of samples, each there so many times.

    .. math::

        \sum_k\frac{n_kr_k}{S+r_kD_1}=1, \qquad
        E_\mathrm{test}=\frac{\sigma^2+k^2\,\theta^{*\top}\Sigma(\Sigma+k)^{-2}\theta^*}{1-g}, \qquad
        E_k=\frac{E_\mathrm{test}}{(1+r_kD_1/S)^2}

    Parameters
    ----------
    multiplicities : array_like, (groups,)
        :math:`r_k`, times that each sample of a group is there; any positive weights.
    counts : array_like, (groups,)
        :math:`n_k`, distinct samples in each group; they need not be whole.
    p : float
        Directions. With ``spectrum`` too, each eigenvalue stands for ``p / len(spectrum)`` of them.
    spectrum : array_like
        Eigenvalues of the covariance of the inputs; all 1 unless given.
    ridge : float
        :math:`\lambda`. Without it (0), as many distinct samples as there are directions or fewer are interpolated, and
        the multiplicities drop out.
    sigma2 : float
        Variance of the label noise.
    target : float or array_like
        :math:`|\theta^*|^2` spread evenly over the directions, or the components of :math:`\theta^*` along the
        eigenvectors of ``spectrum``, squared and summed where one stands for several; zero unless given.

    Raises
    ------
    InputError
        For lists of unequal length, a multiplicity that is not positive, a negative count, or neither ``p`` nor
        ``spectrum``.

    Notes
    -----
    Derived for this library (weighted random matrices, cf. arXiv 2408.04607 and 2403.20200). The limit of an unlimited
    fresh stream is `fresh_ridge`.

    Examples
    --------
    >>> made = weighted_risk([1, 10], [1500, 150], p=100)          # 3000 samples, half of them repeats
    >>> round(made.excess, 4)
    0.1672
    >>> round(weighted_risk([3], [1000], p=100).excess, 4)          # all of them: the multiplicity drops out
    0.1111
    """
    weights, numbers = _groups(multiplicities, counts)
    values, each = _directions(p, spectrum)
    strength, noise = check_between(ridge, "`ridge`", 0.0, HUGE), check_between(sigma2, "`sigma2`", 0.0, HUGE)
    squared = _target(target, values, each)
    S, k = _solve(weights, numbers, values, each, strength)
    d1, d2 = (float(each * np.sum((values / (values + k)) ** power)) for power in (1, 2))
    pulls = weights / (S + weights * d1)
    g = d2 * float(numbers @ pulls**2)
    bias = float(squared @ (values * (k / (values + k)) ** 2))
    risk = (noise + bias) / (1 - g) if g < 1 else math.inf
    more = (bias + g * noise) / (1 - g) if g < 1 else math.inf
    train = risk * (S / (S + weights * d1)) ** 2 if S > 0 else np.zeros(weights.size)
    return WeightedRisk(excess=more, risk=risk, train=train, S=S, k=k)


def _groups(multiplicities: Any, counts: Any) -> tuple[Array, Array]:
    weights = check_array(multiplicities, "`multiplicities`", "[1, 10]")
    numbers = check_array(counts, "`counts`", "[1500, 150]")
    if weights.size != numbers.size or not weights.size:
        raise InputError(f"`counts` has one number for each of the {weights.size} multiplicities; got {numbers.size}.")
    if not (weights.min() >= LEAST and weights.max() <= HUGE):
        wrong = weights[(weights < LEAST) | (weights > HUGE)][0]
        raise InputError(f"`multiplicities` are above 0, from {LEAST:g} to {HUGE:g}; got {wrong:g}.")
    if not (numbers.min() >= 0 and LEAST < numbers.sum() <= HUGE):
        raise InputError(f"`counts` are distinct samples, 0 or more and some in all; got {shown(counts)}.")
    return weights, numbers


def _directions(p: Any, spectrum: Any) -> tuple[Array, float]:
    """Return eigenvalues and how many directions each stands for."""
    if p is None and spectrum is None:
        raise InputError("give `p`, the number of directions, or `spectrum`, the eigenvalues of the covariance.")
    values = np.ones(1) if spectrum is None else check_variances(spectrum, "`spectrum`")
    return values, 1.0 if p is None else check_above(p, "`p`") / values.size


def _target(target: Any, values: Array, each: float) -> Array:
    """Return the squared components of the target along the eigenvectors."""
    if target is None:
        return np.zeros(values.size)
    given = check_values(target, "`target`", -HUGE)
    if given.ndim == 0:
        return np.full(values.size, check_between(target, "`target`, a squared length,", 0.0, HUGE) / values.size)
    if given.shape != values.shape:
        raise InputError(f"`target` is a number or one for each of the {values.size} eigenvalues; got {given.size}.")
    return np.asarray(given**2)


def _solve(weights: Array, numbers: Array, values: Array, each: float, ridge: float) -> tuple[float, float]:
    """Return S and k."""
    distinct, directions = float(numbers.sum()), each * values.size
    if ridge == 0 and distinct <= directions:
        return 0.0, _interpolating(distinct, values, each)

    def short(log_s: float) -> float:
        s = math.exp(log_s)
        d1 = float(each * np.sum(values / (values + ridge / s)))
        return math.log(float(numbers @ (weights / (s + weights * d1))))

    top = math.log(float(numbers @ weights))
    low = top - 1.0
    while short(low) < 0:
        low -= 2 * (top - low)
        if low < -640:
            return 0.0, _interpolating(distinct, values, each)
    S = math.exp(brentq(short, low, top, xtol=SETTLED, rtol=SETTLED))
    return S, ridge / S


def _interpolating(distinct: float, values: Array, each: float) -> float:
    """Return the k at which as many directions are left as there are samples."""
    if distinct >= each * values.size:
        return 0.0

    def left(log_k: float) -> float:
        return each * float(np.sum(values / (values + math.exp(log_k)))) - distinct

    reach = math.log(each * float(values.sum()) / distinct)  # D_1(k) < Tr/k
    low = math.log(float(values.min())) + math.log(each * values.size / distinct - 1)
    return math.exp(brentq(left, min(low, reach) - 1e-6, reach + 1e-6, xtol=SETTLED, rtol=SETTLED))
