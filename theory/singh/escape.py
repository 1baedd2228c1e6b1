r"""Escape times of a tensor product of vectors, in numbers.

Small vectors keep what is orthogonal to their truths and grow along them, :math:`\dot\sigma_i=\kappa\prod_{j\ne
i}\sigma_j` with :math:`\kappa=X/N`, so that the :math:`\sigma_i^2-\sigma_j^2` stay. One, two and three free vectors
have closed forms; four and more a quadrature.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from scipy.special import ellipkinc, ellipkm1, hyp2f1

from minimodels.errors import InputError, check_array, check_list, check_whole, shown
from theory.numeric import ending

Array = NDArray[np.float64]
HALF = 1 - math.sqrt(0.5)
FAR = 400.0


def remaining(w: float, k: int) -> float:
    """Return H(w), the time that equal aligned vectors of length w need to escape without an end."""
    return -math.log(w) if k == 2 else w ** (2 - k) / (k - 2)


def end_game(w: float, k: int) -> float:
    """Return G(w) = w^2/2 F(1, 2/k; 1 + 2/k; w^k), what the end adds."""
    return w**2 / 2 * float(hyp2f1(1, 2 / k, 1 + 2 / k, w**k))


def constant(k: int) -> float:
    """Return what the time to half of the loss differs from H(w_0) by, at small w_0."""
    half = HALF ** (1 / k)
    return end_game(half, k) - remaining(half, k)


def blow_up(sigma: Sequence[float] | Array, kappa: float) -> float:
    r"""Return the time at which :math:`\dot\sigma_i=\kappa\prod_{j\ne i}\sigma_j` diverges, for three or more."""
    least, differences, positive = _ordered(sigma)
    if differences[-1] == 0:
        k = len(differences) + 1
        return least ** (2 - k) / (k - 2) / kappa if positive and least > 0 else math.inf
    if not positive and differences[0] == 0:
        return math.inf
    if len(differences) == 2:
        first, second = differences
        f = float(ellipkinc(math.atan2(math.sqrt(second), least), 1 - first / second))
        whole = float(ellipkm1(first / second))
        return (f if positive else 2 * whole - f) / (kappa * math.sqrt(second))
    begin = least if positive else -least
    unit = max(math.sqrt(differences[0]), least)

    def slowness(y: float) -> float:
        x = unit * math.sinh(y)
        return unit * math.cosh(y) / math.sqrt(math.prod(x * x + differences))

    return quad(slowness, math.asinh(begin / unit), FAR / 4, epsabs=0, epsrel=1e-11, limit=500)[0] / kappa


def aligned_time(sigma: Sequence[float] | Array, X: float, N: float) -> float:
    """Return the time to half of the loss of aligned vectors of any lengths and signs: a quadrature, exact."""
    least, differences, positive = _ordered(sigma)
    if len(differences) and differences[0] == 0 and (least == 0 or not positive):
        return math.inf
    begin = least if positive else -least
    unit = max(math.sqrt(differences[0]) if len(differences) else X, least)

    def others(x: float) -> float:
        return float(np.sqrt(np.prod(x * x + differences)))

    def short(y: float) -> float:
        x = unit * math.sinh(y)
        return x * others(x) - HALF * X

    def slowness(y: float) -> float:
        x = unit * math.sinh(y)
        return unit * math.cosh(y) / (others(x) * (X - x * others(x)))

    first, last = math.asinh(begin / unit), 1.0
    if short(first) >= 0:
        return 0.0
    while short(last) < 0:
        last *= 2
    last = brentq(short, first, last, xtol=1e-15, rtol=1e-14)
    return N * quad(slowness, first, last, epsabs=0, epsrel=1e-11, limit=500)[0]


def small_time(sigma: Sequence[float] | Array, X: float, N: float) -> float:
    """Return the time to half of the loss from a small start: constant, ln(1/eps) or eps^(2-k) for 1, 2 or k free."""
    k = len(sigma)
    if k == 1:
        return N * math.log(2) / 2
    if k == 2:
        half = abs(sigma[0] + sigma[1]) / 2
        return math.inf if half == 0 else N / X * math.log(math.sqrt(HALF / (1 - HALF) * X) / half)
    return blow_up(sigma, X / N) + constant(k) * N / X ** (2 - 2 / k)


def flow_time(sigma: Array, o: Array, X: float, N: float, end: float) -> float:
    """Return the time at which the integrated flow has half of the loss of predicting zero; inf after ``end``."""
    k = len(sigma)

    def but_one(values: Array) -> Array:
        return np.array([np.prod(np.delete(values, i)) for i in range(k)])

    def flow(t: float, y: Array) -> Array:
        s, rest = y[:k], y[k:]
        damping = but_one(s**2 + rest)
        return np.concatenate([X * but_one(s) - damping * s, -2 * damping * rest]) / N

    def half(t: float, y: Array) -> float:
        s, rest = y[:k], y[k:]
        return 0.5 - float(np.prod(s**2 + rest) - 2 * X * np.prod(s) + X**2) / X**2

    begin = np.concatenate([sigma, o])
    run = solve_ivp(flow, (0, end), begin, method="LSODA", rtol=1e-9, atol=1e-14, events=ending(half))
    return float(run.t_events[0][0]) if len(run.t_events[0]) else math.inf


def tensor_escape_time(T: ArrayLike, n: ArrayLike, s: ArrayLike, d: ArrayLike, *, clamped: Sequence[int] = ()) -> float:
    r"""Return the time at which a small tensor product of vectors has half of the loss of predicting zero.

    With three free vectors, :math:`\kappa=X/N`, :math:`m_1\le m_2` the differences of the squared components from
    the smallest one, :math:`\sigma_a`, and :math:`f=F(\arctan(\sqrt{m_2}/|\sigma_a|)\mid 1-m_1/m_2)`:

    .. math:: t = \frac{1}{\kappa\sqrt{m_2}}\begin{cases}f\\2K-f\end{cases}\;-1.2534\,\frac{N}{X^{4/3}}

    for a positive and a negative product of overlaps; it grows as one over the scale of the start. With two it is
    logarithmic in it, with one it does not depend on it.

    Parameters
    ----------
    T, n, s : array_like (k,)
        Squared norms of the truths, squared norms and overlaps of the starts.
    d : array_like (k,) or number
        Dimensions.
    clamped : sequence of int
        Vectors at their truth for good, counted from 0.

    Returns
    -------
    float
        Learning rate times steps; inf where it never escapes. Its relative error falls as the square of the scale.

    Examples
    --------
    >>> import numpy as np
    >>> T, n = np.array([20.134788, 10.466585, 16.703843]), np.array([22.632738, 13.536569, 27.994776])
    >>> s = np.array([-0.084783046, -2.766988, 5.499674])
    >>> [round(tensor_escape_time(T, e**2 * n, e * s, 20), 1) for e in (0.1, 0.03)]
    [1884.1, 6381.4]
    >>> round(tensor_escape_time(T, 1e-4 * n, 1e-2 * s, 20, clamped=[2]), 1)
    208.8
    """
    given = {"T": T, "n": n, "s": s, "d": np.full(np.size(T), d) if np.ndim(d) == 0 else d}
    truth, norm, along, size = (check_array(v, f"`{k}`", "[20.1, 10.5, 16.7]") for k, v in given.items())
    lengths = {k: len(v) for k, v in zip(given, (truth, norm, along, size), strict=True)}
    if len(set(lengths.values())) > 1 or not len(truth):
        raise InputError(f"`T`, `n`, `s` and `d` have one number for every vector; got {shown(lengths)}.")
    for name, values, low in (("T", truth, 0.0), ("d", size, 0.999)):
        if not (values > low).all():
            raise InputError(
                f"`{name}` must be {'positive' if name == 'T' else 'at least 1'}; got {shown(given[name])}."
            )
    if not (along**2 <= norm * truth * (1 + 1e-9)).all():
        raise InputError("there is no vector with s^2 above n T: lower its overlap or raise its norm.")
    held = [check_whole(i, "a vector in `clamped`", 0, len(truth) - 1) for i in _listed(clamped)]
    free = [i for i in range(len(truth)) if i not in held]
    if not free:
        raise InputError("all vectors are clamped; leave one free.")
    share = math.sqrt(norm[free].prod() / truth[free].prod())
    if len(free) > 1 and share > 1:
        raise InputError(f"the start is not small: its tensor has {share:.3g} times the norm of the truth.")
    N = float(size.prod() / truth[held].prod())
    return small_time(along[free] / np.sqrt(truth[free]), float(np.sqrt(truth[free].prod())), N)


def _listed(clamped: Any) -> list[Any]:
    if isinstance(clamped, tuple | list) and not clamped:
        return []
    return check_list(clamped, "`clamped`", "[1, 2]")


def _ordered(sigma: Sequence[float] | Array) -> tuple[float, Array, bool]:
    """Return the smallest size, the differences of the squares of the others, and whether the product is positive."""
    sizes = np.sort(np.abs(np.asarray(sigma, dtype=float)))
    return float(sizes[0]), sizes[1:] ** 2 - sizes[0] ** 2, bool(np.prod(np.sign(sigma)) >= 0)
