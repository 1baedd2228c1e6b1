"""One training step (forward, backward, update): the network as trained against the plain forward-everywhere one.

Run ``python -m tests.benchmarks.training_step``; both are measured in turns in this run, data drawn
beforehand.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from minimodels.tasks.item_label import ItemLabelTask
from tests.validation.reddy import plain
from validation import SGD, AttentionOnly


def steps(task: ItemLabelTask, batch: int) -> dict[str, Callable[[], None]]:
    """Both ways to make one step, from the same parameters on the same sequences."""
    network, sgd = AttentionOnly(), SGD(lr=0.01)
    drawn = task.sample(0, 0, batch)
    batched = network.batch(task, [drawn])
    tokens, target = batched.tokens[0], batched.target[0]
    ours = {name: t.requires_grad_() for name, t in network.stacked(task, (0,)).items()}
    theirs = {name: t.detach()[0].clone().requires_grad_() for name, t in ours.items()}
    values = list(ours.values())

    def last_token() -> None:
        loss = network.losses(ours, batched)["loss"].sum()
        gradients = torch.autograd.grad(loss, values)
        with torch.no_grad():
            sgd.update(values, gradients, {}, 0)

    def everywhere() -> None:
        plain.step(theirs, tokens, target, sgd.lr, sgd.decay)

    return {"last token": last_token, "plain": everywhere}


def median_ms(functions: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median wall time of each, called in turns."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(rounds + 3):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if turn >= 3:
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: float(np.median(t)) for name, t in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="timed steps of each way")
    parser.add_argument("--batch", type=int, default=128, help="sequences in a minibatch")
    options = parser.parse_args()
    task = ItemLabelTask(N=8, L=32, D=63, N_max=32)
    print(f"Training step, N={task.N}, L={task.L}, d={task.width}, batch {options.batch}; median of {options.rounds}.")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        ms = median_ms(steps(task, options.batch), options.rounds)
        print(
            f"{threads} thread{'s' * (threads > 1)}: last token {ms['last token']:.1f} ms, plain {ms['plain']:.1f} ms, "
            f"ratio {ms['plain'] / ms['last token']:.2f}"
        )


if __name__ == "__main__":
    main()
