"""Ensembles with bounds: what it costs to meet one, to stay at it, and to leave it.

Run ``python -m tests.benchmarks.bounds`` (``--smoke`` for a short run whose ratios mean little). Every time is the best
of several rounds, peers in turns, on one processor, in processor time. Two factors learn a product, from random starts
(rtol 1e-6, t = 20). The first is bounded: nowhere, where no trajectory gets, where all get and stay. A driven one is
bounded likewise, and gets to its bound and leaves it three times.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

import minimodels as mm
from minimodels.model import Model

T_END = 20.0


def factors(*, bounded: bool) -> mm.GradientFlow:
    """Two factors that learn the product s."""
    return mm.GradientFlow(
        name="factors", state={"a": 0.1, "b": 0.3}, parameters={"s": 2.0, "top": 1.0}, loss="(a*b - s)**2/2",
        bounds={"a": (None, "top")} if bounded else {},
    )  # fmt: skip


def driven(*, bounded: bool) -> mm.Flow:
    """A state that is driven to and fro, and one that follows it."""
    return mm.Flow(
        name="driven", state={"x": 0.0, "y": 0.0, "t": 0.0}, parameters={"k": 1.0, "top": 1.0},
        drift={"x": "sin(t) - 0.02*x", "y": "k*(x - y)", "t": "1"}, bounds={"x": (None, "top")} if bounded else {},
    )  # fmt: skip


def ensemble(model: Model, columns: Mapping[str, np.ndarray], threads: int | None = 1) -> np.ndarray:
    """Final states, by the public sweep."""
    ended = mm.sweep(model, points=columns, t_end=T_END, keep=list(model.state), threads=threads, progress=False)
    return np.stack([ended[k].values for k in model.state])


def best(peers: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Shortest processor time of each, peers in turns."""
    times = dict.fromkeys(peers, np.inf)
    for _ in range(rounds):
        for name, run in peers.items():
            start = time.process_time()
            run()
            times[name] = min(times[name], time.process_time() - start)
    return times


def compare(what: str, free: Model, bounded: Model, columns: dict[str, np.ndarray], top: float, rounds: int) -> None:
    """Print what an ensemble costs that meets its bounds, against one that does not."""
    count = len(next(iter(columns.values())))
    far = columns | {"top": np.full(count, 1e6)}
    near = columns | {"top": np.random.default_rng(1).uniform(0.6, 1.0, count) * top}
    alike = np.abs(ensemble(free, far) - ensemble(bounded, far)).max()
    met = ensemble(bounded, near)[0]
    print(f"\n{what}: {count} trajectories, {np.mean(met == near['top']):.0%} end at their bound;")
    print(f"where none meets it, they differ from those without bounds by {alike:.0e}")
    times = best(
        {
            "without bounds": lambda: ensemble(free, far),
            "that meet none": lambda: ensemble(bounded, far),
            "that meet theirs": lambda: ensemble(bounded, near),
        },
        rounds,
    )
    for name, seconds in times.items():
        ratio = f"{seconds / times['that meet none']:.2f} times those that meet none" if "theirs" in name else ""
        print(f"{name:<18} {1e6 * seconds / count:7.2f} us a trajectory   {ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few points: does everything once")
    smoke = parser.parse_args().smoke
    count, rounds = (4000, 1) if smoke else (200_000, 4)
    rng = np.random.default_rng(0)
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cpus:
        os.sched_setaffinity(0, {min(cpus)})
    starts = {"a_0": rng.uniform(0.01, 0.4, count), "b_0": rng.uniform(0.2, 0.6, count)}
    compare("met once, then held", factors(bounded=False), factors(bounded=True), starts, 1.0, rounds)
    pace = {"k": rng.uniform(0.2, 2.0, count)}
    compare("met and left three times", driven(bounded=False), driven(bounded=True), pace, 1.5, rounds)
    print("(asked: at most 2 times)")
    if cpus:
        os.sched_setaffinity(0, cpus)
    many = 4000 if smoke else 1_000_000
    columns = {
        "a_0": rng.uniform(0.01, 0.4, many), "b_0": rng.uniform(0.2, 0.6, many), "top": rng.uniform(0.6, 1.0, many)
    }  # fmt: skip
    start = time.perf_counter()
    ensemble(factors(bounded=True), columns, threads=None)
    print(f"{many} trajectories that meet a bound, all threads: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
