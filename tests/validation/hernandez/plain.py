"""The transformer of one seed as an ordinary module, as it is usually written: a peer for values and for speed."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from minimodels.tasks.repeated_tokens import RepeatedTokensTask
from validation.hernandez.network import TokenTransformer


class Plain(nn.Module):
    """Causal attention only, layer by layer."""

    def __init__(self, task: RepeatedTokensTask, network: TokenTransformer) -> None:
        super().__init__()
        d, layers, self.heads = network.width, range(network.layers), network.heads
        self.tokens, self.places = nn.Embedding(task.V + 1, d), nn.Embedding(task.T, d)
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in layers)
        self.qkv = nn.ModuleList(nn.Linear(d, 3 * d, bias=False) for _ in layers)
        self.out = nn.ModuleList(nn.Linear(d, d, bias=False) for _ in layers)
        self.norm, self.read_out = nn.LayerNorm(d), nn.Linear(d, task.V, bias=False)
        self.register_buffer("hidden", torch.ones(task.T, task.T).triu(1).bool(), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (n, T, V) of every token from those before it."""
        n, T = tokens.shape
        first = torch.full_like(tokens[:, :1], self.tokens.num_embeddings - 1)
        x = self.tokens(torch.cat([first, tokens[:, :-1]], dim=1)) + self.places(torch.arange(T))
        for norm, qkv, out in zip(self.norms, self.qkv, self.out, strict=True):
            q, k, v = qkv(norm(x)).view(n, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(self.hidden[:T, :T], -math.inf)
            x = x + out((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, T, -1))
        return self.read_out(self.norm(x))

    def loss(self, tokens: Tensor) -> Tensor:
        """Mean of -log p."""
        return nn.functional.cross_entropy(self(tokens).flatten(0, 1), tokens.flatten())

    def named(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Parameters of one seed, or their gradients, by the names that they have here."""
        P = {name: p.detach() for name, p in parameters.items()}
        found = {"tokens.weight": P["E"], "places.weight": P["P"], "read_out.weight": P["U"].T}
        found |= {"norm.weight": P["norm"], "norm.bias": P["shift"]}
        for n in range(len(self.norms)):
            found |= {f"norms.{n}.weight": P[f"norm{n}"], f"norms.{n}.bias": P[f"shift{n}"]}
            found |= {f"qkv.{n}.weight": P[f"QKV{n}"].T, f"out.{n}.weight": P[f"O{n}"].T}
        return found
