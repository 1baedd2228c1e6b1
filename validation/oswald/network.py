r"""Self-attention layers without causal mask that learn linear regression in context (von Oswald et al. 2023).

Tokens :math:`e_j = (x_j, y_j)` and the query :math:`(x_q, 0)`. Every layer updates all tokens, with keys and values
from the N context tokens only, no biases, no normalisation by N:

.. math:: e_j \leftarrow e_j + \sum_h P_h \sum_{i\le N} (W_{V,h} e_i)\,(W_{K,h} e_i)^\top W_{Q,h} e_j ,

or, in softmax layers, with :math:`\mathrm{softmax}_i[(W_K e_i)^\top W_Q e_j/\sqrt D]` for the product; D is the width
of a token. The prediction is minus the last coordinate of the query token after the last layer, the loss
:math:`\tfrac12\langle(y-\hat y)^2\rangle`.

Only that coordinate is needed: the last layer computes one row of :math:`P W_V` for one query, the others, where they
are linear, the product :math:`M = \sum_h P_h W_{V,h} G W_{K,h}^\top W_{Q,h}` with the Gram matrix G of the tokens.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from minimodels.errors import InputError, by_name, check_between, check_choice, check_flag, check_whole, shown
from minimodels.streams import Stream, generator
from minimodels.tasks.linear_regression import LinearRegressionTask, Regressions
from validation.oswald.metrics import Array, Predictor
from validation.protocols import Held, Parameters

MERGED: dict[bool | str, tuple[str, ...]] = {False: ("K", "Q", "V", "P"), True: ("KQ", "PV"), "PV": ("K", "Q", "PV")}
TRUNCATED = 0.8796256610342398  # standard deviation of a standard normal truncated at two


class Tokens(NamedTuple):
    """`context` (S, n, T, D), `query` (S, n, D) and its label `target` (S, n)."""

    context: Tensor
    query: Tensor
    target: Tensor


@dataclass(frozen=True)
class SelfAttention:
    """Options of a stack of self-attention layers.

    ==========  ======================================================================================================
    layers      layers; `recurrent`: all with the same weights
    heads       heads in a layer
    softmax     which layers are softmax layers: "none", "first", "all"
    merged      whether the products W_KQ = W_K^T W_Q and W_PV = P W_V are the parameters, not their factors; "PV":
                only the second
    average     whether linear layers divide their sum over the context by N
    pairs       "joined": a token is (x, y); "split": x and (0, ..., 0, y) are tokens in turn, each with a code of its
                position behind it
    code        of a position: "sinusoidal", of d coordinates, or "one-hot", of 2N + 1
    layer_norm  whether layers read tokens that are centred and divided by their standard deviation
    clip        largest coordinate of a token after a layer, in absolute value; None: any
    scale       entries begin as a normal law, truncated at two standard deviations, of variance scale/(layers D)
    start       in its place, x_0: W_K = W_Q = x_0 diag(I, 0), P = -W_V = sqrt(d) x_0 diag(0, 1); merged, W_KQ and -W_PV
    double      whether in double precision
    ==========  ======================================================================================================

    Raises
    ------
    InputError
        For an option that cannot be.
    """

    layers: int = 1
    recurrent: bool = False
    heads: int = 1
    softmax: Literal["none", "first", "all"] = "none"
    merged: bool | Literal["PV"] = False
    average: bool = False
    pairs: Literal["joined", "split"] = "joined"
    code: Literal["sinusoidal", "one-hot"] = "sinusoidal"
    layer_norm: bool = False
    clip: float | None = None
    scale: float = 0.002
    start: float | None = None
    double: bool = False

    sites: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    on_tests: ClassVar[tuple[str, ...]] = ("loss",)
    escape: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name in ("layers", "heads"):
            object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", 1, 1000))
        check_choice(self.softmax, "`softmax`", ("none", "first", "all"))
        check_choice(self.pairs, "`pairs`", ("joined", "split"))
        check_choice(self.code, "`code`", ("sinusoidal", "one-hot"))
        if self.code != "sinusoidal" and self.pairs == "joined":
            raise InputError(f"`code` is of split pairs: leave it out, or set pairs='split'; got {shown(self.code)}.")
        if not (isinstance(self.merged, str) and self.merged == "PV"):
            object.__setattr__(self, "merged", check_flag(self.merged, "`merged`, if it is not 'PV',"))
        for name in ("recurrent", "average", "layer_norm", "double"):
            object.__setattr__(self, name, check_flag(getattr(self, name), f"`{name}`"))
        for name in ("scale", "clip", "start"):
            if name == "scale" or getattr(self, name) is not None:
                object.__setattr__(self, name, check_between(getattr(self, name), f"`{name}`", 1e-12, 1e6))
        if self.start is not None and (self.pairs != "joined" or self.heads > 1):
            raise InputError(
                "`start` is of layers with one head and joined pairs: leave it out, or `heads` and `pairs`."
            )

    @property
    def kept(self) -> int:
        """Layers that have weights of their own."""
        return 1 if self.recurrent else self.layers

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return MERGED[self.merged]

    @property
    def dtype(self) -> torch.dtype:
        """Precision of tokens and parameters."""
        return torch.float64 if self.double else torch.float32

    def width(self, task: LinearRegressionTask) -> int:
        """Coordinates of a token."""
        if not isinstance(task, LinearRegressionTask):
            raise InputError(f"SelfAttention learns a LinearRegressionTask; got {shown(task)}.")
        code = task.d if self.code == "sinusoidal" else 2 * task.N + 1
        return task.d + (1 if self.pairs == "joined" else code)

    def initial(self, task: LinearRegressionTask, seed: int) -> dict[str, NDArray[np.floating]]:
        """Fresh weights of one seed: K, Q, V, P, or merged KQ for K, Q, and PV for V, P; each (layers, heads, D, D)."""
        seed = check_whole(seed, "`seed`", 0, 2**64 - 1)
        D, dtype = self.width(task), np.float64 if self.double else np.float32
        shape = (self.kept, self.heads, D, D)
        if self.start is not None:
            x, y = np.diag([1.0] * task.d + [0.0]), np.diag([0.0] * task.d + [math.sqrt(task.d)])
            made = {"KQ": x, "PV": -y, "K": x, "Q": x, "V": -y, "P": y}
            return {name: np.broadcast_to(self.start * made[name], shape).astype(dtype) for name in self.names}
        rng = generator(seed, Stream.NETWORK)
        low, high = ndtri_range()
        size = math.sqrt(self.scale / (self.layers * D)) / TRUNCATED
        return {name: (size * ndtri(rng.uniform(low, high, shape))).astype(dtype) for name in self.names}

    def batch(self, task: LinearRegressionTask, samples: Sequence[Regressions], device: str = "cpu") -> Tokens:
        """Tokens of the tasks of every seed, side by side."""
        each = [self.tokens(one) for one in samples]
        return Tokens(
            *(torch.from_numpy(np.stack(arrays)).to(device, self.dtype) for arrays in zip(*each, strict=True))
        )

    def tokens(self, tasks: Regressions) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
        """Context tokens (n, T, D), query tokens (n, D) and labels (n,)."""
        n, N, d = tasks.x.shape
        if self.pairs == "joined":
            join = partial(np.concatenate, dtype=np.float64 if self.double else np.float32)
            context, query = join([tasks.x, tasks.y[:, :, None]], axis=2), join([tasks.query, np.zeros((n, 1))], axis=1)
            return context, query, tasks.target
        content = np.zeros((n, 2 * N + 1, d))
        content[:, : 2 * N : 2], content[:, 1 : 2 * N : 2, -1], content[:, -1] = tasks.x, tasks.y, tasks.query
        code = positions(2 * N + 1, d) if self.code == "sinusoidal" else np.eye(2 * N + 1)
        whole = np.concatenate([content, np.broadcast_to(code, (n, *code.shape))], axis=2)
        return whole[:, :-1], whole[:, -1], tasks.target

    def predict(self, parameters: Parameters, tokens: Tokens) -> Tensor:
        """Predictions (S, n)."""
        context, query = tokens.context, tokens.query
        last = self.layers - 1
        for layer in range(last):
            context, query = self.after(parameters, layer, context, query)
        return -(query[..., -1] + _last(*self._read(parameters, last, context, query), soft=self._soft(last)))

    def after(self, parameters: Parameters, layer: int, context: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """Context and query after a layer."""
        new = _softmax if self._soft(layer) else _linear
        context_change, query_change = new(*self._read(parameters, layer, context, query))
        context, query = context + context_change, query + query_change
        if self.clip is not None:
            context, query = context.clamp(-self.clip, self.clip), query.clamp(-self.clip, self.clip)
        return context, query

    def _read(self, parameters: Parameters, layer: int, context: Tensor, query: Tensor) -> tuple[Tensor, ...]:
        """What a layer reads of context and query, and the products it applies."""
        KQ, PV = self.products(parameters, 0 if self.recurrent else layer)
        if self.average and not self._soft(layer):
            KQ = KQ / context.shape[2]
        if self.layer_norm:
            context, query = _normed(context), _normed(query)
        return context, query, KQ, PV

    def products(self, parameters: Parameters, layer: int) -> tuple[Tensor, Tensor]:
        """W_KQ and W_PV of a layer, each (S, heads, D, D)."""
        of = {name: parameters[name][:, layer] for name in self.names}
        return of["KQ"] if "KQ" in of else of["K"].mT @ of["Q"], of["PV"] if "PV" in of else of["P"] @ of["V"]

    def predictor(self, task: LinearRegressionTask, parameters: Mapping[str, Any], seed: int = 0) -> Predictor:
        """The network with the parameters of one seed, as a function of arrays (x, y, query)."""
        one, known = {}, by_name(parameters, "`parameters`", "{'K': ..., 'Q': ...}")
        for name in self.names:
            shape = (self.kept, self.heads, self.width(task), self.width(task))
            given = tuple(np.shape(known.get(name, ())))
            if given[1:] != shape:
                raise InputError(f"the parameter {name} has the shape (seeds, {str(shape)[1:]}; got {given}.")
            number = check_whole(seed, "`seed`", 0, given[0] - 1)
            one[name] = torch.as_tensor(known[name])[number : number + 1].to(self.dtype)

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

    def cost(self, task: LinearRegressionTask) -> float:
        """Relative cost of a step of one seed."""
        return float(self.layers * self.heads * task.N * self.width(task) ** 2)

    def _soft(self, layer: int) -> bool:
        return self.softmax == "all" or (self.softmax == "first" and layer == 0)


def positions(length: int, size: int) -> NDArray[np.float64]:
    """Sinusoidal codes (length, size): coordinates 2k and 2k + 1 are sine and cosine of position/10000^(2k/size)."""
    k = np.arange(size) // 2 * 2
    angle = np.arange(length)[:, None] / 10000.0 ** (k / size)
    return np.asarray(np.where(np.arange(size) % 2, np.cos(angle), np.sin(angle)))


def ndtri_range() -> tuple[float, float]:
    """The chances of a standard normal below -2 and 2."""
    below = 0.5 * math.erfc(math.sqrt(2))
    return below, 1 - below


def _last(context: Tensor, query: Tensor, KQ: Tensor, PV: Tensor, *, soft: bool) -> Tensor:
    """What a layer adds to the last coordinate of the query, (S, n)."""
    change = torch.zeros_like(query[..., 0])
    seeds, n, T, D = context.shape
    for h in range(KQ.shape[1]):
        scores = (context * torch.bmm(query, KQ[:, h].mT)[:, :, None]).sum(-1)
        weights = torch.softmax(scores / math.sqrt(context.shape[-1]), dim=-1) if soft else scores
        values = torch.bmm(context.reshape(seeds, n * T, D), PV[:, h, -1, :, None]).view(seeds, n, T)
        change = change + (weights * values).sum(-1)
    return change


def _linear(context: Tensor, query: Tensor, KQ: Tensor, PV: Tensor) -> tuple[Tensor, Tensor]:
    """What a linear layer adds to context and query."""
    seeds, n, T, D = context.shape
    flat = context.reshape(seeds * n, T, D)
    gram = torch.bmm(flat.mT, flat).view(seeds, n, D, D)
    M = (PV[:, :, None] @ gram[:, None] @ KQ[:, :, None]).sum(1).view(seeds * n, D, D)
    return (
        torch.bmm(flat, M.mT).view(seeds, n, T, D),
        torch.bmm(query.reshape(seeds * n, 1, D), M.mT).view(seeds, n, D),
    )


def _softmax(context: Tensor, query: Tensor, KQ: Tensor, PV: Tensor) -> tuple[Tensor, Tensor]:
    """What a softmax layer adds to context and query."""
    every = torch.cat([context, query[:, :, None]], dim=2)
    change = torch.zeros_like(every)
    for h in range(KQ.shape[1]):
        asked = every @ KQ[:, None, h].mT
        weights = torch.softmax(asked @ context.mT / math.sqrt(context.shape[-1]), dim=-1)
        change = change + weights @ (context @ PV[:, None, h].mT)
    return change[:, :, :-1], change[:, :, -1]


def _normed(tokens: Tensor) -> Tensor:
    return torch.nn.functional.layer_norm(tokens, tokens.shape[-1:])
