r"""The two-layer attention-only network of Reddy (2024), computed for what the last-token loss needs.

.. math::

    v_i &= u_i + V_1 \sum_{j\le i} p^1_{ij} u_j, \qquad w_i = v_i + V_2 \sum_{j\le i} p^2_{ij} v_j, \\
    p^m_{ij} &= \frac{\exp[(K_m y_j)\cdot(Q_m y_i)]}{\sum_{k\le i}\exp[(K_m y_k)\cdot(Q_m y_i)]}
    \qquad (y = \text{input of layer } m),

one head per layer, no output projection, no :math:`1/\sqrt d`, the causal mask includes the token itself. The last
:math:`w_n` passes through layers :math:`h \leftarrow \mathrm{ReLU}(W h + b)`, b one scalar each, and logits are
:math:`S h`.

Only :math:`w_n` is needed, so layer 2 has one query :math:`k = K_2^\top Q_2 v_n`, whose logits are
:math:`k\cdot v_j = k\cdot u_j + \sum_l p^1_{jl}\,(V_1^\top k)\cdot u_l`, and
:math:`\sum_j p^2_j v_j = \sum_j p^2_j u_j + V_1\sum_l (\sum_j p^2_j p^1_{jl}) u_l`: no buffer
:math:`\sum_l p^1_{jl}u_l` is ever formed, and the only product over all tokens is :math:`(Q_1^\top K_1)^\top u_i`.

Either pattern may be given instead of learnt (`validation.reddy.patterns`): everything after it is computed from the
pattern that is given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from minimodels.errors import InputError, check_choice, shown
from minimodels.streams import Stream, generator
from minimodels.tasks.item_label import ItemLabelTask, Sequences
from validation.loop import stacked
from validation.protocols import Held, Parameters
from validation.reddy.batch import Batch
from validation.reddy.measures import measures
from validation.reddy.patterns import PATTERNS, fixed_patterns


class Attended(NamedTuple):
    """What the two heads do for the last token.

    `stream` (S, n, d): the token after layer 1; `written` (S, n, d): what head 2 adds to it; `p1` (S, n, T, T);
    `p2` (S, n, T): the last row of layer 2.
    """

    stream: Tensor
    written: Tensor
    p1: Tensor
    p2: Tensor


@dataclass(frozen=True)
class AttentionOnly:
    """Two attention layers of one head, then `layers` ReLU layers with one scalar bias each, then the read-out.

    Width d = 2 N_max + 1 + D follows from the task. Initialisation (author's program): Q, K, V entries N(0, 1/D),
    here times `scale`; W entries N(0, 2/d); b and S entries N(0, 1/d). The variants: `biases` that begin at "zero" or
    are "held" there, a `read_out` S that begins at "zero"; all other draws stay the same.
    """

    layers: int = 3
    scale: float = 1.0
    biases: Literal["random", "zero", "held"] = "random"
    read_out: Literal["random", "zero"] = "random"

    sites: ClassVar[Mapping[str, tuple[str, ...]]] = PATTERNS
    on_tests: ClassVar[tuple[str, ...]] = ("correct", "accuracy")
    escape: ClassVar[str] = "correct"

    def __post_init__(self) -> None:
        if isinstance(self.layers, bool) or not isinstance(self.layers, int) or not 0 <= self.layers <= 1000:
            raise InputError(f"`layers` must be a whole number, 0 or more; got {shown(self.layers)}: the paper has 3.")
        if isinstance(self.scale, bool) or not isinstance(self.scale, int | float) or not 0 < self.scale < np.inf:
            raise InputError(f"`scale` must be finite and positive; got {self.scale!r}: the paper's network has 1.")
        check_choice(self.biases, "`biases`", ("random", "zero", "held"))
        check_choice(self.read_out, "`read_out`", ("random", "zero"))

    def initial(self, task: ItemLabelTask, seed: int) -> dict[str, np.ndarray]:
        """Fresh parameters of one seed."""
        if not isinstance(task, ItemLabelTask):
            raise InputError(f"AttentionOnly learns an ItemLabelTask; got {shown(task)}.")
        rng = generator(seed, Stream.NETWORK)
        d = task.width

        def gaussian(variance: float, *shape: int) -> np.ndarray:
            return (rng.standard_normal(shape) * np.sqrt(variance)).astype(np.float32)

        out = {f"{name}{layer}": gaussian(self.scale**2 / task.D, d, d) for layer in (1, 2) for name in "QKV"}
        for layer in range(1, self.layers + 1):
            out[f"W{layer}"] = gaussian(2 / d, d, d)
            bias = gaussian(1 / d, 1)
            if self.biases != "held":
                out[f"b{layer}"] = bias * (self.biases == "random")
        return out | {"S": gaussian(1 / d, task.L, d) * (self.read_out == "random")}

    def stacked(self, task: ItemLabelTask, seeds: Sequence[int], device: str = "cpu") -> Parameters:
        """Fresh parameters of several seeds, side by side along a first axis."""
        return stacked(self, task, seeds, device)

    def batch(self, task: ItemLabelTask, samples: Sequence[Sequences], device: str = "cpu") -> Batch:
        """Sequences of every seed, side by side."""
        return Batch.of(task, samples, device)

    def cost(self, task: ItemLabelTask) -> float:
        """Relative cost of a step of one seed."""
        return float(task.length * task.width**2)

    def attend(self, parameters: Parameters, u: Tensor, fixed: Mapping[str, Tensor] | None = None) -> Attended:
        """What both heads do for tokens u (S, n, T, d), with the patterns in `fixed`: p1 (T, T) or (S, n, T, T), p2
        (S, n, T), and `written` (S, n, d) for all that head 2 adds.
        """
        P, given = parameters, fixed or {}
        seeds, n, T, d = u.shape
        flat = u.reshape(seeds * n, T, d)
        if "p1" in given:
            p1 = given["p1"].to(u.dtype).expand(seeds, n, T, T).reshape(seeds * n, T, T)
        else:
            query = torch.bmm(u.reshape(seeds, n * T, d), torch.bmm(P["Q1"].mT, P["K1"])).view(seeds * n, T, d)
            mask = torch.full((T, T), -torch.inf, dtype=u.dtype, device=u.device).triu(1)
            p1 = torch.softmax(torch.baddbmm(mask, query, flat.mT), dim=-1)

        def seen(weights: Tensor) -> Tensor:  # (S n, k, T) -> k tensors (S, n, d)
            return torch.bmm(weights, flat).view(seeds, n, -1, d)

        v = torch.baddbmm(u[:, :, -1], seen(p1[:, -1:])[:, :, 0], P["V1"].mT)
        if "p2" in given:
            p2 = given["p2"].to(u.dtype).reshape(seeds * n, 1, T)
        else:
            k = torch.bmm(torch.bmm(v, P["Q2"].mT), P["K2"])
            both = torch.stack([k, torch.bmm(k, P["V1"])], dim=-1).view(seeds * n, d, 2)
            direct, buffered = torch.bmm(flat, both).split(1, dim=-1)
            p2 = torch.softmax(torch.baddbmm(direct, p1, buffered), dim=1).mT
        if "written" in given:
            written = given["written"].to(u.dtype)
        else:
            mixed = seen(torch.cat([p2, torch.bmm(p2, p1)], dim=1))
            written = torch.bmm(torch.baddbmm(mixed[:, :, 0], mixed[:, :, 1], P["V1"].mT), P["V2"].mT)
        return Attended(v, written, p1.view(seeds, n, T, T), p2.view(seeds, n, T))

    def forward(
        self, parameters: Parameters, u: Tensor, fixed: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (S, n, L) of the last token, p1 (S, n, T, T) and the last row of p2 (S, n, T); see `attend`."""
        heads = self.attend(parameters, u, fixed)
        last = self.hidden(parameters, heads.stream + heads.written)[-1]
        return torch.bmm(last, parameters["S"].mT), heads.p1, heads.p2

    def hidden(self, parameters: Parameters, h: Tensor) -> list[Tensor]:
        """The classifier's input (S, n, d) and the outputs of its ReLU layers (S, n, d)."""
        P, out = parameters, [h]
        for layer in range(1, self.layers + 1):
            W = P[f"W{layer}"].mT
            held = self.biases == "held"
            z = torch.bmm(out[-1], W) if held else torch.baddbmm(P[f"b{layer}"][:, :, None], out[-1], W)
            out.append(torch.relu(z))
        return out

    def losses(self, parameters: Parameters, batch: Batch, held: Held | None = None) -> dict[str, Tensor]:
        """The loss, mean of -log p(label) over the batch, one for each seed; `held` names patterns of the heads."""
        logits = self.forward(parameters, batch.tokens, fixed_patterns(held or {}, batch))[0]
        chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch.target[..., None])
        return {"loss": -chosen.mean(dim=(1, 2))}

    @torch.no_grad()
    def measures(self, parameters: Parameters, batch: Batch, held: Held | None = None) -> dict[str, Tensor]:
        """The progress measures of `validation.reddy.measures`, one value for each seed."""
        return self.measured(parameters, batch, fixed_patterns(held or {}, batch))

    @torch.no_grad()
    def measured(self, parameters: Parameters, batch: Batch, fixed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same with patterns, and what head 2 writes, given as tensors: see `attend`."""
        return measures(*self.forward(parameters, batch.tokens, fixed), batch)
