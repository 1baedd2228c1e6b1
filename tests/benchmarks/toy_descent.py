"""Gradient descent of the three-vector model from random starts: minimodels against a jitted scan of its map in JAX.

Run ``python -m tests.benchmarks.toy_descent`` (``--smoke`` for a short run whose ratios mean little). Both iterate the
exact map of norms and overlaps (d = 20, lr = 1) in float64 for 5000 steps and keep the first step at which the loss is
below half of that of predicting zero. Every rate is the best of several rounds, peers in turns, on one processor, in
processor time: what else the machine does is not counted. JAX maps over blocks of 2000 trajectories, whose numbers stay
in the cache, with the vectors written out, which is faster than with stacked arrays.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np

import minimodels as mm
from minimodels.model import Model

STEPS, BLOCK, N = 5000, 2000, 8000.0
NAMES = [f"{letter}_{i}" for letter in ("T", "n", "s") for i in (1, 2, 3)]


def jax_scan() -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """The map under vmap, scan and jit."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    State = tuple[jax.Array, ...]

    def one(*given: jax.Array) -> jax.Array:
        Ta, Tb, Tc, *start = given
        truth = Ta * Tb * Tc

        def moved(n: jax.Array, s: jax.Array, T: jax.Array, A: jax.Array, B: jax.Array) -> State:
            g = 1 - A
            return g * g * n + 2 * g * B * s + B * B * T, g * s + B * T

        def step(state: State, t: jax.Array) -> tuple[State, None]:
            na, nb, nc, sa, sb, sc, first = state
            below = na * nb * nc - 2 * sa * sb * sc + truth < truth / 2
            first = jnp.where(below & (first < 0), t, first)
            na_, sa_ = moved(na, sa, Ta, nb * nc / N, sb * sc / N)
            nb_, sb_ = moved(nb, sb, Tb, na * nc / N, sa * sc / N)
            nc_, sc_ = moved(nc, sc, Tc, na * nb / N, sa * sb / N)
            return (na_, nb_, nc_, sa_, sb_, sc_, first), None

        end, _ = jax.lax.scan(step, (*start, jnp.float64(-1)), jnp.arange(STEPS + 1.0))
        return end[-1]

    compiled = jax.jit(jax.vmap(one))

    def run(columns: Mapping[str, np.ndarray]) -> np.ndarray:
        arrays = [columns[k if k in columns else f"{k}_0"] for k in NAMES]
        blocks = [
            np.asarray(compiled(*(jnp.asarray(a[i : i + BLOCK]) for a in arrays)))
            for i in range(0, len(arrays[0]), BLOCK)
        ]
        first = np.concatenate(blocks)
        return np.where(first < 0, np.nan, first)

    return run


def ours(m: Model, columns: Mapping[str, np.ndarray], threads: int, *, stop: bool = False) -> np.ndarray:
    """The public sweep, as a user calls it."""
    found = mm.sweep(
        m, points=columns, steps=STEPS, keep="escape_time", threads=threads, stop_at="escape_time" if stop else None,
    )  # fmt: skip
    return found.escape_time.values


def best(peers: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Shortest time of each, peers in turns."""
    times = dict.fromkeys(peers, np.inf)
    for _ in range(rounds):
        for name, run in peers.items():
            start = clock()
            run()
            times[name] = min(times[name], clock() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true")
    smoke = parser.parse_args().smoke
    count, rounds = (4000, 1) if smoke else (40_000, 4)
    m = mm.model("tensor_product", k=3)
    columns = mm.draw_vectors(m, count)
    scan = jax_scan()
    expected, found = scan(columns), ours(m, columns, 1)
    differs = ~((found == expected) | (np.isnan(found) & np.isnan(expected)))
    print(f"{count} random starts, {STEPS} steps: {np.isnan(found).mean():.1%} are not at half loss by then")
    print(f"{int(differs.sum())} half-loss times differ from JAX's")
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cpus:
        os.sched_setaffinity(0, {min(cpus)})
    peers: dict[str, Callable[[], object]] = {
        "minimodels": lambda: ours(m, columns, 1),
        "ended at half loss": lambda: ours(m, columns, 1, stop=True),
        "JAX vmap, scan, jit": lambda: scan(columns),
    }
    rate = {name: count / seconds for name, seconds in best(peers, rounds, time.process_time).items()}
    for name, value in rate.items():
        ratios = [f"{rate[k] / value:.1f}" for k in ("minimodels", "ended at half loss")]
        told = f"   minimodels is {ratios[0]} times as fast, {ratios[1]} if it ends there" if "JAX" in name else ""
        print(f"{name:<20} {value:10.0f} trajectories/s and core{told}")
    print("(asked: 3 times, aim 10)")
    if cpus:
        os.sched_setaffinity(0, cpus)
    many = mm.draw_vectors(m, count if smoke else 100_000)
    start = time.perf_counter()
    ours(m, many, min(2, os.cpu_count() or 1))
    seconds = time.perf_counter() - start
    print(f"{len(many['T_1'])} trajectories of {STEPS} steps on two threads: {seconds:.2f} s (asked: 60)")


if __name__ == "__main__":
    main()
