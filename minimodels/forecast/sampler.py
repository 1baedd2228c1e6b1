r"""Adaptive importance sampling of standard normal unknowns, given a likelihood.

The first draws come from the prior. Then, again and again, a mixture of Student distributions is placed where the
weight is, with the likelihood tempered to a power that keeps the effective sample size

.. math:: \mathrm{ESS} = \frac{(\sum_i w_i)^2}{\sum_i w_i^2}

large, until the power is one. All draws count, each against the mixture of everything it could have come from
(population Monte Carlo: Cappé et al., Stat. Comput. 18 (2008) 447; all past draws: Cornuet et al., Scand. J. Stat. 39
(2012) 798).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import gammaln, logsumexp

from minimodels.engine.kernel import Floats

FIRST = 0.25  # share of the draws that come from the prior
ROUNDS = 12  # of refinement, at most
CENTRES = 48
FREEDOM = 5.0
KEPT = 100.0  # effective sample size that tempering keeps
ENOUGH = 4000.0


@dataclass(frozen=True)
class Weighted:
    """Draws z (n, d) with normalised weights (n,), and how far the tempering came (1: all the way)."""

    z: Floats
    weight: Floats
    power: float

    @property
    def ess(self) -> float:
        """Effective sample size."""
        return 1 / float((self.weight**2).sum())

    def resampled(self, count: int, rng: np.random.Generator) -> Floats:
        """Return draws of equal weight (systematic resampling)."""
        where = (np.arange(count) + rng.random()) / count
        return self.z[np.minimum(np.searchsorted(np.cumsum(self.weight), where), len(self.z) - 1)]


@dataclass(frozen=True)
class Mixture:
    """Student distributions of one shape around several centres."""

    centres: Floats
    factor: Floats

    @classmethod
    def at(cls, draws: Weighted, rng: np.random.Generator) -> "Mixture":
        """Place one where the weight is: centres drawn towards their mean, so that the spread stays."""
        d = draws.z.shape[1]
        mean = draws.weight @ draws.z
        off = draws.z - mean
        spread = (off * draws.weight[:, None]).T @ off + 1e-6 * np.eye(d)
        width = (4 / (d + 2)) ** (1 / (d + 4)) * CENTRES ** (-1 / (d + 4))
        centres = mean + np.sqrt(1 - width**2) * (draws.resampled(CENTRES, rng) - mean)
        return cls(centres, width * np.linalg.cholesky(spread))

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Return draws (count, d)."""
        d = self.centres.shape[1]
        normal = rng.standard_normal((count, d)) @ self.factor.T
        tail = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, count))[:, None]
        return self.centres[rng.integers(len(self.centres), size=count)] + normal * tail

    def log_density(self, z: Floats) -> Floats:
        """Logarithm of the density at z (n, d)."""
        d = z.shape[1]
        flat = solve_triangular(self.factor, z.T, lower=True).T
        middle = solve_triangular(self.factor, self.centres.T, lower=True).T
        distance = (flat**2).sum(1)[:, None] + (middle**2).sum(1) - 2 * flat @ middle.T
        kernel = -(FREEDOM + d) / 2 * np.log1p(np.maximum(distance, 0) / FREEDOM)
        norm = gammaln((FREEDOM + d) / 2) - gammaln(FREEDOM / 2) - d / 2 * np.log(FREEDOM * np.pi)
        norm -= np.log(np.diag(self.factor)).sum() + np.log(len(self.centres))
        return np.asarray(logsumexp(kernel, axis=1) + norm, np.float64)


def importance_sample(
    log_likelihood: Callable[[Floats], Floats], d: int, total: int, rng: np.random.Generator
) -> Weighted:
    """Draw ``total`` unknowns at most and weight them by the likelihood."""
    count = max(int(FIRST * total), 1)
    later = max((total - count) // ROUNDS, 1)
    z = rng.standard_normal((count, d))
    fit = log_likelihood(z)
    mixtures: list[Mixture] = []
    counts = [count]
    density = [log_normal(z)]  # of every round's draws: columns are added
    found = _weighted(z, fit, np.array(density), counts)
    for _ in range(ROUNDS):
        if (found.power == 1 and found.ess > ENOUGH) or not np.isfinite(fit).any():
            break
        mixtures.append(Mixture.at(found, rng))
        density.append(mixtures[-1].log_density(z))
        new = mixtures[-1].draw(later, rng)
        counts.append(later)
        at_new = np.array([log_normal(new), *(m.log_density(new) for m in mixtures)])
        density = list(np.concatenate([np.array(density), at_new], axis=1))
        fit = np.concatenate([fit, log_likelihood(new)])
        z = np.concatenate([z, new])
        found = _weighted(z, fit, np.array(density), counts)
    return found


def log_normal(z: Floats) -> Floats:
    """Logarithm of the standard normal density at z (n, d)."""
    return np.asarray(-0.5 * (z**2).sum(1) - 0.5 * z.shape[1] * np.log(2 * np.pi), np.float64)


def _weighted(z: Floats, fit: Floats, density: Floats, counts: list[int]) -> Weighted:
    """Weight draws by prior and tempered likelihood over the mixture of all that was drawn from."""
    shares = np.array(counts) / sum(counts)
    base = log_normal(z) - logsumexp(density + np.log(shares)[:, None], axis=0)

    def at(power: float) -> Weighted:
        raw = base + np.where(np.isfinite(fit), power * np.where(np.isfinite(fit), fit, 0), -np.inf)
        if not np.isfinite(raw).any():
            return Weighted(z, np.full(len(z), 1 / len(z)), 0.0)
        weight = np.exp(raw - raw.max())
        return Weighted(z, weight / weight.sum(), power)

    whole = at(1.0)
    if whole.power == 0 or whole.ess >= KEPT:
        return whole
    low, high = -8.0, 0.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if at(10**middle).ess >= KEPT else (low, middle)
    return at(10**low)
