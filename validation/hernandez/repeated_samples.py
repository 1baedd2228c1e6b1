r"""A linear flow on a fresh stream and one drawn set of repeated samples, solved exactly, any covariance.

With :math:`H=(1-f)\Sigma+f\hat\Sigma` the noise of the labels, averaged, leaves at time t the excess

.. math:: V = \frac{f^2}{n^2}\,\mathrm{Tr}\,\Sigma_e\,G X^\top X G, \qquad G = H^{-1}(1-e^{-Ht}),

measured with inputs of covariance :math:`\Sigma_e`. Matrices are drawn and taken apart; no random-matrix theory.
"""

import math

import numpy as np
from numpy.typing import NDArray

from minimodels.streams import FREE, generator

Array = NDArray[np.float64]
STREAM = FREE  # of draws of repeated sets


def drawn_excess(
    spectrum: Array, n: int, f: float, seed: int, *, time: float = math.inf, evaluation: Array | None = None
) -> Array:
    """Return the excess on one draw, in units of the noise: with the inputs of training, and with those evaluated.

    ``spectrum`` and ``evaluation`` are the variances of the directions.
    """
    x = generator(seed, STREAM).standard_normal((n, spectrum.size)) * np.sqrt(spectrum)
    h, vectors = np.linalg.eigh(np.diag((1 - f) * spectrum) + f * x.T @ x / n)
    reach = 1 / h if math.isinf(time) else -np.expm1(-h * time) / h
    moved = ((vectors * reach) @ (vectors.T @ x.T)) ** 2
    each = f**2 / n**2 * moved.sum(1)
    return np.array([weights @ each for weights in (spectrum, spectrum if evaluation is None else evaluation)])


def worst_size(p: int, sizes: Array, *, f: float, power: float, time: float, draws: int) -> Array:
    """Return the n of the largest excess, draw by draw, where the variances are k^-power and training ends in time."""
    from validation.hernandez.readings import peak

    spectrum = np.arange(1, p + 1.0) ** -power
    rows = [[drawn_excess(spectrum, int(n), f, seed, time=time)[0] for n in sizes] for seed in range(draws)]
    return np.array([peak(sizes, np.array(row)) for row in rows])
