"""The network as its equations stand, at every position and for one seed: the oracle of `validation.reddy.network`."""

import torch
from torch import Tensor

Parameters = dict[str, Tensor]


def attention(y: Tensor, query: Tensor, key: Tensor) -> Tensor:
    length = y.shape[1]
    logits = (y @ query.T) @ (y @ key.T).transpose(1, 2)
    allowed = torch.ones(length, length, dtype=torch.bool).tril()
    return torch.softmax(logits.masked_fill(~allowed, -torch.inf), dim=-1)


def forward(p: Parameters, u: Tensor, layers: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (n, T, L) at every position, and both attention maps (n, T, T), for u (n, T, d)."""
    p1 = attention(u, p["Q1"], p["K1"])
    v = u + (p1 @ u) @ p["V1"].T
    p2 = attention(v, p["Q2"], p["K2"])
    h = v + (p2 @ v) @ p["V2"].T
    for layer in range(1, layers + 1):
        h = torch.relu(h @ p[f"W{layer}"].T + p[f"b{layer}"])
    return h @ p["S"].T, p1, p2


def intervened(p: Parameters, u: Tensor, layers: int = 3, **given: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits (n, L) of the last token with `p1`, `p2` (n, T, T) or what a head writes, `head1`, `head2` (n, T, d),
    given; and these four as used.
    """
    p1 = given.get("p1", attention(u, p["Q1"], p["K1"]))
    head1 = given.get("head1", (p1 @ u) @ p["V1"].T)
    v = u + head1
    p2 = given.get("p2", attention(v, p["Q2"], p["K2"]))
    head2 = given.get("head2", (p2 @ v) @ p["V2"].T)
    h = v + head2
    for layer in range(1, layers + 1):
        h = torch.relu(h @ p[f"W{layer}"].T + p[f"b{layer}"])
    return (h @ p["S"].T)[:, -1], {"p1": p1, "p2": p2, "head1": head1, "head2": head2}


def loss(p: Parameters, u: Tensor, target: Tensor, layers: int = 3) -> Tensor:
    return torch.nn.functional.cross_entropy(forward(p, u, layers)[0][:, -1], target)


def step(p: Parameters, u: Tensor, target: Tensor, lr: float, decay: float = 1e-6) -> float:
    """One step of SGD, theta <- (1 - decay) theta - lr gradient."""
    value = loss(p, u, target)
    value.backward()
    with torch.no_grad():
        for tensor in p.values():
            tensor.mul_(1 - decay).sub_(lr * tensor.grad)
            tensor.grad = None
    return value.item()
