"""The toy models of Singh et al. read literally: whole tensors, gradients by contraction."""

from collections.abc import Mapping, Sequence

import numpy as np


def outer(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the whole tensor product."""
    tensor = np.ones(())
    for v in vectors:
        tensor = np.multiply.outer(tensor, v)
    return tensor


def contracted(tensor: np.ndarray, vectors: Sequence[np.ndarray], free: int) -> np.ndarray:
    """Return the tensor applied to all vectors but one."""
    for axis in reversed(range(len(vectors))):
        if axis != free:
            tensor = np.tensordot(tensor, vectors[axis], axes=(axis, 0))
    return tensor


def mean_square(truths: Sequence[np.ndarray], vectors: Sequence[np.ndarray]) -> tuple[float, list[np.ndarray]]:
    """Return half the mean squared error of a tensor product, and its gradient in every vector."""
    residual = outer(vectors) - outer(truths)
    gradients = [contracted(residual, vectors, i) / residual.size for i in range(len(vectors))]
    return float((residual**2).mean() / 2), gradients


def both(
    truths: Mapping[str, np.ndarray], vectors: Mapping[str, np.ndarray], mu_1: float, mu_2: float, cost: float,
    share_1: float = 1.0, share_2: float = 1.0,
) -> tuple[dict[str, float], dict[str, np.ndarray]]:  # fmt: skip
    """Return the losses of the coopetition model and its gradient in every vector, from whole tensors."""
    abc, dbc = "abc", "dbc"
    loss_1, first = mean_square([truths[x] for x in abc], [vectors[x] for x in abc])
    loss_2, second = mean_square([truths[x] for x in dbc], [vectors[x] for x in dbc])
    a, d = vectors["a"], vectors["d"]
    pairs = np.multiply.outer(a, d)
    gradient = {
        "a": (loss_2 + mu_2) * first[0] + cost * pairs @ d / pairs.size,
        "d": (loss_1 + mu_1) * second[0] + cost * pairs.T @ a / pairs.size,
    }
    for i, x in ((1, "b"), (2, "c")):
        gradient[x] = share_1 * (loss_2 + mu_2) * first[i] + share_2 * (loss_1 + mu_1) * second[i]
    competition = float((pairs**2).mean() / 2)
    loss = (loss_1 + mu_1) * (loss_2 + mu_2) + cost * competition
    return {"loss": loss, "loss_1": loss_1, "loss_2": loss_2, "competition": competition}, gradient


def invariants(truth: np.ndarray, vector: np.ndarray) -> tuple[float, float]:
    """Return squared norm and overlap."""
    return float(vector @ vector), float(vector @ truth)
