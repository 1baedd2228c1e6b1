"""Training steps of the induction head: minimodels against the same model, data law and batch in plain PyTorch.

Run ``python -m tests.benchmarks.induction_head`` (``--smoke`` for a short run whose ratios mean little). One thread
each, both with the drawing of their data, in turns; the loss curves are compared over seeds. N=8, L=32, K=256, D=63,
batch 128, p_C=1, head from 0. The deep classifier is mostly matrix products: what kernels OpenBLAS chose is printed;
on processors that it does not know ``OPENBLAS_CORETYPE`` chooses others (SkylakeX: AVX-512).
"""

import argparse
import math
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_info
from torch.nn import functional

import minimodels as mm

TASK = mm.ItemLabelTask(N=8, L=32, K=256, D=63, p_C=1.0)
BATCH = 128
WINDOW = 20  # steps over which losses are averaged
SETTINGS = {  # head, learning rate
    "linear read-out": (mm.InductionHead(classifier="linear"), 1.0),
    "deep classifier": (mm.InductionHead(gain=17.0), 0.05),
}


class Head(torch.nn.Module):
    """The two-parameter head as one would write it, with autograd."""

    def __init__(self, head: mm.InductionHead) -> None:
        super().__init__()
        self.gain, self.concat = head.gain, head.classifier == "deep"
        self.beta_1, self.alpha = (torch.nn.Parameter(torch.zeros(())) for _ in range(2))
        inputs, self.W, self.b = TASK.D, torch.nn.ParameterList(), torch.nn.ParameterList()
        if self.concat:
            inputs *= 2
            for _ in range(head.layers):
                self.W.append(torch.nn.Parameter(torch.randn(head.width, inputs) * math.sqrt(2 / inputs)))
                self.b.append(torch.nn.Parameter(torch.randn(()) / math.sqrt(head.width)))
                inputs = head.width
        self.S = torch.nn.Parameter(torch.randn(TASK.L, inputs) / math.sqrt(inputs) * self.concat)
        self.previous = torch.diag(torch.ones(TASK.length - 1), -1)
        self.future = torch.triu(torch.ones(TASK.length, TASK.length, dtype=torch.bool), 1)

    def forward(self, content: torch.Tensor) -> torch.Tensor:
        first = torch.softmax((self.beta_1 * self.previous).masked_fill(self.future, -torch.inf), 1)
        target = content[:, -1]
        matches = torch.einsum("nid,nd->ni", first @ content, target)
        out = self.gain * torch.einsum("nj,njd->nd", torch.softmax(self.alpha * matches, 1), content)
        h = torch.cat([target, out], 1) if self.concat else out
        for W, b in zip(self.W, self.b, strict=True):
            h = torch.relu(functional.linear(h, W) + b)
        return functional.linear(h, self.S)


def draw(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A minibatch of bursty sequences of novel classes: content and target."""
    N, D = TASK.N, TASK.D
    means = torch.randn(TASK.K_c or 0, D) / math.sqrt(D)
    shown = torch.rand(BATCH, TASK.L).argsort(1)[:, :N]
    classes = shown + TASK.L * torch.randint(0, len(means) // TASK.L, (BATCH, N))
    asked = torch.randint(0, N, (BATCH, 1))
    classes = torch.cat([classes, classes.gather(1, asked)], 1)
    noise = torch.randn(BATCH, N + 1, D) / math.sqrt(D)
    items = (means[classes] + TASK.eps * noise) / math.sqrt(1 + TASK.eps**2)
    content = torch.empty(BATCH, TASK.length, D)
    content[:, 0::2], content[:, 1::2] = items, labels[shown]
    return content, shown.gather(1, asked)[:, 0]


def theirs(head: mm.InductionHead, lr: float, steps: int, seed: int) -> list[float]:
    torch.manual_seed(seed)
    labels = torch.randn(TASK.L, TASK.D) / math.sqrt(TASK.D)
    network = Head(head)
    optimiser = torch.optim.SGD(network.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        content, target = draw(labels)
        loss = functional.cross_entropy(network(content), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def ours(head: mm.InductionHead, lr: float, steps: int, seed: int) -> list[float]:
    run = mm.train_head(
        TASK, head, lr=lr, steps=steps, seed=seed, batch=BATCH, record_every=WINDOW, held_out=1, tests=(), threads=1,
        progress=False,
    )  # fmt: skip
    return run.train_loss.values[1:].tolist()  # means over WINDOW steps


def best_ms(functions: dict[str, Callable[[], object]], steps: int, rounds: int) -> dict[str, float]:
    """Shortest time of a step of each, called in turns."""
    times = dict.fromkeys(functions, np.inf)
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name] = min(times[name], 1e3 * (time.perf_counter() - start) / steps)
    return times


def curves(head: mm.InductionHead, lr: float, steps: int, seeds: int) -> None:
    """Print both loss curves and the steps of their transitions, with the differences that the seeds explain."""
    sides = [np.array([f(head, lr, steps, seed) for seed in range(seeds)]) for f in (ours, theirs)]
    losses = [side.reshape(seeds, steps // WINDOW, -1).mean(2) for side in sides]
    for i in range(0, steps // WINDOW, max(1, steps // WINDOW // 8)):
        print(f"  steps {i * WINDOW} to {(i + 1) * WINDOW}: loss {compared([x[:, i] for x in losses], 3)}")
    below = [np.where((x < 2).any(1), (x < 2).argmax(1) * float(WINDOW), np.nan) for x in losses]
    print(f"  loss below 2 from step {compared(below, 0)}; ours {below[0]}, PyTorch {below[1]}")


def compared(sides: list[np.ndarray], digits: int) -> str:
    """Means of both sides over the seeds that have a number, and their difference with its standard error."""
    found = [side[np.isfinite(side)] for side in sides]
    if min(map(len, found)) < 2:
        return "(not reached)"
    first, second = (side.mean() for side in found)
    error = np.sqrt(sum(side.var(ddof=1) / len(side) for side in found))
    return (
        f"{first:.{digits}f}, PyTorch {second:.{digits}f}, difference {first - second:.{digits}f} ± {error:.{digits}f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few steps: does everything once")
    options = parser.parse_args()
    steps, rounds, length, seeds = (WINDOW, 2, 2 * WINDOW, 2) if options.smoke else (15 * WINDOW, 5, 1000, 6)
    torch.set_num_threads(1)
    for library in threadpool_info():
        if library["user_api"] == "blas":
            print(f"BLAS: {library['internal_api']} {library['version']}, kernels for {library['architecture']}")
    for name, (head, lr) in SETTINGS.items():
        ours(head, lr, WINDOW, 0)  # compiles
        pair = {"ours": lambda: ours(head, lr, steps, 0), "PyTorch": lambda: theirs(head, lr, steps, 0)}  # noqa: B023
        ms = best_ms(pair, steps, rounds)
        print(
            f"{name}, a step with its data: {ms['ours']:.2f} ms, PyTorch {ms['PyTorch']:.2f} ms, "
            f"{ms['PyTorch'] / ms['ours']:.1f} times as fast (asked: 4)"
        )
        curves(head, lr, length, seeds)


if __name__ == "__main__":
    main()
