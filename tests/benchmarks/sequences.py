"""Sequences per second: `ItemLabelTask.batches` against a NumPy loop over sequences that follows the text of the law.

Run ``python -m tests.benchmarks.sequences``; both are measured in turns in this run, in one thread and in its CPU time,
so that other work on the machine does not count.
"""

import argparse
import itertools
import math
import time
from collections.abc import Iterator

import numpy as np

from minimodels.tasks.item_label import Embeddings, ItemLabelTask
from minimodels.tasks.item_label_draws import BLOCK


def plain(task: ItemLabelTask, emb: Embeddings, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Contents (BLOCK, 2N + 1, D) of minibatches of the same law (distinct labels, zipf 0), a sequence at a time."""
    norm, root = math.sqrt(1 + task.eps**2), math.sqrt(task.D)
    assert task.K_c is not None
    while True:
        batch = np.empty((BLOCK, task.length, task.D), np.float32)
        novel_means = rng.standard_normal((task.K_c, task.D), np.float32) / root
        for sequence in batch:
            novel = rng.random() < task.p_C
            means = novel_means if novel else emb.means
            if novel or rng.random() < task.p_B:
                labels = rng.choice(task.L, task.N_c, replace=False)
                chosen = labels + task.L * rng.integers(len(means) // task.L, size=task.N_c)
                classes = rng.permutation(np.repeat(chosen, task.copies))
                target = rng.choice(classes)
            else:
                classes, target = rng.integers(task.K, size=task.N), rng.integers(task.K)
            rng.integers(2 * (task.N_max - task.N), endpoint=True)  # the shift
            noise = rng.standard_normal((task.N + 1, task.D), np.float32) / root
            sequence[0::2] = (means[np.append(classes, target)] + task.eps * noise) / norm
            sequence[1::2] = emb.labels[classes % task.L]
        yield batch


def rate(batches: Iterator[object], number: int) -> float:
    """Sequences per second over so many minibatches."""
    start = time.process_time()
    for _ in itertools.islice(batches, number):
        pass
    return number * BLOCK / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="one short round, to see that it runs")
    rounds, ours, theirs = (1, 20, 2) if parser.parse_args().smoke else (15, 100, 10)
    print(f"N=8, L=32, K=256, D=63, eps=0.1, minibatches of {BLOCK}, 1 thread; medians of {rounds} rounds.")
    for p_C in (0.0, 0.8, 1.0):
        task = ItemLabelTask(N=8, L=32, K=256, D=63, eps=0.1, p_C=p_C)
        generators = task.batches(0, BLOCK), plain(task, task.embeddings(0), np.random.default_rng(0))
        for generator in generators:
            next(generator)
        rates = np.array([[rate(g, n) for g, n in zip(generators, (ours, theirs), strict=True)] for _ in range(rounds)])
        fast, slow = np.median(rates, axis=0)
        print(
            f"p_C={p_C:g}: {fast:,.0f} sequences/s ({BLOCK / fast * 1e6:.0f} us a minibatch), "
            f"loop {slow:,.0f} sequences/s, ratio {fast / slow:.1f}"
        )


if __name__ == "__main__":
    main()
