"""Training steps of the transformer under clamps: all seeds side by side, as here, against a module with hooks.

Run ``python -m tests.benchmarks.clamped_step`` (``--smoke`` for a short run whose ratios mean little). The peer is an
ordinary module of one seed with hook points, as libraries for interpretability have them, and `torch.optim.Adam`; its
seeds are trained one after the other. The stronger peer computes only the query's row in its last layer, and has the
fused Adam. Batches are given; steps (forward, backward, update) are timed twenty in a row, in turns, on one thread, in
processor time: what else the machine does is not counted. Losses and gradients at the same parameters are compared
before, in float64. Last comes `validation.train`: data, records and all.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from minimodels.tasks.exemplar_label import ExemplarLabelTask
from validation import Adam, train
from validation.loop import stacked
from validation.singh.applied import subcircuits
from validation.singh.network import Tokens, Transformer

ACTIVE = 3  # the head of layer 1 that is left
ROW = 20  # steps that are timed in a row, as a training makes them
BATCH, LR = 32, 1e-5  # the paper's
WORDS = ("free", "match", "layer-0", "layer-0+copy")
Hook = Callable[[Tensor], Tensor]


class HookPoint(nn.Identity):
    """A place where a forward hook may put another value."""


class Attention(nn.Module):
    """Causal attention with rotary positions and a hook point at everything."""

    def __init__(self, width: int, heads: int, query_only: bool) -> None:
        super().__init__()
        self.heads, self.query_only = heads, query_only
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.v, self.scores, self.pattern = HookPoint(), HookPoint(), HookPoint()
        e = width // heads
        angle = torch.arange(5.0)[:, None] * 10000.0 ** (-torch.arange(0, e, 2) / e)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        self.register_buffer("hidden", torch.ones(5, 5).triu(1).bool(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        n, T, d = x.shape
        if self.query_only:
            to_q, to_kv = self.qkv.weight.split([d, 2 * d])
            q = nn.functional.linear(x[:, -1:], to_q).view(n, 1, self.heads, -1).transpose(1, 2)
            k, v = nn.functional.linear(x, to_kv).view(n, T, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        else:
            q, k, v = self.qkv(x).view(n, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        rows = q.shape[2]
        q, k, v = self.rotate(q, rows), self.rotate(k, T), self.v(v)
        scores = self.scores((q @ k.mT / q.shape[-1] ** 0.5).masked_fill(self.hidden[-rows:], -1e20))
        z = self.pattern(scores.softmax(-1)) @ v
        return self.out(z.transpose(1, 2).reshape(n, rows, d))

    def rotate(self, x: Tensor, rows: int) -> Tensor:
        cos, sin = self.cos[-rows:], self.sin[-rows:]
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


class Plain(nn.Module):
    """The attention-only transformer of one seed."""

    def __init__(self, task: ExemplarLabelTask, network: Transformer, *, query_only: bool) -> None:
        super().__init__()
        d, last = network.width, network.layers - 1
        self.exemplar, self.label = nn.Linear(task.D, d), nn.Embedding(task.K, d)
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(network.layers))
        self.layers = nn.ModuleList(
            Attention(d, network.heads, query_only and n == last) for n in range(network.layers)
        )
        self.embedding, self.blocks = HookPoint(), nn.ModuleList(HookPoint() for _ in range(network.layers))
        self.norm, self.read_out, self.logits = nn.LayerNorm(d), nn.Linear(d, task.K), HookPoint()

    def embed(self, exemplars: Tensor, labels: Tensor) -> Tensor:
        items, labels = self.exemplar(exemplars), self.label(labels)
        pairs = torch.stack([items[:, :-1], labels], dim=2).flatten(1, 2)
        return self.embedding(torch.cat([pairs, items[:, -1:]], dim=1))

    def forward(self, exemplars: Tensor, labels: Tensor) -> Tensor:
        x = self.embed(exemplars, labels)
        for norm, attention, block in zip(self.norms, self.layers, self.blocks, strict=True):
            written = attention(norm(x))
            x = block(x[:, -written.shape[1] :] + written)
        return self.logits(self.read_out(self.norm(x))[:, -1])

    def named(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Parameters of one seed, or their gradients, by the names that they have here."""
        P = {name: p.detach() for name, p in parameters.items()}
        maps = {"exemplar.weight": P["E"].T, "exemplar.bias": P["b"], "label.weight": P["labels"]}
        maps |= {"norm.weight": P["norm"], "norm.bias": P["shift"]}
        maps |= {"read_out.weight": P["U"].T, "read_out.bias": P["u"]}
        for n in range(len(self.norms)):
            maps |= {f"norms.{n}.weight": P[f"norm{n}"], f"norms.{n}.bias": P[f"shift{n}"]}
            qkv = [P[f"{name}{n}"].transpose(0, 1).flatten(1).T for name in "QKV"]
            maps |= {f"layers.{n}.qkv.weight": torch.cat(qkv), f"layers.{n}.out.weight": P[f"O{n}"].flatten(0, 1).T}
        return maps


