r"""Experiments without attention: linear regression by SGD on a mixture, and the table of one-hot bigrams.

**Linear regression.** Labels :math:`y=x\cdot\theta^*+\varepsilon` of Gaussian inputs in p dimensions, several outputs
on the same inputs, noise of variance 1. Of every minibatch the share f is drawn from n fixed samples, the rest is new.
Parameters are averaged after the start is forgotten. A single run has noise of its own on top of what the repeated set
costs, so that two runs on one repeated set, with separate streams, are multiplied:

.. math:: V = \big\langle(\bar\theta_1-\theta^*)\cdot(\bar\theta_2-\theta^*)\big\rangle , \qquad
          E_\mathrm{rep} = \frac1n\sum_i e_{1i}\,e_{2i} ,

which for this linear iteration have no bias by learning rate or length. The labels' noise is averaged out with the
ridge solution of the same labels, whose mean over them is known: `control` holds what is subtracted and what is added.

**One-hot bigrams.** K contexts x of equal frequency, next tokens by rows P of a Dirichlet law; c are the counts of n
repeated bigrams. The exact minimum of the mixture's loss is

.. math:: q(z|x) = \frac{(1-f)\pi_xP(z|x)+f\,c_{xz}/n}{(1-f)\pi_x+f\,c_x/n} .
"""

import math
from functools import lru_cache

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from minimodels.streams import FREE, generator

Array = NDArray[np.float64]
STREAM, BIGRAMS = FREE + 1, FREE + 2
BATCH, LR, FORGOTTEN = 50, 0.1, 8.0  # samples, learning rate, relaxation times before parameters are averaged
OUTPUTS, DRAWS = 16, 8
DIRECTIONS = {0.1: 400, 0.5: 200, 0.9: 200}  # p by f: no repeated set of less than 16 samples
AVERAGED = {0.1: 700, 0.5: 400, 0.9: 700}  # steps
POSITIONS = (0.4, 1.0, 2.5)  # y = f p/n


def descended(x: Array, labels: Array, truth: Array, f: float, steps: int, rng: np.random.Generator) -> Array:
    """Return the parameters of one run of SGD, averaged over its last steps."""
    p, outputs = truth.shape
    again = round(f * BATCH)
    start = math.ceil(FORGOTTEN / (LR * (1 - f)))
    kept, kept_labels, true = (np.asarray(each, np.float32) for each in (x, labels, truth))
    theta, total = np.zeros((p, outputs), np.float32), np.zeros((p, outputs))
    inputs, targets = np.empty((BATCH, p), np.float32), np.empty((BATCH, outputs), np.float32)
    for step in range(start + steps):
        chosen = rng.integers(len(x), size=again)
        inputs[:again], targets[:again] = kept[chosen], kept_labels[chosen]
        fresh = rng.standard_normal(dtype=np.float32, out=inputs[again:])
        targets[again:] = fresh @ true + rng.standard_normal((BATCH - again, outputs), dtype=np.float32)
        theta -= np.float32(LR / BATCH) * (inputs.T @ (inputs @ theta - targets))
        if step >= start:
            total += theta
    return total / steps


def control(x: Array, noise: Array, f: float) -> tuple[Array, Array]:
    """Return excess and squared error on the samples of the ridge solution: with these labels, and in the mean."""
    n, p = x.shape
    s, vectors = np.linalg.eigh(x.T @ x / n)
    h = 1 - f + f * s
    solved = vectors @ ((vectors.T @ (f * x.T @ noise / n)) / h[:, None])
    here = [(solved**2).sum(0).mean(), ((noise - x @ solved) ** 2).mean()]
    mean = [f**2 / n * np.sum(s / h**2), 1 - p / n + np.sum((1 - f * s / h) ** 2) / n]
    return np.array(here), np.array(mean)


def regression(f: float, n: int, p: int, *, seed: int, outputs: int = OUTPUTS, steps: int = 800) -> Array:
    """Return excess and squared error on the repeated set, on one draw of it.

    Two runs of SGD are multiplied and the noise of the labels is averaged out. The third number is the excess of a
    single run.
    """
    rng = generator(seed, STREAM)
    x, noise = rng.standard_normal((n, p)), rng.standard_normal((n, outputs))
    truth = rng.standard_normal((p, outputs)) / math.sqrt(p)
    labels = x @ truth + noise
    one, two = (descended(x, labels, truth, f, steps, rng) - truth for _ in range(2))
    found = np.array([(one * two).sum(0).mean(), ((noise - x @ one) * (noise - x @ two)).mean()])
    here, mean = control(x, noise, f)
    return np.append(found - here + mean, (one**2).sum(0).mean())


@lru_cache
def regressions() -> xr.Dataset:
    """Return ``excess``, ``rep`` (squared error on the repeated set) and ``single`` over f, y and draws.

    ``at`` is the exact y of the whole number of samples, n.
    """
    shape = (len(DIRECTIONS), len(POSITIONS))
    found, at, sizes = np.empty((*shape, DRAWS, 3)), np.empty(shape), np.empty(shape, int)
    for i, (f, p) in enumerate(DIRECTIONS.items()):
        for j, y in enumerate(POSITIONS):
            n = sizes[i, j] = round(f * p / y)
            at[i, j] = f * p / n
            found[i, j] = [regression(f, n, p, seed=seed, steps=AVERAGED[f]) for seed in range(DRAWS)]
    names = ("excess", "rep", "single")
    return xr.Dataset(
        {name: (("f", "y", "seed"), found[..., k]) for k, name in enumerate(names)}
        | {"at": (("f", "y"), at), "n": (("f", "y"), sizes), "p": ("f", list(DIRECTIONS.values()))},
        {"f": list(DIRECTIONS), "y": list(POSITIONS), "seed": np.arange(DRAWS)},
    )


def table(counts: Array, P: Array, f: float) -> Array:
    """Return the exact minimum q(z|x) of the mixture's loss over tables, all contexts equally frequent."""
    share, n = 1 / len(P), counts.sum()
    whole = (1 - f) * share + f * counts.sum(1) / n
    return ((1 - f) * share * P + f * counts / n) / whole[:, None]


def bigrams(f: float, alpha: float, sizes: Array, *, K: int = 128, draws: int = 8) -> Array:
    """Return the excess of the test loss, nats a token, over draws and the number of repeated bigrams."""
    found = np.empty((draws, len(sizes)))
    for seed in range(draws):
        rng = generator(seed, BIGRAMS)
        P = np.maximum(rng.dirichlet(np.full(K, alpha), size=K), 1e-300)
        for k, n in enumerate(sizes):
            contexts = rng.multinomial(int(n), np.full(K, 1 / K))
            counts = rng.multinomial(contexts, P / P.sum(1, keepdims=True)).astype(float)
            found[seed, k] = (P * (np.log(P) - np.log(table(counts, P, f)))).sum(1).mean()
    return found
