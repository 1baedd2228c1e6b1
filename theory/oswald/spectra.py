r"""Expected spectra of the context's Gram matrix as weighted points: :math:`E\,\mathrm{tr}f(H)=\sum_iw_if(\lambda_i)`.

Four sources: exact moments (a Gauss-Radau rule with a point at 0, exact for polynomials of the degree of the moments),
the density of Gaussian inputs (exact for smooth f), its proportional limit (Marchenko-Pastur), and samples.

The density of the eigenvalues :math:`x=y^2` of a real Wishart matrix of sizes :math:`n\le m` is that of a Pfaffian
process (de Bruijn 1955): with normalised Laguerre functions :math:`u_j(y)\propto y^{m-n}e^{-y^2/2}L_j^{(m-n)}(y^2)`,

.. math::

    \rho(y) = \sum_{jk} (A^{-1})_{kj}\,E_j(y)\,u_k(y), \qquad E_j(y) = \int\mathrm{sgn}(y-y')\,u_j(y')\,dy', \qquad
    A_{jk} = \int E_j u_k\,dy

for even n; for odd n a particle at infinity is added.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, check_memory
from minimodels.gram_moments import moment
from theory.marchenko_pastur import atom, bulk
from theory.oswald.moments import HIGHEST_GAUSSIAN, Kappas, wishart

Array = NDArray[np.float64]
DIGITS = 80
PANEL = 20  # Gauss points of a panel of the density
LARGEST_WORK = 1e13  # multiplications for samples
HIGHEST_ORDER = 250  # of a polynomial whose mean the tail of the density still holds
LARGEST_DENSITY = 200  # smaller one of N and d


@dataclass(frozen=True)
class Spectrum:
    """Points and weights of an expected spectrum, and the degree of polynomials for which it is exact."""

    points: Array
    weights: Array
    degree: float

    def trace(self, values: Any) -> Any:
        """Return the expected trace of a function, given its values at the points."""
        return values @ self.weights

    def rule(self, degree: int) -> "Spectrum":
        """Return a rule of few points for polynomials up to a degree."""
        size = degree // 2 + 1
        if self.points.size <= size:
            return self
        alpha, beta = lanczos(self.points, self.weights, size)
        jacobi = np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1)
        points = np.asarray(np.linalg.eigvalsh(jacobi), dtype=np.float64)
        values = orthonormal(points, alpha, beta, self.weights.sum())  # the weights also of far points are exact
        return Spectrum(points, 1 / (values**2).sum(axis=0), min(degree, self.degree))


def lanczos(points: Array, weights: Array, size: int) -> tuple[Array, Array]:
    """Return the recurrence coefficients of the polynomials that are orthogonal for a discrete measure."""
    basis = np.zeros((size, points.size))
    basis[0] = np.sqrt(weights / weights.sum())
    alpha, beta = np.zeros(size), np.zeros(size - 1)
    for k in range(size):
        alpha[k] = basis[k] @ (points * basis[k])
        if k == size - 1:
            break
        rest = (points - alpha[k]) * basis[k] - (beta[k - 1] * basis[k - 1] if k else 0)
        for _ in range(2):
            rest -= (basis[: k + 1] @ rest) @ basis[: k + 1]
        beta[k] = np.linalg.norm(rest)
        if beta[k] < 1e-13 * points.max():  # no more points than these
            return alpha[: k + 1], beta[:k]
        basis[k + 1] = rest / beta[k]
    return alpha, beta


def orthonormal(x: Array, alpha: Array, beta: Array, mass: float) -> Array:
    """Return the orthonormal polynomials of a recurrence, for a measure of this mass, (degree, points)."""
    made = np.zeros((alpha.size, x.size))
    made[0] = mass**-0.5
    for k in range(beta.size):
        made[k + 1] = ((x - alpha[k]) * made[k] - (beta[k - 1] * made[k - 1] if k else 0)) / beta[k]
    return made


def of_moments(expected: list[Any]) -> Spectrum:
    """Return the rule with a point at 0 that has these traces of powers 0 .. 2n: exact up to the degree 2n."""
    degree = len(expected) - 1
    with mpmath.workdps(DIGITS):
        m = [mpmath.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else mpmath.mpf(x) for x in expected]
        for n in range(degree // 2, 0, -1):
            hankel = mpmath.matrix([[m[i + j + 1] / m[1] for j in range(n)] for i in range(n)])
            if n > 1 and abs(mpmath.det(hankel)) < mpmath.mpf(10) ** (20 - DIGITS) * mpmath.norm(hankel) ** n:
                continue  # fewer eigenvalues than points
            rest = mpmath.lu_solve(hankel, mpmath.matrix([-x / m[1] for x in m[n + 1 : 2 * n + 1]]))
            monic = [mpmath.mpf(1), *(rest[k] for k in range(n - 1, -1, -1))]
            points = [mpmath.mpf(0), *map(mpmath.re, mpmath.polyroots(monic, maxsteps=500, extraprec=400))]
            powers = mpmath.matrix([[x**k for x in points] for k in range(n + 1)])
            weights = mpmath.lu_solve(powers, mpmath.matrix(m[: n + 1]))
            break
        made = Spectrum(np.array(points, dtype=float), np.array(list(weights), dtype=float), degree)
    if made.points.min() < 0 or made.weights.min() < -1e-9 * made.weights.sum():
        raise InputError("no law has these standardised moments: the spectrum that they ask for has negative parts.")
    return made


@lru_cache(maxsize=64)
def exact(N: int, d: int, law: Kappas, degree: int) -> Spectrum:
    """Return the rule of the exact moments of a law at s = 1, for polynomials of an even degree."""
    return of_moments([d, *(moment(k, N, d, law) for k in range(1, degree + 1))])


@lru_cache(maxsize=64)
def on_a_sphere(N: int, d: int, degree: int) -> Spectrum:
    """Return the rule of Gaussian inputs divided by their common Frobenius norm."""
    if degree > HIGHEST_GAUSSIAN:
        raise InputError(
            f"inputs of norm 1 need moments up to the {degree}th, exact up to the {HIGHEST_GAUSSIAN}th only."
        )
    norms = np.cumprod([Fraction(N * d + 2 * k) for k in range(degree)])  # of powers of the trace, a chi-square
    return of_moments([d, *(wishart(k, N, d) / norms[k - 1] for k in range(1, degree + 1))])


@lru_cache(maxsize=16)
def marchenko_pastur(c: float, size: int = 4000) -> Spectrum:
    """Return the spectrum of H/(Ns), per dimension, in the limit of large sizes at d = cN."""
    points, weights = bulk(c, size)
    return Spectrum(np.append(points, 0.0), np.append(weights, atom(c)), math.inf)


@lru_cache(maxsize=16)
def gaussian(N: int, d: int) -> Spectrum:
    """Return the exact spectrum of Gaussian inputs of variance 1."""
    n, m = min(N, d), max(N, d)
    if n > LARGEST_DENSITY:
        raise InputError(f"the density of the spectrum is computed up to min(N, d) = {LARGEST_DENSITY}; got {n}.")
    bulk, middle = math.sqrt(m) + math.sqrt(n), max(0.0, math.sqrt(m) - math.sqrt(n) - 9)
    width = (bulk + 9 - middle) / (n + 8)
    edges = np.arange(middle, bulk + 9 + math.sqrt(2 * HIGHEST_ORDER) + width, width)
    if middle == 0:  # finer towards zero, for functions that change there
        edges = np.concatenate([[0.0], width * 0.5 ** np.arange(30, 0, -1), edges[1:]])
    x, w = np.polynomial.legendre.leggauss(PANEL)
    half = np.diff(edges) / 2
    y = (edges[:-1, None] + half[:, None] * (x + 1)).ravel()
    weight = (half[:, None] * w).ravel()
    u = _laguerre(y, n, m - n)
    inside = np.einsum("jpa,ba,p->jpb", u.reshape(n, -1, PANEL), _antiderivative(x), half)
    panels = np.einsum("jpa,a,p->jp", u.reshape(n, -1, PANEL), w, half)
    whole = panels.sum(1)
    before = np.cumsum(panels, axis=1) - panels
    signed = 2 * (before[:, :, None] + inside).reshape(n, -1) - whole[:, None]
    skew = signed * weight @ u.T
    if n % 2:
        skew = np.block([[skew, whole[:, None]], [-whole[None, :], np.zeros((1, 1))]])
        u, signed = np.vstack([u, np.zeros_like(y)]), np.vstack([signed, -np.ones_like(y)])
    inverse = np.linalg.inv((skew - skew.T) / 2)
    density = np.sum(u * (inverse @ signed), axis=0) - np.sum(signed * (inverse @ u), axis=0)
    return Spectrum(np.append(y**2, 0.0), np.append(density / 2 * weight, float(d - n)), HIGHEST_ORDER)


def _laguerre(y: Array, n: int, alpha: int) -> Array:
    """Return the first n normalised Laguerre functions of y^2, (n, points)."""
    x = y**2
    made = np.zeros((n, y.size))
    with np.errstate(divide="ignore"):
        made[0] = np.exp(alpha / 2 * np.log(x) - x / 2 - math.lgamma(alpha + 1) / 2) if alpha else np.exp(-x / 2)
    for j in range(n - 1):
        last = math.sqrt(j * (j + alpha)) * made[j - 1] if j else 0.0
        made[j + 1] = ((2 * j + 1 + alpha - x) * made[j] - last) / math.sqrt((j + 1) * (j + 1 + alpha))
    return made


def _antiderivative(x: Array) -> Array:
    """Return the matrix that integrates from -1 to each of these Gauss points."""
    values = np.polynomial.legendre.legvander(x, x.size)
    slopes = (values[:, 2:] - values[:, :-2]) / (2 * np.arange(1, x.size) + 1)
    return np.asarray(np.column_stack([x + 1, slopes]) @ np.linalg.inv(values[:, :-1]))


SAMPLERS: dict[str, Any] = {
    "uniform": lambda rng, shape: rng.uniform(-math.sqrt(3), math.sqrt(3), shape),
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "laplace": lambda rng, shape: rng.laplace(0, math.sqrt(0.5), shape),
    "rademacher": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
}


def sampled(N: int, d: int, law: str, count: int, seed: int, part: int = 0) -> Array:
    """Return the eigenvalues of sampled H at s = 1, (count, d); ``part`` numbers independent samples of a seed."""
    n, m = min(N, d), max(N, d)
    check_memory(16.0 * (count * d + n * m), f"{count} spectra")
    if count * n * m * n > LARGEST_WORK:
        raise InputError(f"{count} spectra of {N} points in {d} dimensions would take hours; ask for fewer or smaller.")
    rng = np.random.default_rng([seed, part])
    block = max(1, 2**22 // (n * m))
    made = np.zeros((count, d))
    for start in range(0, count, block):
        size = min(block, count - start)
        x = SAMPLERS[law](rng, (size, n, m))
        made[start : start + size, :n] = np.linalg.eigvalsh(x @ x.transpose(0, 2, 1)).clip(0)
    return made


def of_samples(eigenvalues: Array) -> Spectrum:
    """Return the spectrum of samples, (count, d)."""
    count, _ = eigenvalues.shape
    return Spectrum(eigenvalues.ravel(), np.full(eigenvalues.size, 1 / count), math.inf)
