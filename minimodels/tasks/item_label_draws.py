"""Random numbers by counter, and the two inner loops of the data: which classes, and what the tokens hold.

Word i of a key is SplitMix64 of (key, i); a sequence has a key of its own, word `index` of that of its stream, and so
is a function of (seed, index) alone. Gaussian numbers are Box-Muller's, written without library calls and branches so
that they vectorise (about ten times as fast as NumPy's ziggurat).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"}}
BLOCK = 128  # sequences that share the means of novel classes: the paper's minibatch
NOISE, MEANS = 2**40, 2**41  # words that are keys of Gaussian numbers: of noise, of means of novel classes


@njit("uint64(uint64, int64)", **OPTIONS)
def word(key: np.uint64, i: int) -> np.uint64:
    """64 random bits."""
    x = key + np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit("float64(uint64, int64)", **OPTIONS)
def unit(key: np.uint64, i: int) -> float:
    """A uniform number in [0, 1)."""
    return np.int64(word(key, i) >> np.uint64(11)) * 2.0**-53


@njit("int64(uint64, int64, int64)", **OPTIONS)
def below(key: np.uint64, i: int, end: int) -> int:
    """A uniform whole number in [0, end), up to end/2**32 of its probability."""
    return int((np.int64(word(key, i) >> np.uint64(32)) * end) >> 32)


@njit("void(uint64, float32[::1])", **OPTIONS)
def normals(key: np.uint64, out: NDArray[np.float32]) -> None:
    """Fill ``out``, of even length, with independent N(0, 1) numbers (at most 6.8 in size: 33 bits of radius)."""
    half = out.size // 2
    for i in range(half):
        x = word(key, i)
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


@njit("int64(uint64, int64, int64, float64[::1])", **OPTIONS)
def any_class(key: np.uint64, i: int, number: int, cumulative: NDArray[np.float64]) -> int:
    """A class of the given cumulative frequencies; of ``number`` alike, if there are none."""
    if cumulative.size == 0:
        return below(key, i, number)
    return int(np.searchsorted(cumulative, unit(key, i), side="right"))


@njit(
    "void(uint64, int64, float64, float64, int64, int64, int64, int64, int64, boolean, float64[::1], float64[::1], "
    "int64[::1], int64[:,::1])",
    **OPTIONS,
)
def choose(
    key: np.uint64,
    first: int,
    p_novel: float,
    p_bursty: float,
    distinct: int,
    L: int,
    K: int,
    pool: int,
    shifts: int,
    unique: bool,
    cumulative: NDArray[np.float64],
    absent: NDArray[np.float64],
    shift: NDArray[np.int64],
    classes: NDArray[np.int64],
) -> None:
    """Fill the shift (n,) and the classes (n, N + 1), target last, of sequences ``first``, ...; labels are modulo L.

    Classes from K on are novel: those of a pool of this size, or, without one, of this sequence alone. A context has
    ``distinct`` classes in random order, equally often, with different labels if ``unique``, and a target among them;
    or, neither novel nor bursty, all are independent, with the target not in the context if ``absent`` gives its law.
    """
    n, N = classes.shape[0], classes.shape[1] - 1
    picked = np.empty(distinct, np.int64)
    none = cumulative[:0]
    for s in range(n):
        own = word(key, first + s)
        novel = unit(own, 0) < p_novel
        shift[s] = below(own, 1, shifts)
        row = classes[s]
        i = 4  # words 2 and 3: bursty or not, the slot asked for
        if not novel and unit(own, 2) >= p_bursty:
            row[N] = any_class(own, i, K, absent if absent.size else cumulative)
            for j in range(N):
                i += 1
                row[j] = any_class(own, i, K, cumulative)
                while absent.size and row[j] == row[N]:
                    i += 1
                    row[j] = any_class(own, i, K, cumulative)
            continue
        number = K if not novel else pool if pool else L
        for k in range(distinct):
            again = True
            while again:
                i += 1
                picked[k] = any_class(own, i, number, none if novel or unique else cumulative)
                again = False
                for m in range(k):
                    again |= unique and (picked[m] - picked[k]) % L == 0
        for j in range(N):  # every order of the slots is as likely
            i += 1
            m = below(own, i, j + 1)
            row[j] = row[m]
            row[m] = j % distinct
        for j in range(N):
            place = row[j]
            row[j] = picked[place] + (K + (0 if pool else L * place) if novel else 0)
        row[N] = row[below(own, 3, N)]


@njit(
    "void(uint64, int64, int64, float32[:,::1], int64[:,::1], float32[:,::1], int64[:,::1], float32, float32[:,:,::1])",
    **OPTIONS,
)
def contents(
    key: np.uint64,
    first: int,
    pool: int,
    means: NDArray[np.float32],
    classes: NDArray[np.int64],
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    eps: np.float32,
    out: NDArray[np.float32],
) -> None:
    r"""Fill items :math:`(\mu_k+\epsilon\eta/\sqrt D)/\sqrt{1+\epsilon^2}` and labels, (n, 2N + 1, D), in turns.

    ``classes`` (n, N + 1) are rows of ``means`` (K, D), and from K on novel, their means drawn here: a ``pool`` for
    every block or, where that is 0, one for every place in a sequence. ``labels`` (n, N) are rows of ``vectors`` (L,
    D). Sequences and key as for `choose`.
    """
    n, items, known, width = *classes.shape, *means.shape
    L = len(vectors)
    one = np.float32(1.0 / math.sqrt(1.0 + eps * eps))
    root = np.float32(one / math.sqrt(width))
    part = np.float32(eps * root)
    size, rows = items * width, pool if pool else items
    numbers, means_of = np.zeros(size + size % 2, np.float32), np.empty(rows * width + rows * width % 2, np.float32)
    noise, novel = numbers[:size].reshape(items, width), means_of[: rows * width].reshape(rows, width)
    held = -1  # the block whose means are there
    for s in range(n):
        own, block = word(key, first + s), (first + s) // BLOCK
        if eps > 0:
            normals(word(own, NOISE), numbers)
        # rows by name, and no choice between arrays: loops over one index vectorise
        if classes[s, 0] < known:
            for j in range(items):
                item, mean, eta = out[s, 2 * j], means[classes[s, j]], noise[j]
                for m in range(width):
                    item[m] = one * mean[m] + part * eta[m]
        else:
            if pool and block != held:
                normals(word(word(key, MEANS), block), means_of)
                held = block
            elif not pool:
                normals(word(own, MEANS), means_of)
            for j in range(items):
                k = classes[s, j] - known
                item, mean, eta = out[s, 2 * j], novel[k if pool else k // L], noise[j]
                for m in range(width):
                    item[m] = root * mean[m] + part * eta[m]
        for j in range(items - 1):
            label, vector = out[s, 2 * j + 1], vectors[labels[s, j]]
            for m in range(width):
                label[m] = vector[m]
