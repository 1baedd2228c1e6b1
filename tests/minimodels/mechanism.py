"""Two layers of attention on orthonormal contents, read literally: token by token, no formula of the model.

Used with NumPy's complex numbers too, so that a step into the imaginary direction gives exact derivatives.
"""

from itertools import permutations
from typing import Any

import mpmath
import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits[np.argmax(logits.real)])
    return weights / weights.sum()


def exact(
    beta_1: Any, alpha: Any, xi: Any, *, N: int, L: int, B: int = 1, beta_2: Any = 0.0, labels_only: bool = False,
    eps: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Return loss and measures, averaged over all orders of the classes in the context."""
    classes = N // B
    total: dict[str, Any] = dict.fromkeys(("loss", "correct", "CLA", "ILA1", "TILA2", "TLA2"), 0.0)
    orders = sorted(set(permutations([c for c in range(classes) for _ in range(B)])))
    for order in orders:
        for target in range(classes):
            for name, value in one_sequence(order, target, beta_1, alpha, xi, L, beta_2, labels_only, eps).items():
                total[name] = total[name] + value / (len(orders) * classes)
    return total


def one_sequence(
    order: tuple[int, ...], target: int, beta_1: Any, alpha: Any, xi: Any, L: int, beta_2: Any, labels_only: bool,
    eps: float,
) -> dict[str, Any]:  # fmt: skip
    N, classes = len(order), max(order) + 1
    # orthonormal directions: class means, labels, and one of noise for every item
    basis = np.eye(classes + L + N + 1)
    tokens, is_label = [], []
    for slot, c in enumerate((*order, target)):
        tokens.append((basis[c] + eps * basis[classes + L + slot]) / np.sqrt(1 + eps**2))
        is_label.append(False)
        if slot < N:
            tokens.append(basis[classes + c])  # class c has the label c
            is_label.append(True)
    n = len(tokens)
    buffers, to_item = [], []
    for i in range(n):
        logits = np.array([beta_1 if j == i - 1 else 0.0 * beta_1 for j in range(i + 1)])
        attention = softmax(logits)
        buffers.append(sum(attention[j] * tokens[j] for j in range(i + 1)))
        if is_label[i]:
            to_item.append(attention[i - 1])
    keys = [j for j in range(n) if is_label[j] or not labels_only]
    own = tokens[-1]
    attention = softmax(np.array([alpha * (buffers[j] @ own) + beta_2 * is_label[j] for j in keys]))
    output = sum(a * tokens[j] for a, j in zip(attention, keys, strict=True))
    logits = np.array([xi * (basis[classes + k] @ output) for k in range(L)])
    probability = softmax(logits)
    return {
        "loss": -np.log(probability[target]),
        "correct": probability[target],
        "CLA": probability[:classes].sum(),
        "ILA1": sum(to_item) / N,
        "TILA2": sum(a for a, j in zip(attention, keys, strict=True) if is_label[j] and tokens[j][classes + target]),
        "TLA2": sum(a for a, j in zip(attention, keys, strict=True) if is_label[j]),
    }


def mean_field(
    beta_1: Any, alpha: Any, xi: Any, *, N: Any, L: Any, B: Any = 1, M: Any = None, beta_2: Any = 0,
    labels_only: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return the same where all positions are alike, with mpmath and with real numbers of keys.

    A group of keys is (how many, logit); one context label is a group of B keys.
    """
    mp = mpmath.mp
    e = mpmath.exp
    previous = e(beta_1) / (e(beta_1) + (N if M is None else M))
    correct_keys, other_keys = (B, alpha * previous), (B, mp.mpf(0))
    others = mp.mpf(N) / B - 1
    rest = (0 if labels_only else N + 1, -beta_2)
    weights = [count * e(logit) for count, logit in (correct_keys, other_keys, rest)]
    sum_of_weights = weights[0] + others * weights[1] + weights[2]
    to_correct, to_other = weights[0] / sum_of_weights, weights[1] / sum_of_weights
    outputs = [(1, xi * to_correct), (others, xi * to_other), (L - mp.mpf(N) / B, mp.mpf(0))]
    masses = [count * e(logit) for count, logit in outputs]
    probability = masses[0] / sum(masses)
    return {
        "loss": -mpmath.log(probability),
        "correct": probability,
        "CLA": (masses[0] + masses[1]) / sum(masses),
        "ILA1": previous,
        "TILA2": to_correct,
        "TLA2": to_correct + others * to_other,
    }
