"""The inner loop of the repeated-token data: a Markov chain in which segments are copied from earlier on.

Words of random bits by counter, as in `item_label_draws`: a sequence is a function of (key, number) alone.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from minimodels.tasks.item_label_draws import OPTIONS, below, unit, word


@njit("int64(float64[::1], float64)", **OPTIONS)
def place(cumulative: NDArray[np.float64], u: float) -> int:
    """The first place of which the cumulative probability is above u, by bisection."""
    low, high = 0, cumulative.size - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > u:
            high = middle
        else:
            low = middle + 1
    return low


@njit("void(uint64, int64[::1], float64[:,::1], float64, int64, int64, int64[:,::1], boolean[:,::1])", **OPTIONS)
def write(
    key: np.uint64,
    numbers: NDArray[np.int64],
    cumulative: NDArray[np.float64],
    begin: float,
    shortest: int,
    longest: int,
    tokens: NDArray[np.int64],
    copied: NDArray[np.bool_],
) -> None:
    """Fill tokens (n, T) of the sequences with these numbers, and which of them continue a copy.

    At every token outside a copy, and with `longest` tokens before it, a copy begins with probability `begin`: a
    length uniform in shortest..longest, a source uniform among all that ended before. All other tokens follow the
    chain with the `cumulative` (V, V) probabilities of the next token, the first is uniform.
    """
    T, V = tokens.shape[1], cumulative.shape[0]
    for s in range(numbers.size):
        own = word(key, numbers[s])
        draw, left, source = 0, 0, 0
        for t in range(T):
            copied[s, t] = left > 0
            if left == 0 and t >= longest:
                draw += 1
                if unit(own, draw) < begin:
                    left = shortest + below(own, draw + 1, longest - shortest + 1)
                    source = below(own, draw + 2, t - left + 1)
                    draw += 2
            if left > 0:
                tokens[s, t] = tokens[s, source]
                source += 1
                left -= 1
            else:
                draw += 1
                tokens[s, t] = place(cumulative[tokens[s, t - 1]], unit(own, draw)) if t else below(own, draw, V)
