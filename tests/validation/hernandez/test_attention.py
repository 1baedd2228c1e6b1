"""Compiled attention against PyTorch's in double precision, with its gradients."""

import math

import pytest
import torch
from torch import Tensor

from validation.hernandez.attention import LANES, MOST, NEAR, attend, fits


def reference(qkv: Tensor) -> Tensor:
    """Attention of (S, 3, H, C, T, n) by its definition."""
    q, k, v = qkv.unbind(1)
    T = q.shape[3]
    scores = torch.einsum("shctn,shcun->shtun", q, k) / math.sqrt(q.shape[2])
    hidden = torch.ones(T, T, dtype=torch.bool).triu(1)[:, :, None]
    return torch.einsum("shtun,shcun->shctn", torch.softmax(scores.masked_fill(hidden, -math.inf), 3), v)


def drawn(*shape: int, scale: float = 1.0) -> Tensor:
    """Normal numbers."""
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def off(x: Tensor, y: Tensor) -> float:
    """Largest difference relative to the largest number."""
    return float((x - y).detach().abs().max() / y.detach().abs().max())


@pytest.mark.parametrize("C", [1, 2, 3, 8, 16, 40, MOST])
@pytest.mark.parametrize(("S", "H", "T", "n"), [(1, 1, 1, 16), (2, 3, 7, 16), (1, 2, 40, 32)])
def test_outputs_and_gradients(S: int, H: int, C: int, T: int, n: int) -> None:
    qkv, g = drawn(S, 3, H, C, T, n).requires_grad_(), drawn(S, H, C, T, n)
    exact = qkv.detach().double().requires_grad_()
    z, there = attend(qkv), reference(exact)
    assert off(z, there) < 2e-6
    (gradient,), (expected,) = torch.autograd.grad(z, qkv, g), torch.autograd.grad(there, exact, g.double())
    for part, wanted in zip(gradient.unbind(1), expected.unbind(1), strict=True):
        assert T == 1 or off(part, wanted) < 5e-6


def test_blocks_of_keys_that_do_not_divide_the_length() -> None:
    qkv = drawn(1, 3, 1, 16, NEAR // 16 * 3 + 1, 16).requires_grad_()
    exact = qkv.detach().double().requires_grad_()
    (gradient,) = torch.autograd.grad(attend(qkv).square().sum(), qkv)
    (expected,) = torch.autograd.grad(reference(exact).square().sum(), exact)
    assert off(gradient, expected) < 5e-6


def test_an_array_in_any_order_of_memory() -> None:
    qkv = drawn(16, 9, 4, 2, 3, 1).permute(5, 4, 3, 2, 1, 0)
    assert not qkv.is_contiguous()
    assert off(attend(qkv), reference(qkv.double())) < 2e-6


@pytest.mark.parametrize("scale", [1e-3, 30.0, 1e3])
def test_scores_of_any_size(scale: float) -> None:
    qkv = drawn(1, 3, 2, 4, 20, 16, scale=scale)
    assert off(attend(qkv), reference(qkv.double())) < 1e-3  # scores themselves are rounded to 1e6/2**24
    assert (
        off(attend(qkv + torch.tensor([0.0, 0.0, 5.0])[:, None, None, None, None]), reference(qkv.double()) + 5) < 1e-3
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_stays_none(bad: float) -> None:
    for which in range(3):
        qkv = drawn(1, 3, 1, 2, 9, 16)
        qkv[0, which, 0, 0, 4, 3] = bad
        z = attend(qkv)
        assert not torch.isfinite(z[0, 0, 0, 4, 3])
        assert torch.isfinite(z[0, 0, :, :4]).all()  # nothing earlier sees it
        assert torch.isfinite(z[..., :3]).all()  # nor any other sequence


def test_what_does_not_fit_is_left_to_pytorch() -> None:
    assert fits(drawn(1, 3, 1, 2, 3, 32), 32)
    assert not fits(drawn(1, 3, 1, 2, 3, LANES + 1), LANES + 1)
    assert not fits(drawn(1, 3, 1, 2, 3, 16).double(), 16)
    assert not fits(drawn(1, 3, 1, MOST + 1, 2, 16), 16)


def test_it_is_not_differentiated_twice() -> None:
    qkv = drawn(1, 3, 1, 2, 3, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(attend(qkv).square().sum(), qkv, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate"):
        torch.autograd.grad(gradient.sum(), qkv)
