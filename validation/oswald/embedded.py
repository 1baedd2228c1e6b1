r"""Self-attention behind a learned embedding, on regressions that are not linear (von Oswald et al. 2023, section 3.5).

A token (x, y) becomes

.. math:: e = E(x, y),\qquad e \leftarrow e + W_2\,\mathrm{GELU}(W_1 e + b_1) + b_2 ,

of `width` coordinates, the last of which plays y, all others x; behind it is one linear self-attention layer. Its twin
has, in place of the layer, one step of gradient descent of fixed size :math:`\eta/N` on these tokens, and learns the
embedding alone. The query enters as (x_q, 0); the prediction is minus its last coordinate.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from minimodels.errors import InputError, check_number, check_whole, shown
from minimodels.streams import Stream, generator
from minimodels.tasks.linear_regression import Regressions
from validation.checkpoint import load_parameters
from validation.oswald import metrics
from validation.oswald.metrics import Array, Predictor
from validation.oswald.network import TRUNCATED, SelfAttention, Tokens, ndtri_range
from validation.protocols import Held, Parameters
from validation.trainings import NetworkTraining

TASKS = 2048  # that answers are kept of, as the authors have it


@dataclass(frozen=True)
class EmbeddedAttention:
    """Options of an embedding with one linear self-attention layer, or one step of descent, behind it.

    ==========  ======================================================================================================
    width       coordinates of an embedded token
    hidden      units of the embedding's hidden layer
    eta         the layer is a step of descent eta/N that is not learned; None: it is learned
    scale       weights begin as a normal law, truncated at two standard deviations, of variance scale/inputs; biases 0
    ==========  ======================================================================================================

    Raises
    ------
    InputError
        For an option that cannot be.
    """

    width: int = 40
    hidden: int = 160
    eta: float | None = None
    scale: float = 0.002

    sites: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    on_tests: ClassVar[tuple[str, ...]] = ("loss",)
    escape: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, low in (("width", 2), ("hidden", 1)):
            object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", low, 100_000))
        for name in ("eta", "scale"):
            value = getattr(self, name)
            if (name, value) != ("eta", None) and not check_number(value, f"`{name}`") > 0:
                raise InputError(f"`{name}` must be positive; got {shown(value)}: the paper's is 0.1, 0.002.")

    def initial(self, task: Any, seed: int) -> dict[str, NDArray[np.float32]]:
        """Fresh weights of one seed: E, W_1, b_1, W_2, b_2, and the layer's K, Q, V, P if it is learned."""
        rng, width = generator(seed, Stream.NETWORK), self.width
        low, high = ndtri_range()

        def drawn(*shape: int) -> NDArray[np.float32]:
            size = math.sqrt(self.scale / shape[-1]) / TRUNCATED
            return (size * ndtri(rng.uniform(low, high, shape))).astype(np.float32)

        out = {
            "E": drawn(width, task.d + 1),
            "W1": drawn(self.hidden, width), "b1": np.zeros(self.hidden, np.float32),
            "W2": drawn(width, self.hidden), "b2": np.zeros(width, np.float32),
        }  # fmt: skip
        return out | ({name: drawn(1, 1, width, width) for name in "KQVP"} if self.eta is None else {})

    def batch(self, task: Any, samples: Sequence[Regressions], device: str = "cpu") -> Tokens:
        """Tokens (x, y) of the tasks of every seed, side by side."""
        return SelfAttention().batch(task, samples, device)

    def behind(self, parameters: Parameters, tokens: Tokens) -> tuple[SelfAttention, Parameters, Tokens]:
        """The layer behind the embedding, its parameters, and the embedded tokens that it reads."""
        seeds, N = tokens.context.shape[0], tokens.context.shape[2]
        embedded = Tokens(embed(parameters, tokens.context), embed(parameters, tokens.query), tokens.target)
        if self.eta is None:
            return SelfAttention(), parameters, embedded
        is_y = torch.zeros(self.width, self.width, device=tokens.query.device)
        is_y[-1, -1] = 1.0
        step = {"KQ": torch.eye(self.width, device=is_y.device) - is_y, "PV": -self.eta / N * is_y}
        return SelfAttention(merged=True), {k: v.expand(seeds, 1, 1, -1, -1) for k, v in step.items()}, embedded

    def losses(self, parameters: Parameters, batch: Tokens, held: Held | None = None) -> dict[str, Tensor]:
        """Half the mean squared error, one for each seed."""
        layer, weights, embedded = self.behind(parameters, batch)
        return layer.losses(weights, embedded)

    @torch.no_grad()
    def measures(self, parameters: Parameters, batch: Tokens, held: Held | None = None) -> dict[str, Tensor]:
        """The loss, and it divided by that of the zero predictor on the same tasks."""
        layer, weights, embedded = self.behind(parameters, batch)
        return layer.measures(weights, embedded)

    def predictor(self, task: Any, parameters: Mapping[str, Any], seed: int = 0) -> Predictor:
        """The network with the parameters of one seed, as a function of arrays (x, y, query)."""
        one = {name: torch.as_tensor(v)[seed : seed + 1].float() for name, v in parameters.items()}

        @torch.no_grad()
        def predict(x: Array, y: Array, query: Array) -> Array:
            batch = self.batch(task, [Regressions(x, y, query, np.zeros(len(y)))])
            layer, weights, embedded = self.behind(one, batch)
            return np.asarray(layer.predict(weights, embedded)[0], float)

        return predict

    def cost(self, task: Any) -> float:
        """Relative cost of a step of one seed."""
        return float(2 * task.N * self.width * (self.hidden + self.width))


def embed(parameters: Parameters, tokens: Tensor) -> Tensor:
    """Embedded tokens (S, ..., width)."""
    flat = tokens.flatten(1, -2)
    e = flat @ parameters["E"].mT
    hidden = torch.baddbmm(parameters["b1"][:, None], e, parameters["W1"].mT)
    out = torch.nn.functional.gelu(hidden, approximate="tanh")
    e = e + torch.baddbmm(parameters["b2"][:, None], out, parameters["W2"].mT)
    return e.view(*tokens.shape[:-1], e.shape[-1])


def answers(training: NetworkTraining, folder: Path) -> xr.Dataset:
    """Predictions and labels of every seed on held-out tasks of its own, and the loss there."""
    network, task = training.network, training.last_task
    assert isinstance(network, EmbeddedAttention)
    end, found = load_parameters(folder), []
    for i, seed in enumerate(training.seeds):
        tasks = task.test_set("train", seed, TASKS)
        found.append((metrics.predicted(network.predictor(task, end, i), tasks), tasks.target))
    predictions, labels = np.moveaxis(np.array(found), 1, 0)
    out = xr.Dataset({"prediction": (("seed", "task"), predictions), "label": (("seed", "task"), labels)})
    return out.assign(loss=0.5 * ((out.prediction - out.label) ** 2).mean("task"), seed=list(training.seeds))
