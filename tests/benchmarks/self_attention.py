"""One training step of a linear self-attention layer: as trained here against a plain layer of all tokens; and a run.

Run ``python -m tests.benchmarks.self_attention`` on one core. The plain layer takes 11 tokens through K, Q, V, P with
full attention and `torch.optim.Adam`, as one first writes it; both start from the same 484 parameters, and their first
losses are printed. Steps are timed ten in a row, in turns, with data drawn beforehand and with data drawn in the step.
"""

import argparse
import time
from collections.abc import Callable

import torch

from minimodels.tasks.linear_regression import LinearRegressionTask
from tests.benchmarks.ensembles import best
from validation import Adam, SelfAttention, train
from validation.loop import stacked

ROW = 10  # steps that are timed in a row, as a training makes them
Tensors = tuple[torch.Tensor, torch.Tensor]


class PlainLayer(torch.nn.Module):
    """Linear self-attention over all tokens, the query's apart from keys and values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.K, self.Q, self.V, self.P = (torch.nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        context = tokens[:, :-1]
        scores = self.Q(tokens) @ self.K(context).mT
        return tokens + self.P(scores @ self.V(context))


def plain_data(batch: int, N: int, d: int) -> Tensors:
    """Tokens and labels of fresh tasks, as one draws them in PyTorch."""
    x, w = torch.rand(batch, N + 1, d) - 0.5, torch.randn(batch, d)
    labels = (x @ w[:, :, None])[..., 0]
    y = labels.clone()
    y[:, -1] = 0
    return torch.cat([x, y[..., None]], dim=2), labels[:, -1]


def steps(task: LinearRegressionTask, batch: int) -> dict[str, Callable[[], float]]:
    """Both ways to make one step, each with its data drawn beforehand and in the step; they return the loss."""
    network, adam = SelfAttention(), Adam(lr=1e-3, beta2=0.98, clip=1e-3)
    ours = {name: t.requires_grad_() for name, t in stacked(network, task, (0,)).items()}
    values, state, number = list(ours.values()), adam.start(list(ours.values())), [0]
    plain = PlainLayer(task.d + 1)
    with torch.no_grad():
        for name, value in ours.items():
            getattr(plain, name).weight.copy_(value[0, 0, 0])
    optimiser = torch.optim.Adam(plain.parameters(), lr=1e-3, betas=(0.9, 0.98))
    drawn = network.batch(task, [task.sample(0, 0, batch)])
    query = torch.cat([drawn.context, drawn.query[:, :, None]], dim=2)[0], drawn.target[0]

    def as_trained(data: Callable[[], object]) -> float:
        loss = network.losses(ours, data())["loss"].sum()  # type: ignore[arg-type]
        gradients = torch.autograd.grad(loss, values)
        with torch.no_grad():
            adam.update(values, gradients, state, number[0])
        number[0] += 1
        return float(loss.detach())

    def everywhere(data: Callable[[], Tensors]) -> float:
        tokens, target = data()
        optimiser.zero_grad()
        loss = 0.5 * (plain(tokens)[:, -1, -1] + target).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1e-3)
        optimiser.step()
        return float(loss.detach())

    return {
        "here": lambda: as_trained(lambda: drawn),
        "plain": lambda: everywhere(lambda: query),
        "here, data drawn": lambda: as_trained(lambda: network.batch(task, [task.sample(0, number[0] * batch, batch)])),
        "plain, data drawn": lambda: everywhere(lambda: plain_data(batch, task.N, task.d)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="timed steps of each way")
    parser.add_argument("--batch", type=int, default=2048, help="tasks in a minibatch")
    parser.add_argument("--steps", type=int, default=3000, help="of the whole run")
    parser.add_argument("--smoke", action="store_true", help="few steps: does everything once")
    options = parser.parse_args()
    rounds, length = (3, 5) if options.smoke else (options.rounds, options.steps)
    torch.set_num_threads(1)
    task = LinearRegressionTask()
    ways = steps(task, options.batch)
    first = {name: ways[name]() for name in ("here", "plain")}
    print(f"first loss here {first['here']:.6f}, plain {first['plain']:.6f}")
    in_a_row = {name: lambda way=way: [way() for _ in range(ROW)] for name, way in ways.items()}
    ms = {name: 1e3 * seconds / ROW for name, seconds in best(in_a_row, rounds).items()}
    print(f"Training step, 484 parameters, batch {options.batch}, one core; shortest of {rounds}.")
    for what in ("", ", data drawn"):
        here, plain = ms[f"here{what}"], ms[f"plain{what}"]
        kind = what.removeprefix(", ") or "data given"
        print(f"{kind:11s} here {here:.2f} ms, plain {plain:.2f} ms, {plain / here:.2f} times as fast (asked: 3)")
    for seeds in ((0,), (0, 1, 2)):
        start = time.perf_counter()
        run = train(
            task, SelfAttention(), optimiser=Adam(lr=1e-3, beta2=0.98, clip=1e-3), steps=length, seed=seeds,
            batch=options.batch, record_every=100, held_out=2048, threads=1, progress=False,
        )  # fmt: skip
        took = time.perf_counter() - start
        print(f"{length} steps of {len(seeds)} seed(s): {took:.1f} s, {took / len(seeds):.1f} s a seed; last loss "
              f"{', '.join(f'{float(v):.4f}' for v in run['loss'].isel(step=-1))} (asked: 30 s a seed)")  # fmt: skip


if __name__ == "__main__":
    main()
