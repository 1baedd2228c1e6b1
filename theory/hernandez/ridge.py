r"""Freshness as ridge: a linear model on a fresh stream and n repeated samples (model A).

The gradient flow of squared error on both, of which the repeated samples are the share f,

.. math:: \dot\theta = -\big[(1-f)\,\Sigma(\theta-\theta^*)+f\,(\hat\Sigma(\theta-\theta^*)-X^\top\varepsilon/n)\big],

ends, whitened, at ridge regression of strength :math:`(1-f)/f` on n samples. For many directions p, at
:math:`y=fp/n=rp/T`,

.. math::

    V(y,f) = \frac12\Big[\Big(1-\frac{4fy}{(1+y)^2}\Big)^{-1/2}-1\Big], \qquad E_\mathrm{test}=\sigma^2(1+V),

worst at y = 1 for every f: :math:`r^*=T/p`, :math:`V^*=\frac12[(1-f)^{-1/2}-1]`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minimodels.errors import InputError
from theory.hernandez.arguments import check_share, check_values, check_variances, plain

LARGEST_Y = 1e100


@dataclass(frozen=True)
class FreshRidge:
    """What n repeated samples cost a linear model at the end of its training.

    Attributes
    ----------
    excess : float or array
        V, the test error's excess in units of the label noise.
    train_ratio : float or array
        Squared error on the repeated samples over that on fresh ones.
    worst_y, worst_excess : float
        Where the excess is largest, and what it is there.
    band : tuple of two float
        The y to the left and to the right of the worst one where the excess is half of the largest; reciprocal.
    regime, uncertain : str
        Where it holds, and what is not known of it.
    """

    excess: Any
    train_ratio: Any
    worst_y: float
    worst_excess: float
    band: tuple[float, float]
    regime: str = (
        "squared error, linear in the parameters, Gaussian inputs, many directions, (1-f)T far more than p, "
        "trained to the end"
    )
    uncertain: str = "which p a network has, and how squared error becomes nats; for depth take f <= 0.1"


def fresh_ridge(y: Any, f: float) -> FreshRidge:
    r"""Return the cost of repeated samples by the closed form of model A.

    .. math::

        V = \frac12\Big[\Big(1-\frac{4fy}{(1+y)^2}\Big)^{-1/2}-1\Big], \qquad
        \frac{E_\mathrm{rep}}{E_\mathrm{test}} = \frac1{(1+\tau)^2}, \qquad
        \tau = \frac{y-1+\sqrt{(1-y)^2+4(1-f)y}}{2(1-f)}

    Parameters
    ----------
    y : float or array_like
        :math:`fp/n=rp/T`: times each repeated token is seen, over tokens a direction.
    f : float
        Share of the training tokens that are repeats, 0 <= f < 1.

    Raises
    ------
    InputError
        For a negative y or a share outside [0, 1).

    Notes
    -----
    Derived for this library after the setting of Hernandez et al. 2022 (arXiv 2205.10487). Small y: V = f y. For f -> 1
    it is y/(1-y) below 1 and 1/(y-1) above, regression without a ridge.

    Examples
    --------
    >>> made = fresh_ridge([0.1, 1.0, 10.0], 0.1)
    >>> made.excess.round(5).tolist()
    [0.00848, 0.02705, 0.00848]
    >>> round(fresh_ridge(1.0, 0.9).train_ratio, 3)
    0.058
    >>> low, high = fresh_ridge(1.0, 0.5).band
    >>> round(high / low)
    17
    """
    at, share = check_values(y, "`y`", 0.0, LARGEST_Y), check_share(f)
    root = _root(at, share)
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = np.where(at < 1, 2 * at / (root + 1 - at), (at - 1 + root) / (2 * (1 - share)))
    return FreshRidge(
        excess=plain(excess(at, share)),
        train_ratio=plain(1 / (1 + tau) ** 2),
        worst_y=1.0,
        worst_excess=worst(share),
        band=edges(worst(share) / 2, share),
    )


def _root(y: Any, f: float) -> Any:
    return np.sqrt((1 - y) ** 2 + 4 * (1 - f) * y)


def excess(y: Any, f: Any) -> Any:
    """Return V without cancellation at small y, at small f and for f -> 1."""
    root = _root(y, f)
    return 2 * f * y / (root * (1 + y + root))


def worst(f: float) -> float:
    """Return V at y = 1."""
    return math.expm1(-math.log1p(-f) / 2) / 2


def edges(level: float, f: float) -> tuple[float, float]:
    """Return the two y at which V has a value; for f -> 0 those at which it is half of the largest."""
    height = 1 + 2 * level
    q = 4 * level * (1 + level) / height**2 / f if f > 0 and level > 0 else 0.5
    middle = 2 / min(q, 1.0) - 1
    high = middle + math.sqrt((middle - 1) * (middle + 1))
    return 1 / high, high


def peak_ratio(f: float) -> float:
    """Return the squared error on the repeated samples over that on fresh ones at the worst point."""
    return 1 / (1 + (1 - f) ** -0.5) ** 2


def shift_factor(spectrum: Any, evaluation: Any) -> float:
    r"""Return what the excess of model A is multiplied by where inputs of another covariance are evaluated.

    .. math:: \mathrm{Tr}(\Sigma_e\Sigma^{-1})/p

    Parameters
    ----------
    spectrum : array_like, (p,)
        Eigenvalues of the covariance in training.
    evaluation : array_like, (p,)
        Diagonal of the other covariance in the same directions. Directions that are rare in training are hit in inverse
        proportion to their variance.

    Examples
    --------
    >>> shift_factor([1.0, 0.5, 0.25], [0.5, 0.5, 0.5])
    1.1666666666666667
    """
    trained, other = check_variances(spectrum, "`spectrum`"), check_values(evaluation, "`evaluation`")
    if other.shape != trained.shape:
        raise InputError(f"`evaluation` has one number for each of the {trained.size} eigenvalues; got {other.size}.")
    return float(np.mean(other / trained))
