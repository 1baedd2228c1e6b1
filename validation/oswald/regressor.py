"""What networks that answer regressions in context share: tokens in, one prediction for each task and seed out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from minimodels.tasks.linear_regression import Regressions
from validation.oswald.metrics import Array, Predictor
from validation.protocols import Held, Parameters


class Tokens(NamedTuple):
    """`context` (S, n, T, D), `query` (S, n, D) and its label `target` (S, n)."""

    context: Tensor
    query: Tensor
    target: Tensor


class Regressor(ABC):
    r"""A network whose loss is :math:`\tfrac12\langle(y-\hat y)^2\rangle`."""

    sites: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    on_tests: ClassVar[tuple[str, ...]] = ("loss",)
    escape: ClassVar[str] = ""

    @property
    def dtype(self) -> torch.dtype:
        """Precision of tokens and parameters."""
        return torch.float32

    @abstractmethod
    def batch(self, task: Any, samples: Sequence[Regressions], device: str = "cpu") -> Tokens:
        """Tokens of the tasks of every seed, side by side."""

    @abstractmethod
    def predict(self, parameters: Parameters, tokens: Tokens) -> Tensor:
        """Predictions (S, n)."""

    def predictor(self, task: Any, parameters: Mapping[str, Any], seed: int = 0) -> Predictor:
        """The network with the parameters of one seed, as a function of arrays (x, y, query)."""
        one = {name: torch.as_tensor(v)[seed : seed + 1].to(self.dtype) for name, v in parameters.items()}

        @torch.no_grad()
        def predict(x: Array, y: Array, query: Array) -> Array:
            batch = self.batch(task, [Regressions(x, y, query, np.zeros(len(y)))])
            return np.asarray(self.predict(one, batch)[0], float)

        return predict

    def losses(self, parameters: Parameters, batch: Tokens, held: Held | None = None) -> dict[str, Tensor]:
        """Half the mean squared error, one for each seed."""
        return {"loss": 0.5 * (self.predict(parameters, batch) - batch.target).square().mean(1)}

    @torch.no_grad()
    def measures(self, parameters: Parameters, batch: Tokens, held: Held | None = None) -> dict[str, Tensor]:
        """The loss, and it divided by that of the zero predictor on the same tasks."""
        loss = self.losses(parameters, batch, held)["loss"]
        return {"loss": loss, "relative": loss / (0.5 * batch.target.square().mean(1))}
