"""What attention is made of, for few tokens in many sequences: in memory the sequences come last.

Queries, keys and values are (S, n, H, T, e), scores and attention (S, n, H, R, T), and in memory (S, H, e, T, n) and
(S, H, R, T, n): sums over a few tokens or coordinates then are sums of long rows. Heads come out of the projection like
this, and go into the next one, without being copied.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

FEW = 12  # tokens; of more, matrix products of every sequence are faster


def first(x: Tensor) -> Tensor:
    """From (S, H, e, T, n) to (S, n, H, T, e)."""
    return x.permute(0, 4, 1, 3, 2)


def last(x: Tensor) -> Tensor:
    """From (S, n, H, T, e) to (S, H, e, T, n)."""
    return x.permute(0, 2, 4, 3, 1)


def scores(q: Tensor, k: Tensor) -> Tensor:
    """Inner products of queries and keys."""
    if k.shape[-2] > FEW:
        return q @ k.mT
    found: Tensor = _Summed.apply(last(q)[:, :, :, :, None], last(k)[:, :, :, None], 2, 4, 3)  # (S, H, 1, R, T, n)
    return found[:, :, 0].movedim(-1, 1)


def softmax(scores: Tensor) -> Tensor:
    """Attention, from scores."""
    return torch.softmax(scores.movedim(1, -1), dim=3).movedim(-1, 1)


def weighted(A: Tensor, v: Tensor) -> Tensor:
    """Sums of values, with attention for weights (S, n, H, R, e)."""
    if v.shape[-2] > FEW:
        return A @ v
    found: Tensor = _Summed.apply(A.movedim(1, -1)[:, :, None], last(v)[:, :, :, None], 4, 2, 3)  # (S, H, e, R, 1, n)
    return first(found[:, :, :, :, 0])


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


class _Summed(torch.autograd.Function):
    """The sum of a*b over axis `over` of 2, 3, 4; a lacks axis `of_b`, b `of_a`. Gradients are such sums too."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, over: int, of_b: int, of_a: int) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.axes = of_b, of_a
        return _sum(a, b, over)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        (gradient,), (a, b), (of_b, of_a) = gradients, ctx.saved_tensors, ctx.axes
        return _sum(gradient, b, of_b), _sum(gradient, a, of_a), None, None, None


def _sum(a: Tensor, b: Tensor, axis: int) -> Tensor:
    """The sum, term by term: an array of all products would not stay in the cache."""
    (x, y), *others = zip(a.unbind(axis), b.unbind(axis), strict=True)
    out = x * y
    for x, y in others:
        out.addcmul_(x, y)
    return out.unsqueeze(axis)
