"""Attention patterns that are set instead of learnt, in training and afterwards.

=========  ========  ===========================================================================================
head       pattern   attention of token i
=========  ========  ===========================================================================================
p1 or p2   uniform   1/i to every visible token, itself included
p1 or p2   zero      none: the head writes nothing
p1         previous  all to token i - 1 (a label to its item); the first token to itself
p2         labels    1/N to every label (the last token's)
p2         match     equal shares to the labels of the items of its class; uniform if there is none (the last token's)
=========  ========  ===========================================================================================
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from validation.reddy.batch import Batch

PATTERNS = {"p1": ("uniform", "zero", "previous"), "p2": ("uniform", "zero", "labels", "match")}


def fixed_patterns(names: Mapping[str, str], batch: Batch) -> dict[str, Tensor]:
    """Return the attention of every named pattern: p1 (T, T), the last row of p2 (S, n, T)."""
    return {head: (_layer_1 if head == "p1" else _layer_2)(name, batch) for head, name in names.items()}


def _layer_1(name: str, batch: Batch) -> Tensor:
    length = batch.tokens.shape[2]
    ones = batch.tokens.new_ones(length, length)
    if name == "previous":
        out = ones.tril(-1).triu(-1)
        out[0, 0] = 1
        return out
    return (0.0 if name == "zero" else 1.0) * ones.tril() / ones.tril().sum(-1, keepdim=True)


def _layer_2(name: str, batch: Batch) -> Tensor:
    seeds, n, length = batch.tokens.shape[:3]
    out = batch.tokens.new_zeros(seeds, n, length)
    if name == "zero":
        return out
    if name != "uniform":
        out[:, :, 1::2] = 1.0 if name == "labels" else batch.matches.to(out)
    total = out.sum(-1, keepdim=True)
    return torch.where(total > 0, out / total, 1 / length)
