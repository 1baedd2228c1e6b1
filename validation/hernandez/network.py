r"""The attention-only transformer that is trained on repeated tokens, as a language model.

Token t of a sequence is predicted from a first token of its own kind and the tokens before t: with embeddings and a
learnt table of positions, :math:`x_t = E_{s_{t-1}} + P_t`, :math:`\hat x = \mathrm{LayerNorm}(x)`, every layer adds

.. math::

    x_t \leftarrow x_t + \sum_h O_h \sum_{j\le t} A^h_{tj} V_h \hat x_j, \qquad
    A^h_t = \mathrm{softmax}_j\;(Q_h \hat x_t)\cdot(K_h \hat x_j)/\sqrt{d_h},

and the logits of token t are :math:`U \hat x_t`, with U apart from E. There are no perceptrons.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minimodels.errors import InputError, check_whole, shown
from minimodels.streams import Stream, generator
from minimodels.tasks.repeated_tokens import RepeatedTokensTask, TokenSequences
from validation.hernandez.attention import attend, fits
from validation.hernandez.measures import prefix_matching
from validation.protocols import Held, Parameters

EPS = 1e-5  # of LayerNorm
Kept = list[tuple[Tensor, Tensor]]


class Tokens(NamedTuple):
    """`tokens` (S, n, T), and which of them continue a copy."""

    tokens: Tensor
    copied: Tensor


@dataclass(frozen=True)
class TokenTransformer:
    """Options of the network.

    =============  ============================================================================================
    layers, heads  how many; a head has width/heads coordinates
    width          of the residual stream
    =============  ============================================================================================

    Embeddings and positions begin as independent normal numbers of standard deviation 1/sqrt(width), linear maps
    likewise of their fan-in, LayerNorm at (1, 0).

    Raises
    ------
    InputError
        For an option that cannot be.
    """

    layers: int = 2
    heads: int = 4
    width: int = 32

    escape: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, most in (("layers", 100), ("heads", 1000), ("width", 2**14)):
            object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", 1, most))
        if self.width % self.heads:
            raise InputError(f"`heads` must divide `width`; got heads={self.heads}, width={self.width}.")

    @property
    def sites(self) -> dict[str, tuple[str, ...]]:
        """Nothing can be clamped."""
        return {}

    @property
    def on_tests(self) -> tuple[str, ...]:
        """Its measures, all of them on every test."""
        each = [f"prefix_{layer}.{head}" for layer in range(self.layers) for head in range(self.heads)]
        return ("loss", "copied_loss", *each)

    def sizes(self, task: RepeatedTokensTask) -> dict[str, int]:
        """Numbers of parameters: `N` outside embeddings and read-out (4 L d^2, without LayerNorm), `p` of all."""
        N = 4 * self.layers * self.width**2
        return {"N": N, "p": N + self.width * (2 * task.V + 1 + task.T) + 2 * self.width * (self.layers + 1)}

    def initial(self, task: RepeatedTokensTask, seed: int) -> dict[str, NDArray[np.float32]]:
        """Fresh parameters of one seed.

        E (V + 1, d) embeds, the last row the first token; P (T, d); of every layer, norm and shift (d,), QKV (d, 3d),
        by heads within each, and O (d, d); norm and shift of the last LayerNorm; U (d, V).
        """
        if not isinstance(task, RepeatedTokensTask):
            raise InputError(f"TokenTransformer learns a RepeatedTokensTask; got {shown(task)}.")
        rng, d = generator(check_whole(seed, "`seed`", 0, 2**64 - 1), Stream.NETWORK), self.width

        def normal(*shape: int) -> NDArray[np.float32]:
            return (rng.standard_normal(shape) / math.sqrt(d)).astype(np.float32)

        def affine(name: str | int) -> dict[str, NDArray[np.float32]]:
            return {f"norm{name}": np.ones(d, np.float32), f"shift{name}": np.zeros(d, np.float32)}

        out = {"E": normal(task.V + 1, d), "P": normal(task.T, d)}
        for layer in range(self.layers):
            out |= affine(layer) | {f"QKV{layer}": normal(d, 3 * d), f"O{layer}": normal(d, d)}
        return out | affine("") | {"U": normal(d, task.V)}

    def batch(self, task: RepeatedTokensTask, samples: Sequence[TokenSequences], device: str = "cpu") -> Tokens:
        """Sequences of every seed, side by side."""
        columns = ([one.tokens for one in samples], [one.copied for one in samples])
        return Tokens(*(torch.from_numpy(np.stack(column)).to(device) for column in columns))

    def cost(self, task: RepeatedTokensTask) -> float:
        """Relative cost of a step of one seed."""
        d = self.width
        return float(task.T * (4 * self.layers * d * d + d * task.V + self.layers * task.T * (d + 4 * self.heads)))

    def stream(self, parameters: Parameters, tokens: Tensor, *, keep: Kept | None = None) -> Tensor:
        """The last stream (S, T n, d); attention and scores (S, n, H, T, T) of every layer are added to `keep`."""
        P, (S, n, T) = parameters, tokens.shape
        first = P["E"].shape[1] - 1
        before = torch.nn.functional.pad(tokens[..., :-1], (1, 0), value=first).mT
        places = before + (first + 1) * torch.arange(S, device=tokens.device)[:, None, None]
        x = torch.nn.functional.embedding(places, P["E"].flatten(0, 1)) + P["P"][:, :T, None]
        x = x.flatten(1, 2)
        for layer in range(self.layers):
            norm, shift, QKV = P[f"norm{layer}"], P[f"shift{layer}"], P[f"QKV{layer}"]
            qkv = _mapped(x, norm, shift, QKV, across=True).view(S, 3, self.heads, -1, T, n)
            if keep is not None:
                keep.append(tuple(each.unflatten(0, (S, n)) for each in _pattern(*_rows(qkv)[:2])))
            if fits(qkv, n):
                z = attend(qkv)
            else:
                z = torch.nn.functional.scaled_dot_product_attention(*_rows(qkv), is_causal=True)
                z = z.unflatten(0, (S, n)).permute(0, 2, 4, 3, 1)
            x = torch.baddbmm(x, z.reshape(S, -1, T * n).mT, P[f"O{layer}"])
        return x

    def token_losses(self, parameters: Parameters, tokens: Tensor, *, keep: Kept | None = None) -> Tensor:
        """-log p of every token (S, n, T), in nats."""
        x = self.stream(parameters, tokens, keep=keep)
        logits = _mapped(x, parameters["norm"], parameters["shift"], parameters["U"])
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens.mT.flatten(), reduction="none")
        return losses.view(tokens.mT.shape).mT

    def losses(self, parameters: Parameters, batch: Tokens, held: Held | None = None) -> dict[str, Tensor]:
        """The loss, mean of -log p over all tokens of the batch, one for each seed."""
        return {"loss": self.token_losses(parameters, batch.tokens).mean(dim=(1, 2))}

    @torch.no_grad()
    def measures(self, parameters: Parameters, batch: Tokens, held: Held | None = None) -> dict[str, Tensor]:
        """Loss, loss of the tokens that continue a copy, and the prefix-matching score of every head."""
        kept: Kept = []
        losses = self.token_losses(parameters, batch.tokens, keep=kept)
        copied = torch.where(batch.copied, losses, 0).sum(dim=(1, 2)) / batch.copied.sum(dim=(1, 2))
        found = {"loss": losses.mean(dim=(1, 2)), "copied_loss": copied}
        for layer, (A, _) in enumerate(kept):
            scores = torch.from_numpy(prefix_matching(A.cpu().numpy(), batch.tokens.cpu().numpy())).to(losses)
            found |= {f"prefix_{layer}.{head}": scores[:, head] for head in range(self.heads)}
        return found


def _mapped(x: Tensor, scale: Tensor, shift: Tensor, weights: Tensor, *, across: bool = False) -> Tensor:
    """LayerNorm of (S, m, d), then a linear map (S, d, e): (S, m, e), or `across` (S, e, m).

    Scale and shift are taken into the map.
    """
    normed = torch.nn.functional.layer_norm(x, x.shape[-1:], eps=EPS)
    bias, weights = shift[:, None] @ weights, scale[:, :, None] * weights
    return torch.baddbmm(bias.mT, weights.mT, normed.mT) if across else torch.baddbmm(bias, normed, weights)


def _rows(qkv: Tensor) -> Tensor:
    """Queries, keys and values, each (S n, H, T, C), of (S, 3, H, C, T, n)."""
    return qkv.permute(1, 0, 5, 2, 4, 3).flatten(1, 2)


def _pattern(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """Attention (m, H, T, T), rows that attend first, and the scores behind it."""
    T = q.shape[-2]
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    hidden = torch.ones(T, T, dtype=torch.bool, device=q.device).triu(1)
    return torch.softmax(scores.masked_fill(hidden, -math.inf), dim=-1), scores
