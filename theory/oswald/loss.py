r"""Exact population loss of any schedule of steps, also where the test data differ from those of the training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, check_between, check_list, check_number, check_whole, shown
from minimodels.gram_moments import HIGHEST
from minimodels.models.gd_plus_plus import degree, residual
from theory.oswald.moments import standardised
from theory.oswald.spectra import HIGHEST_ORDER, Spectrum, exact, gaussian, on_a_sphere

LARGEST = 1e6  # of a scale, a step or a size
DEEPEST = 50  # layers
FEWER = "take fewer layers, or sampled spectra (gd_optimum)."
Law = str | Sequence[Any]


def half_error(spectrum: Spectrum, a: Any, gamma: Any, tau: float, sigma: float) -> Any:
    r"""Return :math:`\frac12E\,\mathrm{tr}[\tau^2q_K^2+\sigma^2(1-q_K)^2/H]`, the loss per variance of the query."""
    x = spectrum.points
    q = residual(x, a, gamma)
    error = tau**2 * q**2
    if sigma:
        error = error + np.where(x > 0, sigma**2 * (1 - q) ** 2 / np.where(x > 0, x, 1), 0)
    return spectrum.trace(error) / 2


def gd_loss(
    a: Any,
    gamma: Any = None,
    *,
    N: int,
    d: int,
    law: Law = "uniform",
    s: float = 1 / 12,
    tau: float = 1.0,
    sigma: float = 0.0,
    x_scale: float = 1.0,
    w_scale: float = 1.0,
    corrupted: int = 0,
    test_N: int | None = None,
    frobenius: float | None = None,
) -> float:
    r"""Return half the mean squared error of steps of GD or GD++ on the in-context regression, exactly.

    .. math::

        \mathcal L = \frac{s}{2}\,E\,\mathrm{tr}\Big[\tau^2q_K(H)^2 + \sigma^2\frac{(1-q_K(H))^2}{H}\Big], \quad
        q_{l+1} = q_l(1-a_l\lambda p_l^2), \quad p_{l+1} = p_l(1-\gamma_l\lambda p_l^2)

    ================  =====================================================================================
    ``a``             steps a_l on the sum over the context (the paper's eta is aN), a number or one a layer
    ``gamma``         transforms of the data, a number, one a layer or one for all layers but the last;
                      None: plain descent
    ``N``, ``d``      points in the context, dimension
    ``x_scale``       factor of all inputs, those of the query among them
    ``w_scale``       factor of the task
    ``corrupted``     labels of the context replaced by N(0, 1), for one step
    ``test_N``        points in the context where it is not N
    ``frobenius``     Gaussian inputs and query are divided by the Frobenius norm of the context's and multiplied
                      by this number
    ================  =====================================================================================

    Parameters
    ----------
    a, gamma : float or sequence of float
    N, d, corrupted, test_N : int
    law : {"uniform", "gaussian", "laplace", "rademacher"} or sequence
        Law of a coordinate, or its standardised moments (see `moments`). The degree of the squared error may be at most
        8: four steps of GD, two of GD++; any with Gaussian inputs.
    s, tau, sigma : float
        Variance of a coordinate; standard deviations of a weight of the task and of the labels' noise. The label to be
        predicted has no noise.
    x_scale, w_scale, frobenius : float

    Raises
    ------
    InputError
        For what cannot be, or a loss that needs moments beyond the eighth.

    Notes
    -----
    Source: von Oswald et al. 2023 (arXiv 2212.07677) for the layers and shifts; the exact losses are derived here.

    Examples
    --------
    >>> round(gd_loss(1 / (19.8 / 12), N=10, d=10), 6)
    0.206229
    >>> round(gd_loss([0.59842] * 2, N=10, d=10), 6)
    0.156615
    """
    steps, transforms = schedule(a, gamma)
    d, points = check_whole(d, "`d`", high=10**6), check_whole(N, "`N`", high=10**6)
    points = points if test_N is None else check_whole(test_N, "`test_N`", high=10**6)
    s, tau, sigma = scales(s, tau, sigma)
    scale = check_between(x_scale, "`x_scale`", -LARGEST, LARGEST) ** 2
    tau *= abs(check_between(w_scale, "`w_scale`", -LARGEST, LARGEST))
    bad = check_whole(corrupted, "`corrupted`", low=0)
    if scale == 0:
        return 0.0
    if bad:
        return _corrupted(steps, points, d, law, s * scale, tau, sigma, bad)
    order = 2 * degree(len(steps), "gd" if transforms is None else "gd++")
    if frobenius is None:
        return scale * s * loss(expected(points, d, law, order), steps, transforms, s * scale, tau, sigma)
    factor = check_between(frobenius, "`frobenius`", -LARGEST, LARGEST) ** 2
    if law != "gaussian" or points * d <= 2:
        raise InputError("`frobenius` is for law='gaussian' and more than two numbers in the context.")
    return factor / (points * d - 2) * loss(on_a_sphere(points, d, order), steps, transforms, factor, tau, sigma)


def loss(spectrum: Spectrum, a: Any, gamma: Any, s: float, tau: float, sigma: float) -> float:
    """Return the loss per variance of the query, of a spectrum at s = 1."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(half_error(Spectrum(spectrum.points * s, spectrum.weights, 0), a, gamma, tau, sigma))
    if not np.isfinite(value):
        raise InputError("the loss of these steps is beyond floating point: they diverge; use smaller ones.")
    return value


def expected(N: int, d: int, law: Law, order: int) -> Spectrum:
    """Return the exact spectrum at s = 1 for polynomials of an order, or say that there is none."""
    if isinstance(law, str) and law == "gaussian":
        if order > HIGHEST_ORDER:
            raise InputError(
                f"the squared error has the degree {order}, and means are exact up to {HIGHEST_ORDER}: {FEWER}"
            )
        return gaussian(N, d)
    if order > HIGHEST:
        raise InputError(
            f"the squared error has the degree {order} in the Gram matrix, whose moments are exact up to {HIGHEST}: "
            "take at most 4 steps of GD, 2 of GD++ or law='gaussian', or sampled spectra (gd_optimum)."
        )
    return exact(N, d, standardised(law, order), order)


def scales(s: Any, tau: Any, sigma: Any) -> tuple[float, float, float]:
    """Return the variance of a coordinate and the standard deviations of tasks and noise."""
    return (
        check_between(s, "`s`, the variance of a coordinate,", 1e-12, 1e12),
        check_between(tau, "`tau`", 1e-12, LARGEST),
        check_between(sigma, "`sigma`", 0.0, LARGEST),
    )


def schedule(a: Any, gamma: Any) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return steps and transforms, one a layer."""
    steps = _per_layer(a, "`a`")
    if not steps.size <= DEEPEST:
        raise InputError(f"`a` has at most {DEEPEST} layers; got {steps.size}.")
    if gamma is None:
        return steps, None
    transforms = _per_layer(gamma, "`gamma`")
    if np.ndim(gamma) == 0:
        return steps, np.repeat(transforms, steps.size)
    if transforms.size not in (steps.size, steps.size - 1):
        raise InputError(
            f"`gamma` is a number or has one for each of the {steps.size} layers, or for all but the last; got "
            f"{transforms.size}."
        )
    return steps, np.append(transforms, 0.0)[: steps.size]


def _per_layer(value: Any, what: str) -> NDArray[np.float64]:
    if isinstance(value, str) or np.ndim(value) > 1:
        raise InputError(f"{what} is a number or a list of numbers; got {shown(value)}.")
    listed = check_list(value, what, "[0.6, 0.6]") if np.ndim(value) else [check_number(value, what)]
    return np.array([check_between(x, f"every step of {what}", -LARGEST, LARGEST) for x in listed])


def _corrupted(
    steps: NDArray[np.float64], N: int, d: int, law: Law, s: float, tau: float, sigma: float, bad: int
) -> float:
    if steps.size > 1 or bad > N:
        raise InputError(f"`corrupted` is for one step and at most the {N} labels of the context; got {bad}.")
    a, clean = float(steps[0]), N - bad
    kept = exact(clean, d, standardised(law, 2), 2) if clean else None
    right = loss(kept, steps, None, s, tau, sigma) if kept else d * tau**2 / 2
    return s * (right + a**2 * bad * d * s / 2)
