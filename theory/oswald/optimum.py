r"""Best steps of GD and GD++ for a law, a context and a dimension.

Free steps of plain descent are linear: with :math:`q=1-\sum_{k\le K}c_k\lambda^k` and :math:`m_k=E\,\mathrm{tr}H^k`,

.. math::

    \sum_k(\tau^2m_{j+k}+\sigma^2m_{j+k-1})\,c_k = \tau^2m_j, \qquad
    \mathcal L = \frac s2\Big(\tau^2d-\tau^2\sum_kc_km_k\Big) ,

and the steps are the reciprocals of the roots of q where these are real. All else is minimised from many starts, for
the loss of GD++ has several minima.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.chebyshev import chebfit, chebroots
from numpy.typing import NDArray
from scipy.optimize import minimize

from minimodels.errors import InputError, check_between, check_choice, check_flag, check_whole, shown
from minimodels.models.gd_plus_plus import KINDS, degree
from theory.oswald.loss import DEEPEST, Law, expected, half_error, scales
from theory.oswald.spectra import SAMPLERS, Spectrum, lanczos, marchenko_pastur, of_samples, orthonormal, sampled

Array = NDArray[np.float64]
STARTS = 40
LARGEST_RULE = 2e10  # degree squared times points, up to which a spectrum is made a rule of few points
LARGE = 10_000  # points of a spectrum for which few starts are tried
ALIKE = 1e-4  # of logarithms of losses, and relative to the steps, below which minima are one
FLAT = 1e-6  # slope of the logarithm of the loss at a minimum
BEST = 4  # minima of one layer less that are gone on from
MANY = 6  # layers up to which steps of their own are searched at all
SHALLOW = 3  # layers up to which steps of their own are searched from everywhere


class Minimum(NamedTuple):
    """A local minimum of the loss."""

    loss: float
    a: tuple[float, ...]
    gamma: tuple[float, ...]


@dataclass(frozen=True)
class GDOptimum:
    """Best steps and their loss.

    Attributes
    ----------
    a : tuple of float
        Steps on the sum over the context, one a layer.
    gamma : tuple of float
        Transforms of the data, one for each layer but the last, where it changes nothing; empty for plain descent.
    loss : float
        Half the mean squared error; over fresh spectra if spectra were sampled.
    zero_loss : float
        That of predicting zero.
    error : float
        Standard error of ``loss`` over the fresh spectra; 0 where it is exact.
    fitted : float
        Loss over the spectra that the steps were fitted to: too low by the fit; ``loss`` where that is exact.
    minima : tuple of Minimum
        All minima that were found, the best first: over the fresh spectra if spectra were sampled.
    """

    a: tuple[float, ...]
    gamma: tuple[float, ...]
    loss: float
    zero_loss: float
    error: float
    fitted: float
    minima: tuple[Minimum, ...]


def gd_optimum(
    N: int,
    d: int,
    *,
    K: int = 1,
    kind: str = "gd",
    tied: bool = True,
    law: Law = "uniform",
    s: float = 1 / 12,
    tau: float = 1.0,
    sigma: float = 0.0,
    spectra: int | None = None,
    seed: int = 0,
) -> GDOptimum:
    r"""Return the steps that minimise the population loss of K layers.

    .. math::

        \min_{a,\gamma}\ \frac s2\,E\,\mathrm{tr}\Big[\tau^2q_K(H)^2+\sigma^2\frac{(1-q_K(H))^2}{H}\Big], \qquad
        K=1:\ a^* = \frac{1}{s(N+d+\kappa-2)+\sigma^2/\tau^2}

    Parameters
    ----------
    N, d, K : int
        Points in the context, dimension, layers. Exact up to 4 layers of GD and 2 of GD++; for any number with Gaussian
        inputs (min(N, d) up to 200).
    kind : {"gd", "gd++"}
    tied : bool
        Whether all layers share their steps.
    law : {"uniform", "gaussian", "laplace", "rademacher"} or sequence
        Law of a coordinate, or its standardised moments (see `moments`).
    s, tau, sigma : float
        Variance of a coordinate; standard deviations of a weight of the task and of the labels' noise.
    spectra : int, optional
        Fit to this many sampled spectra, and estimate the loss from as many fresh ones.
    seed : int
        Of the samples.

    Returns
    -------
    GDOptimum

    Raises
    ------
    InputError
        For what cannot be, or more layers than the exact moments reach.

    Notes
    -----
    Losses of deep GD++ are dominated by rare large eigenvalues: compare ``fitted``, ``loss`` and ``error``.

    Examples
    --------
    >>> best = gd_optimum(10, 10, K=2, kind="gd++")
    >>> round(best.a[0], 5), round(best.gamma[0], 6), round(best.loss, 6)
    (1.34957, 0.175985, 0.110495)
    """
    N, d = check_whole(N, "`N`", high=10**6), check_whole(d, "`d`", high=10**6)
    K = check_whole(K, "`K`", high=DEEPEST)
    check_choice(kind, "`kind`", KINDS)
    tied, (s, tau, sigma) = check_flag(tied, "`tied`"), scales(s, tau, sigma)
    order = 2 * degree(K, kind)
    zero = s * tau**2 * d / 2
    if spectra is None:
        problem = Problem(expected(N, d, law, order), K, kind, tied, s, s, tau, sigma)
        return _result(problem.minima(), zero)
    if not (isinstance(law, str) and law in SAMPLERS):
        raise InputError(
            f"spectra are sampled of a law by its name, {', '.join(map(repr, SAMPLERS))}; got {shown(law)}."
        )
    count, seed = check_whole(spectra, "`spectra`", low=2), check_whole(seed, "`seed`", low=0)
    problem = Problem(of_samples(sampled(N, d, law, count, seed)), K, kind, tied, s, s, tau, sigma)
    found = problem.minima()
    eigenvalues = Spectrum(sampled(N, d, law, count, seed, part=1) * s, np.ones(d), math.inf)

    def fresh(one: Minimum) -> Array:
        transforms = np.append(one.gamma, 0.0) if kind == "gd++" else None
        with np.errstate(over="ignore", invalid="ignore"):
            return np.nan_to_num(s * half_error(eigenvalues, np.array(one.a), transforms, tau, sigma), nan=math.inf)

    losses = [float(fresh(one).mean()) for one in found]
    found.insert(0, found.pop(int(np.argmin(losses))))
    error = float(fresh(found[0]).std(ddof=1) / math.sqrt(count))
    return _result(found, zero, min(losses), error)


def proportional_optimum(c: float, *, K: int = 1, kind: str = "gd", tied: bool = True) -> GDOptimum:
    r"""Return the best steps for large N and d = cN, in units of 1/(Ns), and the loss relative to that of zero.

    .. math:: \mathcal L/\mathcal L_0 = \int q_K(x)^2\,d\mu_{MP}(x), \qquad x=\lambda/(Ns)

    Parameters
    ----------
    c : float
        d/N.
    K, kind, tied
        As in `gd_optimum`, without noise.

    Examples
    --------
    >>> best = proportional_optimum(1.0, K=2, kind="gd++")
    >>> round(best.a[0], 4), round(best.gamma[0], 4), round(best.loss, 5)
    (1.1652, 0.1503, 0.25534)
    """
    c, K = check_between(c, "`c`", 1e-6, 1e6), check_whole(K, "`K`", high=DEEPEST)
    check_choice(kind, "`kind`", KINDS)
    problem = Problem(marchenko_pastur(c), K, kind, check_flag(tied, "`tied`"), 1.0, 2.0, 1.0, 0.0)
    return _result(problem.minima(), 1.0)


def _result(found: list[Minimum], zero: float, fresh: float | None = None, error: float = 0.0) -> GDOptimum:
    best = found[0]
    loss = best.loss if fresh is None else fresh
    return GDOptimum(best.a, best.gamma, loss, zero, error, best.loss, tuple(found))


class Problem:
    """The loss as a function of the steps: an expected spectrum at variance 1, and the query's variance."""

    def __init__(
        self, spectrum: Spectrum, K: int, kind: str, tied: bool, s: float, query: float, tau: float, sigma: float
    ) -> None:
        order = 2 * degree(K, kind)
        self.spectrum = spectrum.rule(order) if order**2 * spectrum.points.size <= LARGEST_RULE else spectrum
        self.K, self.kind, self.tied, self.query, self.tau, self.sigma = K, kind, tied, query, tau, sigma
        first, second = (self.spectrum.trace(self.spectrum.points**k) * s**k for k in (1, 2))
        self.unit = 1 / (second / first + sigma**2 / tau**2)  # the best single step
        self.scaled = Spectrum(self.spectrum.points * s, self.spectrum.weights, math.inf)

    def layers(self, theta: Array) -> tuple[Array, Array | None]:
        """Return the steps and transforms of all layers, of the numbers that are minimised over."""
        if self.tied:
            a = np.repeat(theta[0], self.K)
            return a, np.repeat(theta[1], self.K) if self.transforms else None
        return theta[: self.K], np.append(theta[self.K :], 0.0) if self.transforms else None

    @property
    def transforms(self) -> bool:
        """Whether there is a transform that changes anything."""
        return self.kind == "gd++" and self.K > 1

    @property
    def size(self) -> int:
        """How many numbers the loss is minimised over."""
        return (1 if self.tied else self.K) + self.transforms * (1 if self.tied else self.K - 1)

    def loss(self, theta: Array) -> Any:
        """Return the loss at steps in units of the best single one, real or complex."""
        return self.query * half_error(self.scaled, *self.layers(theta * self.unit), self.tau, self.sigma)

    def objective(self, theta: Array) -> tuple[float, Array]:
        """Return the logarithm of the loss and its gradient, by complex steps."""
        tiny = 1e-30
        with np.errstate(all="ignore"):
            found = [self.loss(theta + 1j * tiny * e) for e in np.eye(theta.size)]
            value, slopes = found[0].real, np.array([x.imag for x in found]) / tiny
        if not (np.isfinite(value) and value > 0 and np.isfinite(slopes).all()):
            return 1e3, np.zeros(theta.size)
        return math.log(value), slopes / value

    def minima(self) -> list[Minimum]:
        """Return the local minima that are found, the best first."""
        if self.kind == "gd" and not self.tied and (free := self.free()) is not None:
            return [free]
        if not self.tied and self.K > MANY:
            raise InputError(f"layers with steps of their own are searched for up to K={MANY}; tie them.")
        found: list[tuple[float, Array]] = []
        for start in self.starts():
            value, theta = self.descend(start)
            if value < 1e2 and not any(_alike(value, theta, *other) for other in found):
                found.append((value, theta))
        if not found:
            raise InputError("no steps were found from which the loss could be brought down; give fewer layers.")
        return [self.minimum(math.exp(value), theta * self.unit) for value, theta in sorted(found, key=lambda x: x[0])]

    def minimum(self, loss: float, theta: Array) -> Minimum:
        """Return a minimum with one step and transform a layer."""
        a, gamma = self.layers(theta)
        listed = () if gamma is None else gamma[: self.K - 1].tolist()
        return Minimum(loss, tuple(a.tolist()), tuple(listed))

    def starts(self) -> list[Array]:
        """Return where minimisation starts: all over, or from the minima of one layer less where there are many."""
        rng, steps = np.random.default_rng(0), 1 if self.tied else self.K
        if self.K <= SHALLOW:
            reach = np.array([7.0] * steps + [1.0] * (self.size - steps))
            return [np.r_[np.ones(steps), np.zeros(self.size - steps)], *(rng.random((STARTS, self.size)) * reach)]
        made = []
        for one in self.like(self.K - 1, self.tied).minima()[:BEST]:
            a, gamma = np.array(one.a) / self.unit, np.array(one.gamma) / self.unit
            if self.tied:
                factors = (1.0,) if self.spectrum.points.size > LARGE else (0.7, 0.85, 1, 1.15)
                made += [np.r_[a[0] * x, gamma[:1] * y] for x in factors for y in (0.8, 1)]
                continue
            for place in range(self.K):
                more = (
                    np.insert(a, place, 0.1),
                    np.insert(gamma, min(place, gamma.size), 0.1) if self.transforms else gamma,
                )
                made.append(np.concatenate(more))
        if not self.tied:
            one = self.like(self.K, True).minima()[0]
            alike = np.r_[one.a, one.gamma] / self.unit
            made += [alike * rng.uniform(0.8, 1.2, alike.size) for _ in range(self.K)]
        return made

    def like(self, K: int, tied: bool) -> "Problem":
        """Return the same problem with other layers."""
        return Problem(self.scaled, K, self.kind, tied, 1.0, self.query, self.tau, self.sigma)

    def descend(self, start: Array) -> tuple[float, Array]:
        """Return the logarithm of the loss and the steps at the minimum below a start."""
        theta = minimize(self.objective, start, jac=True, method="BFGS", options={"gtol": 1e-9}).x
        value, slopes = self.objective(theta)
        for _ in range(3):
            curvature = np.array([
                (self.objective(theta + e)[1] - self.objective(theta - e)[1]) / 2e-5 for e in 1e-5 * np.eye(theta.size)
            ])  # fmt: skip
            further = theta - np.linalg.lstsq((curvature + curvature.T) / 2, slopes, rcond=None)[0]
            other, flatter = self.objective(further)
            if not (other <= value + 1e-12 and np.abs(flatter).max() < np.abs(slopes).max()):
                break
            theta, value, slopes = further, other, flatter
        return (value, theta) if np.abs(slopes).max() < FLAT else (1e3, theta)

    def free(self) -> Minimum | None:
        """Return the best free steps of plain descent, if they are real."""
        x, weights = self.scaled.points, self.scaled.weights
        measure = weights * x * (self.tau**2 * x + self.sigma**2)
        used = measure > 0
        x, measure, pull = x[used], measure[used], self.tau**2 * (weights * x)[used]
        alpha, beta = lanczos(x, measure, min(self.K, x.size))
        c = orthonormal(x, alpha, beta, measure.sum()) @ pull
        loss = self.query / 2 * (self.tau**2 * weights.sum() - c @ c)
        far = x.max()
        nodes = np.cos(np.pi * (np.arange(c.size + 1) + 0.5) / (c.size + 1))
        at = far * (1 + nodes) / 2
        q = 1 - at * (c @ orthonormal(at, alpha, beta, measure.sum()))
        roots = far * (1 + chebroots(chebfit(nodes, q, c.size))) / 2
        if (np.abs(roots.imag) > 1e-9 * np.abs(roots)).any() or (roots.real <= 0).any():
            return None
        steps = np.append(np.sort(1 / roots.real), np.zeros(self.K - c.size))
        return Minimum(float(loss), tuple(steps.tolist()), ())


def _alike(value: float, theta: Array, other: float, there: Array) -> bool:
    return abs(value - other) < ALIKE and bool(np.abs(theta - there).max() < ALIKE * np.abs(theta).max())
