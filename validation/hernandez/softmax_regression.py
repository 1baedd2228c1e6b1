r"""Softmax regression on dense features with several classes: is what counts the features, or features x classes?

A teacher :math:`W^*` of K Gaussian features and C classes gives the classes of its samples. The student of the same
form minimises exactly

.. math:: (1-f)\,\mathbb E_x\,\mathrm{CE}(P^*(x),P_W(x)) + \frac fn\sum_{i\le n}\mathrm{CE}(c_i,P_W(x_i)) ,

the mean over inputs taken over many of them with the teacher's probabilities: an unlimited fresh stream. The damage is
the divergence of the student from the teacher on other inputs.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from minimodels.streams import FREE, generator
from validation.hernandez.readings import peak

Array = NDArray[np.float64]
STREAM = FREE + 3
K, SHARE, LOGITS = 24, 0.5, 1.5  # features, f, standard deviation of the teacher's logits
FRESH, TESTED, DRAWS = 3000, 3000, 8
SIZES = np.round(SHARE * K * 2.0 ** np.arange(-1.5, 5.1, 0.5))  # of the repeated set, .35 to 32 times f K


def divergences(classes: int, seed: int, sizes: Array = SIZES, f: float = SHARE) -> Array:
    """Return the divergence from the teacher, nats, over the sizes of a repeated set, each part of the next."""
    rng = generator(seed, STREAM)
    teacher = rng.standard_normal((K, classes)) * LOGITS / np.sqrt(K)
    fresh, tested = (rng.standard_normal((count, K)) for count in (FRESH, TESTED))
    repeated = rng.standard_normal((int(max(sizes)), K))
    chances = softmax(repeated @ teacher, axis=1).cumsum(1)
    labels = np.eye(classes)[(chances > rng.random((len(repeated), 1)) * chances[:, -1:]).argmax(1)]
    truth = log_softmax(tested @ teacher, axis=1)
    found = []
    for n in sizes.astype(int):
        inputs = np.vstack([fresh, repeated[:n]])
        targets = np.vstack([softmax(fresh @ teacher, axis=1), labels[:n]])
        weights = np.append(np.full(FRESH, (1 - f) / FRESH), np.full(n, f / n))
        learned = minimum(inputs, targets, weights, teacher)
        found.append((np.exp(truth) * (truth - log_softmax(tested @ learned, axis=1))).sum(1).mean())
    return np.array(found)


def minimum(inputs: Array, targets: Array, weights: Array, start: Array) -> Array:
    """Return the parameters of the least weighted cross-entropy."""

    def loss(flat: Array) -> tuple[float, Array]:
        logs = log_softmax(inputs @ flat.reshape(start.shape), axis=1)
        slope = inputs.T @ ((np.exp(logs) * targets.sum(1, keepdims=True) - targets) * weights[:, None])
        return -float(weights @ (targets * logs).sum(1)), slope.ravel()

    end = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"ftol": 1e-11, "gtol": 1e-6})
    return np.asarray(end.x.reshape(start.shape))


@lru_cache
def damage(classes: int) -> Array:
    """Return the divergence over draws and sizes."""
    return np.array([divergences(classes, seed) for seed in range(DRAWS)])


def worst_sizes(classes: int) -> Array:
    """Return the size of the largest mean damage with each draw left out in turn, to be used with `jackknifed`."""
    each = damage(classes)
    left = [each[np.arange(len(each)) != seed].mean(0) for seed in range(len(each))]
    return np.array([peak(SIZES, row) for row in left])


def worst_ratio(many: int, few: int) -> Array:
    """Return ln n* with many classes minus with few, as jackknife values: their mean and standard error are right."""
    whole = [np.log(peak(SIZES, damage(classes).mean(0))) for classes in (many, few)]
    left = [np.log(worst_sizes(classes)) for classes in (many, few)]
    return np.asarray(DRAWS * (whole[0] - whole[1]) - (DRAWS - 1) * (left[0] - left[1]))
