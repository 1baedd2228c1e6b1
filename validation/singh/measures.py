"""Measures of a transformer on exemplar-label sequences, as functions of plain arrays.

Leading axes (seeds) are kept, the axis of the sequences n is averaged over. Labels of the context are (..., n, P), the
label that is asked for (..., n); tokens are exemplar, label, ..., query, and count from 0.

Networks of your own, with TransformerLens
------------------------------------------
What ``logits, cache = model.run_with_cache(tokens)`` gives (detached, on the CPU) goes in as it is, by the same axes;
leave a token in front of the sequence out of the rows and columns of patterns. Here both are made up, of a perfect pair
of heads; items are the tokens 7 and 9, labels the tokens 3 and 1:

>>> tokens = np.array([[7, 3, 9, 1, 7]])
>>> labels, target = tokens[:, 1::2], np.array([3])
>>> cache = {f"blocks.{layer}.attn.hook_pattern": np.zeros((1, 1, 5, 5)) for layer in (0, 1)}
>>> cache["blocks.0.attn.hook_pattern"][0, 0] = np.eye(5, k=-1)  # rows attend to the token before
>>> cache["blocks.1.attn.hook_pattern"][0, 0, -1, 1] = 1.0  # the query to the token behind its copy
>>> previous_token_strength(cache["blocks.0.attn.hook_pattern"])
array([1.])
>>> induction_strength(cache["blocks.1.attn.hook_pattern"][:, :, -1], labels, target)
array([1.])
>>> logits = np.zeros((1, 5, 12))
>>> logits[0, -1, 3] = 20.0
>>> found = readings(logits[:, -1], labels, target)
>>> found["accuracy"].item(), round(found["context_mass"].item(), 3)
(1.0, 1.0)

`composition_scores` takes its ``W_O`` and ``W_Q``, ``W_K`` or ``W_V``; those of ``from_pretrained`` have the scale of
LayerNorm folded in, unless told otherwise.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minimodels.errors import InputError, check_between, check_whole

Array = NDArray[np.float64]


def induction_strength(attention: ArrayLike, labels: ArrayLike, target: ArrayLike) -> Array:
    """Attention to label tokens that equal the target minus that to the others, a mean over each, by head (..., H).

    `attention` (..., n, H, T) is the query's row. Positive on flipped labels: in context; negative: in weights.

    Examples
    --------
    >>> induction_strength([[[0.0, 0.7, 0.0, 0.2, 0.1]]], [[3, 1]], [3])
    array([0.5])
    """
    rows = np.asarray(attention, float)[..., 1::2]
    right = (np.asarray(labels) == np.asarray(target)[..., None])[..., None, :]

    def mean(of: Array, where: NDArray[np.bool_]) -> Array:
        return np.asarray((of * where).sum(-1) / np.maximum(where.sum(-1), 1))

    return np.asarray((mean(rows, right) - mean(rows, ~right)).mean(-2))


def previous_token_strength(attention: ArrayLike, *, corrected: bool = False, labels_only: bool = False) -> Array:
    """Attention a = A[i, i - 1] of `attention` (..., n, H, T, T), a mean over rows i >= 1, by head (..., H).

    Corrected for chance it is a - (1 - a)/i, which is 0 if all i + 1 visible tokens get the same.

    Examples
    --------
    >>> uniform = np.tril(np.ones((5, 5))) / np.arange(1, 6)[:, None]
    >>> previous_token_strength(uniform[None, None], corrected=True).round(12) + 0
    array([0.])
    """
    a = np.diagonal(np.asarray(attention, float), offset=-1, axis1=-2, axis2=-1)  # of rows 1, ..., T - 1
    row = np.arange(1, a.shape[-1] + 1)
    if corrected:
        a = a - (1 - a) / row
    return np.asarray((a[..., 0::2] if labels_only else a).mean(-1).mean(-2))


def readings(logits: ArrayLike, labels: ArrayLike, target: ArrayLike) -> dict[str, Array]:
    """What the query's logits (..., n, K) are worth, each (...).

    ====================  ==================================================================================
    loss                  mean of -log p(target)
    accuracy              share of sequences whose largest logit is the target's
    probability           mean of p(target)
    context_loss          the loss after labels that are not in the context were removed; infinite if the target was
    context_accuracy      the accuracy after that
    context_mass          total probability of the labels in the context
    ====================  ==================================================================================
    """
    logits, labels, target = np.asarray(logits, float), np.asarray(labels), np.asarray(target)
    there = np.zeros(logits.shape, bool)
    np.put_along_axis(there, labels, True, axis=-1)
    inside = np.where(there, logits, -np.inf)
    log_p, log_p_inside = _log_softmax(logits), _log_softmax(inside)

    def chosen(values: Array) -> Array:
        return np.take_along_axis(values, target[..., None], axis=-1)[..., 0]

    each = {
        "loss": -chosen(log_p),
        "accuracy": logits.argmax(-1) == target,
        "probability": np.exp(chosen(log_p)),
        "context_loss": -chosen(log_p_inside),
        "context_accuracy": inside.argmax(-1) == target,
        "context_mass": (np.exp(log_p) * there).sum(-1),
    }
    return {name: np.asarray(value.mean(-1)) for name, value in each.items()}


def learning_time(times: Sequence[float], losses: Sequence[float], *, P: int = 2) -> tuple[float, bool]:
    """The first time at which a loss is below 0.4 ln P, the loss of guessing among P labels being ln P.

    Returns
    -------
    time : float
        That time, or the last one.
    censored : bool
        Whether the loss was never below.
    """
    if len(times) != len(losses) or not len(times):
        raise InputError(f"`times` and `losses` must be equally long; got {len(times)} and {len(losses)}.")
    below = np.flatnonzero(np.asarray(losses, float) < 0.4 * math.log(check_whole(P, "`P`", 2)))
    return (float(times[below[0]]), False) if below.size else (float(times[-1]), True)


def layer_contribution(without: ArrayLike, loss: ArrayLike) -> Array:
    """What a layer does for the output: the loss with its heads zeroed (all else held) minus the loss."""
    return np.asarray(without, float) - np.asarray(loss, float)


def composition_scores(writes: ArrayLike, reads: ArrayLike) -> Array:
    r""":math:`\|O_i W_j\|_F / (\|O_i\|_F \|W_j\|_F)` of heads i that write and heads j that read, (..., H, H').

    `writes` (..., H, e, d) are the output maps of a layer, `reads` (..., H', d, e) the query, key or value maps of a
    later one: stream vectors are rows. LayerNorm is ignored.

    Examples
    --------
    A state dict of TransformerLens has them as they are (``W_O`` (H, e, d), ``W_K`` (H, d, e)):

    >>> rng = np.random.default_rng(0)
    >>> state = {"blocks.0.attn.W_O": rng.normal(size=(8, 8, 64)), "blocks.1.attn.W_K": rng.normal(size=(8, 64, 8))}
    >>> scores = composition_scores(state["blocks.0.attn.W_O"], state["blocks.1.attn.W_K"])
    >>> scores.shape, bool(abs(scores - 1 / 8).max() < 0.05)  # 1/sqrt(d) for independent entries
    ((8, 8), True)
    """
    O, W = np.asarray(writes, float), np.asarray(reads, float)  # noqa: E741
    product = O[..., :, None, :, :] @ W[..., None, :, :, :]

    def norm(maps: Array) -> Array:
        return np.asarray(np.sqrt((maps**2).sum((-2, -1))))

    return np.asarray(norm(product) / (norm(O)[..., :, None] * norm(W)[..., None, :]))


def redundancy(right: ArrayLike, other: ArrayLike) -> float:
    """Share of the mistakes of one head (`right`: which sequences it alone gets right, (n,)) that another gets right.

    To be held against the share of all that the other gets right; nan if there are no mistakes.
    """
    mistakes = ~np.asarray(right, bool)
    return float(np.asarray(other, bool)[mistakes].mean()) if mistakes.any() else math.nan


def head_strength(s: float, *, P: int = 2) -> float:
    """Induction strength (P s - 1)/(P - 1) of a head that gives the one matching label s, the others 1 - s."""
    P = check_whole(P, "`P`", 2)
    return (P * check_between(s, "`s`", 0, 1) - 1) / (P - 1)


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))
