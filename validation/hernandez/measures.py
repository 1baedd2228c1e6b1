"""What is read off a language model, from plain arrays: its attention, the scores behind it, and the tokens."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def prefix_matching(attention: Floats, tokens: NDArray[np.integer]) -> NDArray[np.float64]:
    """Prefix-matching score (..., H), from attention (..., n, H, T, T) and tokens (..., n, T), of every head.

    Row t of the attention predicts token t. Its column j is token j - 1, column 0 a first token that is the same
    everywhere. The score of a row is its attention to all tokens that followed an earlier occurrence of token t - 1;
    the mean is over the rows for which there is one.

    Olsson et al. (2022), In-context learning and induction heads; as corrected, over all earlier occurrences.
    """
    after = followers(tokens)
    hit = np.einsum("...hij,...ij->...hi", attention, after.astype(attention.dtype))  # (..., n, H, T)
    rows = after.any(-1).sum((-1, -2))
    return np.asarray(hit.sum((-3, -1)) / np.maximum(rows, 1)[..., None], np.float64)


def of_scores(scores: Floats, tokens: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Margin and variance (..., H) of scores (..., n, H, T, T), of every head; for rows as in `prefix_matching`.

    Margin: the mean score of the tokens that followed an earlier occurrence minus the mean of all others that are
    visible. Variance: that of these others, within a row.
    """
    after = followers(tokens)
    T = tokens.shape[-1]
    others = np.tri(T, dtype=bool) & ~after
    rows: NDArray[np.bool_] = np.any(after, axis=-1)[..., None, :]  # (..., n, 1, T)

    def mean(values: Floats, among: NDArray[np.bool_]) -> Floats:
        weights = among[..., None, :, :]
        return np.where(weights, values, 0).sum(-1) / np.maximum(weights.sum(-1), 1)

    one, other = mean(scores, after), mean(scores, others)
    scatter = mean((scores - other[..., None]) ** 2, others)
    number = np.maximum(rows.sum((-3, -1)), 1)
    margin, variance = (np.where(rows, value, 0).sum((-3, -1)) / number for value in (one - other, scatter))
    return np.asarray(margin, np.float64), np.asarray(variance, np.float64)


def followers(tokens: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which columns (..., T, T) hold a token that followed an earlier occurrence of the token before the row's own."""
    T = tokens.shape[-1]
    current = tokens[..., :-1]
    same: NDArray[np.bool_] = np.equal(current[..., :, None], current[..., None, :])
    earlier = np.tri(T - 1, k=-1, dtype=bool) & same  # of i at j < i
    found = np.zeros((*tokens.shape, T), bool)
    found[..., 1:, 2:] = earlier[..., :-1]  # row i + 1, column of token j + 1: j + 2
    return found
