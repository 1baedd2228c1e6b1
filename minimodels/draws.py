"""Gaussian numbers by counter, and the contents of sequences made of them: the two inner loops of the data.

Number i of a key is a function of (key, i) alone: SplitMix64 of the counter, then Box-Muller, written without calls
and branches so that it vectorises (about ten times as fast as NumPy's ziggurat).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"}}


@njit("void(uint64, float32[::1])", **OPTIONS)
def normals(key: np.uint64, out: NDArray[np.float32]) -> None:
    """Fill ``out``, of even length, with independent N(0, 1) numbers (at most 6.8 in size: 33 bits of radius)."""
    half = out.size // 2
    for i in range(half):
        x = key + np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
        high, low = np.int64(x >> np.uint64(32)), np.int64(x & np.uint64(0xFFFFFFFF))
        # radius sqrt(-2 log u) with u = 2**k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2)
        bits = np.float64((np.float64(high) + 0.5) * 2.0**-32).view(np.int64)
        k = (bits - 4604544271217802189) >> 52
        f = np.int64(bits - (k << 52)).view(np.float64) - 1.0
        s = f / (2.0 + f)
        z = s * s
        log = np.float64(k) * 0.6931471805599453 + s * (
            2.0 + z * (2 / 3 + z * (2 / 5 + z * (2 / 7 + z * (2 / 9 + z * (2 / 11)))))
        )
        radius = math.sqrt(-2.0 * log)
        # an angle within an eighth of a turn either side of one of four directions
        quarter = low >> 30
        a = ((np.float64(low & 0x3FFFFFFF) + 0.5) * 2.0**-30 - 0.5) * (math.pi / 2)
        b = a * a
        sine = a * (1.0 + b * (-1 / 6 + b * (1 / 120 + b * (-1 / 5040 + b * (1 / 362880)))))
        cosine = 1.0 + b * (-1 / 2 + b * (1 / 24 + b * (-1 / 720 + b * (1 / 40320 - b * (1 / 3628800)))))
        first = sine if quarter & 1 else cosine
        second = cosine if quarter & 1 else sine
        out[i] = radius * (-first if quarter & 2 else first)
        out[half + i] = radius * (-second if quarter == 1 or quarter == 2 else second)


@njit(
    "void(float32[:,:,::1], float32[:,::1], float32[:,::1], int64[:,::1], float32[:,::1], int64[:,::1], float32, "
    "float32[:,:,::1])",
    **OPTIONS,
)
def contents(
    noise: NDArray[np.float32],
    means: NDArray[np.float32],
    novel: NDArray[np.float32],
    classes: NDArray[np.int64],
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    eps: np.float32,
    out: NDArray[np.float32],
) -> None:
    r"""Fill items :math:`(\mu_k+\epsilon\eta/\sqrt D)/\sqrt{1+\epsilon^2}` and labels, (n, 2N + 1, D), in turns.

    ``noise`` (n, N + 1, D) is standard normal; ``classes`` (n, N + 1) are rows of ``means`` and, beyond them, of
    ``novel``, ``labels`` (n, N) of ``vectors``, all of width D.
    """
    n, items, width = noise.shape
    known = len(means)
    one = np.float32(1.0 / math.sqrt(1.0 + eps * eps))
    part = np.float32(eps * one / math.sqrt(width))
    for i in range(n):
        for j in range(items):
            k = classes[i, j]
            # rows by name: loops over one index vectorise
            mean = means[k] if k < known else novel[k - known]
            item, eta = out[i, 2 * j], noise[i, j]
            for m in range(width):
                item[m] = one * mean[m] + part * eta[m]
        for j in range(items - 1):
            label, vector = out[i, 2 * j + 1], vectors[labels[i, j]]
            for m in range(width):
                label[m] = vector[m]
