r"""The course in time of model A: how the test error moves while repeated samples are fitted.

Each eigenvalue s of the repeated samples' covariance has its own clock :math:`h=1-f+fs`; c = p/n, and the start's error
is isotropic, of total size :math:`S_0`.
"""

from typing import Any

import numpy as np

from minimodels.errors import InputError, check_between
from theory.hernandez.arguments import HUGE, Array, check_values
from theory.marchenko_pastur import atom, bulk

FINEST = 400_000  # points of the quadrature
BLOCK = 2**22


def fresh_ridge_course(t: Any, f: float, c: float, S0: float = 1.0, sigma2: float = 1.0) -> Array:
    r"""Return the excess of the test error over the label noise along the training of model A.

    .. math::

        E(t)-\sigma^2 = S_0\Big[\int dMP_c(s)\,e^{-2ht}+(1-1/c)_+e^{-2(1-f)t}\Big]
        + \sigma^2c\int dMP_c(s)\,s\,(f/h)^2(1-e^{-ht})^2, \qquad h=1-f+fs

    Parameters
    ----------
    t : float or array_like
        Times, learning rate x steps with inputs of unit variance.
    f : float
        Share of the training tokens that are repeats. f = 1 is training on n samples alone.
    c : float
        Directions over distinct repeated samples, p/n = y/f.
    S0, sigma2 : float
        Squared error of the start, :math:`|\theta_0-\theta^*|^2`, and variance of the label noise.

    Returns
    -------
    ndarray
        Of the shape of ``t``; its end at f < 1 is ``sigma2 * fresh_ridge(f * c, f).excess``.

    Notes
    -----
    Holds for gradient flow with inputs of unit variance in every direction. Adam preconditions: its steps are not this
    time. At f = 0.9 and c near 2 the error goes down, up and down.

    Examples
    --------
    >>> e = fresh_ridge_course(np.linspace(0, 40, 400), 0.9, 2.0)
    >>> turns = np.flatnonzero(np.diff(np.sign(np.diff(e))))
    >>> [round(float(e[i + 1]), 2) for i in turns], round(float(e[-1]), 2)
    ([0.72, 0.82], 0.7)
    """
    times = check_values(t, "`t`")
    share = check_between(f, "`f`", 0.0, 1.0)
    ratio = check_between(c, "`c`", 1e-9, 1e9)
    start, noise = check_between(S0, "`S0`", 0.0, HUGE), check_between(sigma2, "`sigma2`", 0.0, HUGE)
    flat = times.ravel()
    width = 4 * share * np.sqrt(ratio) * min(float(flat.max()), 40 / (1 - share) if share < 1 else np.inf)
    size = int(4000 + 20 * np.sqrt(width)) if width < (FINEST / 20) ** 2 else FINEST
    if size == FINEST:
        raise InputError(f"`t` is so late that nothing is left to see; the clocks differ by a factor {width:.3g}.")
    s, weight = bulk(ratio, size)
    h = 1 - share + share * s
    made = np.empty(flat.size)
    step = max(1, BLOCK // size)
    for first in range(0, flat.size, step):
        now = flat[first : first + step, None]
        gone = -np.expm1(-h * now)
        fitted = ratio * (weight * s * (share / h) ** 2 * gone**2).sum(1)
        left = (weight * (1 - gone) ** 2).sum(1) + atom(ratio) * np.exp(-2 * (1 - share) * now[:, 0])
        made[first : first + step] = start * left + noise * fitted
    return made.reshape(times.shape)
