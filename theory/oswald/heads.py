r"""Two softmax heads of opposite sign in the limit of small logits: gradient descent on centred inputs.

With logits :math:`\pm\varepsilon x_i^\top Bx_q` the difference of the two attentions is
:math:`\frac{2\varepsilon}N(x_i-\bar x)^\top Bx_q+O(\varepsilon^3)`; with the scale of the output taken into B, the
prediction is :math:`w^\top H_cBx_q` of :math:`H_c=X(I-\mathbf 1\mathbf 1^\top/N)X^\top`, and

.. math::

    \mathcal L = \frac{\tau^2}2\Big[\mathrm{tr}\Lambda - 2(N-1)\,\mathrm{tr}(\Lambda B\Lambda)
    + \mathrm{tr}(E[H_c^2]\,B\Lambda B^\top)\Big], \qquad B^* = (N-1)\,E[H_c^2]^{-1}\Lambda ,

with
:math:`E[H_c^2]=(N-1)\big[N\Lambda^2+\mathrm{tr}(\Lambda)\Lambda+(\kappa-3)\frac{N-1}N\mathrm{diag}(\Lambda)^2\big]`
for independent coordinates of variances :math:`\Lambda_{ii}` and fourth moments :math:`\kappa\Lambda_{ii}^2`, and for
Gaussian inputs of any covariance. For inputs of equal variance the best of all matrices is a multiple of the identity.

Source: the two heads are those of von Oswald et al. 2023 (arXiv 2212.07677); the limit is derived here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, check_between, check_whole, shown
from theory.oswald.loss import LARGEST, Law, scales
from theory.oswald.moments import standardised


@dataclass(frozen=True)
class HeadsOptimum:
    """Best matrix B of the logits (d, d) with the scale of the output, its loss, and that of predicting zero."""

    B: NDArray[np.float64]
    loss: float
    zero_loss: float


def two_head_loss(B: Any, *, N: int, law: Law = "uniform", s: Any = 1 / 12, tau: float = 1.0) -> float:
    r"""Return the loss of two softmax heads of small, opposite logits.

    .. math:: \mathcal L = \frac{\tau^2}2\Big[\mathrm{tr}\Lambda - 2(N-1)\,\mathrm{tr}(\Lambda B\Lambda)
              + \mathrm{tr}(E[H_c^2]\,B\Lambda B^\top)\Big]

    Parameters
    ----------
    B : array_like, (d, d)
        Matrix of the logits x_i B x_q, times the scale of the output and its expansion, 2 eps/N.
    N : int
        Points in the context.
    law : {"uniform", "gaussian", "laplace", "rademacher"} or sequence
        Law of a coordinate (see `moments`).
    s : float or array_like
        Variance of a coordinate; or of each, (d,); or with law="gaussian" the covariance of the inputs, (d, d).
    tau : float

    Raises
    ------
    InputError
        For what cannot be.

    Examples
    --------
    >>> best = two_head_optimum(10, 10)
    >>> round(two_head_loss(best.B, N=10), 5), round(best.loss, 5)
    (0.21846, 0.21846)
    """
    matrix = _array(B, "`B`", 2)
    d = matrix.shape[0]
    if matrix.shape != (d, d):
        raise InputError(f"`B` is a square matrix; got the shape {matrix.shape}.")
    covariance, second, tau = _context(N, d, law, s, tau)
    pull = (N - 1) * np.trace(covariance @ matrix @ covariance)
    return float(tau**2 / 2 * (np.trace(covariance) - 2 * pull + np.trace(second @ matrix @ covariance @ matrix.T)))


def two_head_optimum(N: int, d: int, *, law: Law = "uniform", s: Any = 1 / 12, tau: float = 1.0) -> HeadsOptimum:
    r"""Return the best matrix of the logits of two softmax heads in the limit of small ones.

    .. math::

        B^* = (N-1)\,E[H_c^2]^{-1}\Lambda, \qquad \Lambda=sI:\quad
        \mathcal L^* = \frac{sd\tau^2}2\Big[1-\frac{N-1}{N+d+(\kappa-3)(N-1)/N}\Big]

    The parameters are those of `two_head_loss`; d is the dimension.

    Examples
    --------
    >>> best = two_head_optimum(10, 10)
    >>> round(best.loss, 5), best.B.shape
    (0.21846, (10, 10))
    """
    covariance, second, tau = _context(N, check_whole(d, "`d`", high=1000), law, s, tau)
    B = np.zeros((d, d)) if N == 1 else np.asarray((N - 1) * np.linalg.solve(second, covariance), dtype=np.float64)
    zero = float(tau**2 / 2 * np.trace(covariance))
    return HeadsOptimum(B, zero - tau**2 / 2 * (N - 1) * float(np.trace(covariance @ B @ covariance)), zero)


def _context(N: Any, d: int, law: Law, s: Any, tau: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the covariance of the inputs, the second moment of the centred Gram matrix, and tau."""
    N = check_whole(N, "`N`", high=10**6)
    kappa = float(standardised(law, 2)[1])
    if np.ndim(s) == 0:
        s, tau, _ = scales(s, tau, 0.0)
        covariance = s * np.eye(d)
    else:
        _, tau, _ = scales(1.0, tau, 0.0)
        given = _array(s, "`s`", np.ndim(s))
        covariance = np.diag(given) if given.ndim == 1 else given
        if covariance.shape != (d, d) or not np.allclose(covariance, covariance.T, rtol=1e-12):
            raise InputError(f"`s` is a variance, one for each of the {d} coordinates, or a symmetric covariance.")
        if np.linalg.eigvalsh(covariance)[0] <= 0:
            raise InputError("`s` must be positive: its variances, or the eigenvalues of the covariance.")
        if law != "gaussian" and np.abs(covariance - np.diag(np.diag(covariance))).max() > 0:
            raise InputError("a covariance between coordinates needs law='gaussian'.")
    fourth = (kappa - 3) * (N - 1) / N * np.diag(np.diag(covariance) ** 2)
    second = (N - 1) * (N * covariance @ covariance + np.trace(covariance) * covariance + fourth)
    return covariance, second, tau


def _array(value: Any, what: str, dimensions: int) -> NDArray[np.float64]:
    """Return an array of finite numbers, or say what is wrong."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.ndim != dimensions or dimensions > 2 or not array.size:
        raise InputError(f"{what} is an array of numbers with {min(dimensions, 2)} dimensions; got {shown(value)}.")
    if not np.isfinite(array).all():
        raise InputError(f"{what} must be finite; it holds nan or infinity.")
    check_between(np.abs(array).max(), f"every number of {what}", 0, LARGEST)
    return array
