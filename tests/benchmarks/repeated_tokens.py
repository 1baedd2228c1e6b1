"""Trainings on repeated tokens: as here, against a loop over ordinary modules, one run after the other.

Run ``python -m tests.benchmarks.repeated_tokens`` (``--smoke`` for a short run whose ratios mean little). First steps
on one thread, in processor time, by width: forward, backward and update of four seeds side by side against a module
each with `torch.optim.Adam`, fused too. Losses and gradients at the same parameters are compared before. Then whole
runs, in time on the clock: cells of the quick scan with all their seeds by `validation.jobs`, a worker a processor,
against a plain loop in one process, with as many threads as PyTorch takes; each draws its own data.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from minimodels.tasks.repeated_tokens import RepeatedTokensTask
from tests.validation.hernandez.plain import Plain
from validation.hernandez import settings
from validation.hernandez.network import TokenTransformer
from validation.jobs import Trainings
from validation.loop import stacked
from validation.optimisers import Adam
from validation.trainings import NetworkTraining

WIDTHS, SEEDS, ROW = (8, 16, 32, 64), 4, 5
TASK = RepeatedTokensTask(f=0.1, distinct=40)


def compare(network: TokenTransformer) -> tuple[float, float]:
    """Largest differences of losses and gradients, relative to the largest gradient, in single precision."""
    parameters = {name: p.requires_grad_() for name, p in stacked(network, TASK, range(SEEDS)).items()}
    batch = network.batch(TASK, [TASK.sample(seed, 0, settings.BATCH) for seed in range(SEEDS)])
    losses = network.losses(parameters, batch)["loss"]
    gradients = dict(zip(parameters, torch.autograd.grad(losses.sum(), list(parameters.values())), strict=True))
    off_loss = off_gradient = 0.0
    for seed in range(SEEDS):
        plain = Plain(TASK, network)
        plain.load_state_dict(plain.named({name: p[seed] for name, p in parameters.items()}))
        loss = plain.loss(batch.tokens[seed])
        loss.backward()
        off_loss = max(off_loss, abs(float((loss - losses[seed]).detach())))
        there = plain.named({name: g[seed] for name, g in gradients.items()})
        for name, p in plain.named_parameters():
            assert p.grad is not None
            off_gradient = max(off_gradient, float((there[name] - p.grad).abs().max()))
    return off_loss, off_gradient


def ours(network: TokenTransformer) -> Iterator[None]:
    """Updates of all seeds, side by side."""
    parameters = stacked(network, TASK, range(SEEDS))
    tensors, how = [p.requires_grad_() for p in parameters.values()], Adam(lr=1e-3)
    state, step = how.start(tensors), 0
    batch = network.batch(TASK, [TASK.sample(seed, 0, settings.BATCH) for seed in range(SEEDS)])
    while True:
        gradients = torch.autograd.grad(network.losses(parameters, batch)["loss"].sum(), tensors)
        with torch.no_grad():
            how.update(tensors, gradients, state, step)
        step += 1
        yield


def plain(network: TokenTransformer, *, fused: bool) -> Iterator[None]:
    """Updates of a module for every seed."""
    modules = [Plain(TASK, network) for _ in range(SEEDS)]
    each = [torch.optim.Adam(module.parameters(), fused=fused or None) for module in modules]
    batches = [torch.from_numpy(TASK.sample(seed, 0, settings.BATCH).tokens) for seed in range(SEEDS)]
    while True:
        for module, optimiser, tokens in zip(modules, each, batches, strict=True):
            optimiser.zero_grad()
            module.loss(tokens).backward()
            optimiser.step()
        yield


def rates(network: TokenTransformer, rounds: int) -> dict[str, float]:
    """Seed-steps per second of processor time, medians of rounds in turns."""
    ways = {"here": ours(network), "plain": plain(network, fused=False), "fused Adam": plain(network, fused=True)}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            begin = time.process_time()
            for _ in range(ROW):
                next(way)
            seconds[name].append(time.process_time() - begin)
    return {name: SEEDS * ROW / float(np.median(each[1:])) for name, each in seconds.items()}


def loop(trainings: list[NetworkTraining]) -> None:
    """Train one run after the other, as it is usually written."""
    for training in trainings:
        for seed in training.seeds:
            module = Plain(training.task, training.network)  # type: ignore[arg-type]
            optimiser = torch.optim.Adam(module.parameters(), lr=training.optimiser.lr)
            for step in range(training.steps):
                tokens = training.task.sample(seed, step * training.batch, training.batch).tokens
                for group in optimiser.param_groups:
                    group["lr"] = training.optimiser.rate(step)  # type: ignore[attr-defined]
                optimiser.zero_grad()
                module.loss(torch.from_numpy(tokens)).backward()
                optimiser.step()


def side_by_side(trainings: list[NetworkTraining]) -> None:
    """Train as claims do."""
    with TemporaryDirectory() as folder, Trainings(
        [("benchmark", training) for training in trainings], out=folder, workers=os.cpu_count() or 1
    ) as running:  # fmt: skip
        for done in running.finished():
            assert not done.failure, done.failure


def clock(work: Callable[[], None]) -> float:
    """Seconds on the clock."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Print seed-steps a second of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="few steps: does everything once")
    smoke = parser.parse_args().smoke
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    print(f"updates of {SEEDS} seeds, {settings.BATCH} sequences of {TASK.T} tokens, one thread, processor time")
    for width in WIDTHS[::3] if smoke else WIDTHS:
        network = TokenTransformer(width=width)
        loss, gradient = compare(network)
        assert loss < 1e-5, loss
        assert gradient < 1e-5, gradient
        found = rates(network, 1 if smoke else 15)
        ratios = ", ".join(f"{name} {found[name]:.0f} ({found['here'] / found[name]:.2f})" for name in found)
        print(f"width {width:3}: seed-steps a second and how many times as fast it is here: {ratios}; "
              f"loss differs by {loss:.0e}, a gradient by {gradient:.0e}")  # fmt: skip
    torch.set_num_threads(threads)
    cells = [training for f in settings.SHARES for training in settings.scan(False, f).values()][: 2 if smoke else None]
    less: dict[str, Any] = {"analyses": (), "held_out": 16, "record_every": 10**6}
    runs = [replace(cell, steps=20 if smoke else cell.steps // 2, **less) for cell in cells]
    number = sum(len(run.seeds) * run.steps for run in runs)
    here, there = clock(lambda: side_by_side(runs)), clock(lambda: loop(runs))
    print(f"{len(runs)} cells of {len(runs[0].seeds)} seeds, {runs[0].steps} steps: here {number / here:.0f} "
          f"seed-steps a second, plain loop with {threads} threads {number / there:.0f}: {there / here:.2f} times as "
          f"many (asked: 2)")  # fmt: skip


if __name__ == "__main__":
    main()
