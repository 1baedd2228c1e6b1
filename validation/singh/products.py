"""What attention is made of, for few tokens in many sequences: in memory the sequences come last.

Queries, keys and values are (S, n, H, T, e), scores and attention (S, n, H, R, T), and in memory (S, H, e, T, n) and
(S, H, R, T, n): sums over a few tokens or coordinates then are sums of long rows. Heads come out of the projection like
this, and go into the next one, without being copied.
"""

import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

HIDDEN = -1e20  # score of a token that is not visible
FEW = 12  # tokens; of more, matrix products of every sequence are faster


def first(x: Tensor) -> Tensor:
    """From (S, H, e, T, n) to (S, n, H, T, e)."""
    return x.permute(0, 4, 1, 3, 2)


def last(x: Tensor) -> Tensor:
    """From (S, n, H, T, e) to (S, H, e, T, n)."""
    return x.permute(0, 2, 4, 3, 1)


def scores(q: Tensor, k: Tensor) -> Tensor:
    """Scores of the last tokens, R of T, by their queries; those of tokens after them are HIDDEN."""
    R, (T, e) = q.shape[-2], k.shape[-2:]
    found = (q @ k.mT).movedim(1, -1) if T > FEW else _Summed.apply(last(q), last(k), 2, 4, 3)
    return torch.add(_hidden(T, q.dtype, q.device)[-R:], found, alpha=1 / math.sqrt(e)).movedim(-1, 1)


def softmax(scores: Tensor) -> Tensor:
    """Attention, from scores."""
    return torch.softmax(scores.movedim(1, -1), dim=3).movedim(-1, 1)


def weighted(A: Tensor, v: Tensor) -> Tensor:
    """Sums of values, with attention for weights (S, n, H, R, e)."""
    if v.shape[-2] > FEW:
        return A @ v
    return first(_Summed.apply(A.movedim(1, -1), last(v), 4, 2, 3))


def rotated(x: Tensor, T: int) -> Tensor:
    """Rotate adjacent coordinates of the last tokens (S, H, e, R, n), of T, by angles position * 10000^(-2m/e)."""
    cos, sin = (turn[:, -x.shape[3] :] for turn in _turns(x.shape[2], T, x.dtype, x.device))
    a, b = x.unflatten(2, (-1, 2)).unbind(3)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=3).flatten(2, 3)


@lru_cache(maxsize=32)
def _turns(e: int, T: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines (e/2, T, 1) of the angles."""
    rate = 10000.0 ** (-torch.arange(0, e, 2, device=device, dtype=torch.float64) / e)
    angle = (rate[:, None] * torch.arange(T, device=device))[..., None]
    return angle.cos().to(dtype), angle.sin().to(dtype)


@lru_cache(maxsize=32)
def _hidden(T: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """HIDDEN (T, T, 1) in every row for the tokens after it, and 0 for the others."""
    return torch.full((T, T), HIDDEN, dtype=dtype, device=device).triu(1)[:, :, None]


class _Summed(torch.autograd.Function):
    """The sum of a*b over axis `over` of 2, 3, 4; a lacks axis `of_b`, b `of_a`. Gradients are such sums too."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, over: int, of_b: int, of_a: int) -> Tensor:
        a, b = a.unsqueeze(of_b), b.unsqueeze(of_a)
        ctx.save_for_backward(a, b)
        ctx.axes = over, of_b, of_a
        return _sum(a, b, over)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        (a, b), (over, of_b, of_a) = ctx.saved_tensors, ctx.axes
        gradient = gradients[0].contiguous().unsqueeze(over)  # the sequences last
        return _sum(gradient, b, of_b), _sum(gradient, a, of_a), None, None, None


def _sum(a: Tensor, b: Tensor, axis: int) -> Tensor:
    """The sum, term by term: an array of all products would not stay in the cache."""
    (x, y), *others = zip(a.unbind(axis), b.unbind(axis), strict=True)
    out = x * y
    for x, y in others:
        out.addcmul_(x, y)
    return out
