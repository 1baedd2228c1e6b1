r"""What no learner can beat: the risk of the Bayes predictor, and limits of large context and dimension."""

import math
from dataclasses import dataclass

import numpy as np

from minimodels.errors import check_between, check_choice, check_whole
from minimodels.gram_moments import LAWS
from theory.oswald.loss import scales
from theory.oswald.optimum import DEEPEST
from theory.oswald.spectra import gaussian, sampled

CONTINUOUS = ("uniform", "gaussian", "laplace")  # laws whose contexts have full rank


@dataclass(frozen=True)
class BayesRisk:
    """Half the mean squared error of the Bayes predictor, its standard error (0: exact), and that of zero."""

    loss: float
    error: float
    zero_loss: float


def bayes_risk(
    N: int,
    d: int,
    *,
    law: str = "uniform",
    s: float = 1 / 12,
    tau: float = 1.0,
    sigma: float = 0.0,
    spectra: int = 100_000,
    seed: int = 0,
) -> BayesRisk:
    r"""Return the risk of :math:`w_B=(H+\sigma^2/\tau^2)^{-1}Xy`.

    .. math::

        \mathcal L_B = \frac{s\sigma^2}2\,E\,\mathrm{tr}\Big(H+\frac{\sigma^2}{\tau^2}\Big)^{-1}
        \ \xrightarrow{\sigma\to0}\ \frac{s\tau^2}2\max(d-N,0)

    Parameters
    ----------
    N, d : int
        Points in the context, dimension.
    law : {"uniform", "gaussian", "laplace", "rademacher"}
        Law of a coordinate. Without noise exact for the continuous ones; with noise exact for Gaussian inputs.
    s, tau, sigma : float
        Variance of a coordinate; standard deviations of a weight of the task and of the labels' noise.
    spectra, seed : int
        Sampled spectra where it is not exact.

    Raises
    ------
    InputError
        For what cannot be.

    Examples
    --------
    >>> bayes_risk(8, 10).loss == 2 / 12 / 2
    True
    >>> round(bayes_risk(20, 5, law="gaussian", s=1, sigma=0.1).loss, 6)  # 0.001786 by least squares
    0.001784
    """
    N, d = check_whole(N, "`N`", high=10**6), check_whole(d, "`d`", high=10**6)
    check_choice(law, "`law`", LAWS)
    s, tau, sigma = scales(s, tau, sigma)
    count, seed = check_whole(spectra, "`spectra`", low=2), check_whole(seed, "`seed`", low=0)
    zero = s * tau**2 * d / 2
    if sigma == 0 and law in CONTINUOUS:
        return BayesRisk(s * tau**2 * max(d - N, 0) / 2, 0.0, zero)

    def variance(x: np.ndarray) -> np.ndarray:
        """The posterior variance of the task along an eigenvector."""
        return 1 / (s * x / sigma**2 + tau**-2) if sigma else tau**2 * (x < 1e-9)

    if law == "gaussian":
        spectrum = gaussian(N, d)
        return BayesRisk(float(s / 2 * spectrum.trace(variance(spectrum.points))), 0.0, zero)
    risks = s / 2 * variance(sampled(N, d, law, count, seed)).sum(1)
    return BayesRisk(float(risks.mean()), float(risks.std(ddof=1) / math.sqrt(count)), zero)


def proportional_loss(c: float, K: float = math.inf) -> float:
    r"""Return the loss of K free steps of GD relative to that of zero, for large N and d = cN without noise.

    .. math:: \frac{\mathcal L_K}{\mathcal L_0} = \frac{c^K}{1+c+\dots+c^K}, \qquad
              \frac{\mathcal L_\infty}{\mathcal L_0} = \max(1-1/c, 0)

    Parameters
    ----------
    c : float
        d/N.
    K : int or infinity
        Steps; infinity, the default, is the Bayes predictor.

    Examples
    --------
    >>> proportional_loss(1, 3), proportional_loss(2)
    (0.25, 0.5)
    """
    c = check_between(c, "`c`", 1e-6, 1e6)
    if isinstance(K, float) and math.isinf(K) and K > 0:
        return max(1 - 1 / c, 0.0)
    return float(1 / sum(c**-j for j in range(check_whole(K, "`K`", high=DEEPEST) + 1)))