@contextmanager
def hooked(hooks: Mapping[nn.Module, Hook]) -> Iterator[None]:
    """Put the values of hooks in the place of what modules give, for as long as this lasts."""
    handles = [
        module.register_forward_hook(lambda _, __, value, hook=hook: hook(value)) for module, hook in hooks.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def plain_logits(model: Plain, word: str, exemplars: Tensor, labels: Tensor, target: Tensor) -> Tensor:
    """The query's logits under a manipulation: one pass, or two."""
    if word == "free":
        return model(exemplars, labels)
    attention, found = model.layers[1], dict[str, Tensor]()
    active = torch.zeros(attention.heads, 1, 1).to(exemplars)
    active[ACTIVE] = 1

    def keep(name: str) -> Hook:
        return lambda value: found.setdefault(name, value)

    def alone(v: Tensor) -> Tensor:
        return v * active

    def induction(pattern: Tensor) -> Tensor:
        pattern = pattern.clone()
        pattern[:, ACTIVE, -1] = 0
        pattern[:, ACTIVE, -1, 1::2] = (labels == target[:, None]).to(pattern)
        return pattern

    def shifted(_: Tensor) -> Tensor:
        E = found["E"]
        return torch.cat([E[:, :1], E[:, :-2], E[:, -1:]], dim=1)

    if word == "match":
        with hooked({attention.v: alone, attention.pattern: induction}):
            return model(exemplars, labels)
    with hooked(
        {
            model.embedding: keep("E"),
            model.blocks[0]: shifted,
            attention.scores: keep("S"),
            attention.pattern: keep("A"),
        }
    ):
        logits = model(exemplars, labels)
    if word == "layer-0+copy":
        return torch.full_like(logits, -1e9).scatter(1, labels, found["S"][:, ACTIVE, -1, 1::2])
    with hooked({model.blocks[0]: lambda _: found["E"], attention.v: alone, attention.pattern: lambda _: found["A"]}):
        return model(exemplars, labels)


def plain_loss(model: Plain, word: str, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    exemplars, labels, target = batch
    return nn.functional.cross_entropy(plain_logits(model, word, exemplars, labels, target), target)


class Both:
    """The same parameters and batches of all seeds, here and in plain modules."""

    def __init__(self, seeds: int, batch: int) -> None:
        self.task = ExemplarLabelTask()
        self.network = Transformer(manipulations=subcircuits((1, ACTIVE), (0, 2)))  # type: ignore[arg-type]
        self.start = stacked(self.network, self.task, range(seeds))
        samples = [self.task.sample(seed, 0, batch) for seed in range(seeds)]
        self.data = self.network.batch(self.task, samples)
        self.seeds = seeds
        tests = [self.task.test_set("train", seed, 1000) for seed in range(seeds)]
        self.network.measures(self.start, self.network.batch(self.task, tests))  # as a training begins

    def here(self, word: str) -> Callable[[], None]:
        """One step of all seeds at once."""
        parameters = {name: value.clone().requires_grad_() for name, value in self.start.items()}
        values, adam, held, number = list(parameters.values()), Adam(lr=LR), self.held(word), [0]
        state = adam.start(values)

        def step() -> None:
            loss = self.network.losses(parameters, self.data, held)["loss"].sum()
            gradients = torch.autograd.grad(loss, values, materialize_grads=True)
            with torch.no_grad():
                adam.update(values, gradients, state, number[0])
            number[0] += 1

        return step

    def plain(self, word: str, *, strong: bool) -> Callable[[], None]:
        """One step of every seed, one after the other."""
        models = [self.model(seed, query_only=strong) for seed in range(self.seeds)]
        optimisers = [torch.optim.Adam(model.parameters(), lr=LR, fused=strong) for model in models]
        batches = [self.of(self.data, seed) for seed in range(self.seeds)]

        def step() -> None:
            for model, optimiser, batch in zip(models, optimisers, batches, strict=True):
                optimiser.zero_grad()
                plain_loss(model, word, batch).backward()
                optimiser.step()

        return step

    def differences(self, word: str) -> tuple[float, float]:
        """The largest of the losses, and of the gradients of all parameters, each relative to its largest entry."""
        parameters = {name: value.double().requires_grad_() for name, value in self.start.items()}
        data = self.data._replace(vectors=self.data.vectors.double())
        losses = self.network.losses(parameters, data, self.held(word))["loss"]
        found = torch.autograd.grad(losses.sum(), list(parameters.values()), materialize_grads=True)
        loss, gradient = 0.0, 0.0
        for seed in range(self.seeds):
            model = self.model(seed, query_only=False).double()
            model.load_state_dict(model.named({name: value[seed] for name, value in parameters.items()}))
            expected = plain_loss(model, word, self.of(data, seed))
            expected.backward()
            mine = model.named({name: g[seed] for name, g in zip(parameters, found, strict=True)})
            loss = max(loss, abs(float((losses[seed] - expected).detach())))
            for name, value in model.named_parameters():
                theirs = torch.zeros_like(value) if value.grad is None else value.grad
                scale = float(theirs.abs().max()) or 1.0
                gradient = max(gradient, float((mine[name] - theirs).abs().max()) / scale)
        return loss, gradient

    def model(self, seed: int, *, query_only: bool) -> Plain:
        model = Plain(self.task, self.network, query_only=query_only)
        model.load_state_dict(model.named({name: value[seed] for name, value in self.start.items()}))
        return model

    def of(self, data: Tokens, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        return data.exemplars[seed].contiguous(), data.labels[seed], data.target[seed]

    def held(self, word: str) -> dict[str, str]:
        return {} if word == "free" else {"manipulation": word}


def medians(ways: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median processor time of a step of each, in seconds."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            way()
            start = time.process_time()
            for _ in range(ROW):
                way()
            times[name].append((time.process_time() - start) / ROW)
    return {name: float(np.median(t)) for name, t in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="timed rows of steps of each way")
    parser.add_argument("--seeds", type=int, default=8, help="side by side, or one after the other")
    parser.add_argument("--steps", type=int, default=1000, help="of the whole training")
    parser.add_argument("--smoke", action="store_true", help="few steps: does everything once")
    options = parser.parse_args()
    rounds, steps = (1, 10) if options.smoke else (options.rounds, options.steps)
    torch.set_num_threads(1)
    both = Both(options.seeds, BATCH)
    size = sum(value[0].numel() for value in both.start.values())
    print(f"{options.seeds} seeds of {size} parameters, batch {BATCH}, one thread; seed-steps per second of processor")
    print(f"time, medians of {rounds}, and how many times as fast it is here (asked: 3 times the plain module)")
    for word in WORDS:
        loss, gradient = both.differences(word)
        ways = {
            "here": both.here(word),
            "plain": both.plain(word, strong=False),
            "query's row, fused Adam": both.plain(word, strong=True),
        }
        rate = {name: options.seeds / seconds for name, seconds in medians(ways, rounds).items()}
        told = ", ".join(f"{name} {r:.0f} ({rate['here'] / r:.1f})" for name, r in rate.items() if name != "here")
        print(f"{word:12s} here {rate['here']:5.0f}; {told}; loss differs by {loss:.0e}, a gradient by {gradient:.0e}")
    start = time.process_time()
    train(
        both.task, both.network, optimiser=Adam(lr=LR), steps=steps, seed=range(options.seeds), batch=BATCH,
        record_every=min(100, steps), held_out=1000, progress=False, clamp={"manipulation": "match"},
    )  # fmt: skip
    seconds = time.process_time() - start
    print(f"validation.train, match, {steps} steps with their data, and every 100 a record of {len(both.task.tests)} "
          f"sets of 1000 sequences: {options.seeds * steps / seconds:.0f} seed-steps/s")  # fmt: skip


if __name__ == "__main__":
    main()
