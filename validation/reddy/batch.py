"""Sequences of several seeds side by side, as a network reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from minimodels.tasks.item_label import ItemLabelTask, Sequences


@dataclass(frozen=True)
class Batch:
    """Sequences of every seed: `tokens` (S, n, T, d), `target` (S, n), `labels` and `matches` (S, n, N)."""

    tokens: Tensor
    target: Tensor
    labels: Tensor
    matches: Tensor

    @classmethod
    def of(cls, task: ItemLabelTask, sequences: Sequence[Sequences], device: str | torch.device = "cpu") -> "Batch":
        """One batch for every seed, side by side."""

        def together(arrays: list[Any]) -> Tensor:
            tensors = [torch.from_numpy(array) for array in arrays]
            return (tensors[0][None] if len(tensors) == 1 else torch.stack(tensors)).to(device)

        return cls(
            together([s.tokens(task.positions) for s in sequences]),
            together([s.target for s in sequences]),
            together([s.labels for s in sequences]),
            together([s.matches for s in sequences]),
        )
