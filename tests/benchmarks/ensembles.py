"""Ensembles of nested-logit trajectories: minimodels against JAX diffrax, SciPy LSODA and itself on two threads.

Run ``python -m tests.benchmarks.ensembles`` (``--smoke`` for a short run whose ratios mean little). Every rate is the
best of several rounds, peers in turns. N is uniform in [2, 16], L/N in [1.2, 8], all states start at 0.01, t = 1000,
rtol 1e-6, atol 1e-9, attend="labels".
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np
from scipy.integrate import solve_ivp

import minimodels as mm
from minimodels.pool import run_parts
from minimodels.problem import Options, Problem, problem

RTOL, ATOL, T_END, START = 1e-6, 1e-9, 1000.0, 0.01


def points(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random (N, L), not a grid."""
    rng = np.random.default_rng(seed)
    n = rng.uniform(2, 16, count)
    return {"N": n, "L": n * rng.uniform(1.2, 8, count)}


def stated() -> Problem:
    return problem(mm.model("nested_logit", attend="labels"), T_END, Options(rtol=RTOL, atol=ATOL))


def ours(stated: Problem, given: dict[str, np.ndarray], threads: int) -> np.ndarray:
    """Final states of all points, in chunks on threads as `sweep` runs them."""
    count = len(given["N"])
    y0, par, status = stated.points(given, count)
    final = np.empty_like(y0)
    size = max(1, count // 16)
    chunks = [slice(a, min(a + size, count)) for a in range(0, count, size)]

    def collect(part: slice, batch: object) -> None:
        final[part] = batch.state  # type: ignore[attr-defined]

    run_parts(
        stated.run, lambda part: (y0[part], par[part], status[part]), chunks, threads=threads, on_done=collect,
    )  # fmt: skip
    return final


def drift(t: float, y: np.ndarray, n: float, size: float) -> list[float]:
    """The flow written out by hand for the peers: labels only, B = 1, M = N."""
    beta, alpha, xi = y
    p = 1 / (1 + n * np.exp(-beta))
    z = np.exp(alpha * p) + n - 1
    q, o = np.exp(alpha * p) / z, 1 / z
    e = np.exp(xi * (o - q))
    total = 1 + (n - 1) * e + (size - n) * np.exp(-xi * q)
    r, rest = 1 / total, (n - 1) * e / total
    pull = xi * q * ((1 - r) * (1 - q) + rest * o)
    return [alpha * p * (1 - p) * pull, p * pull, (1 - r) * q - rest * o]


def scipy_end(n: float, size: float, method: str, rtol: float, atol: float) -> np.ndarray:
    return solve_ivp(drift, (0, T_END), [START] * 3, method=method, args=(n, size), rtol=rtol, atol=atol).y[:, -1]


def diffrax_solver() -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """Tsit5 under vmap and jit, one processor, float64, the same tolerances."""
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def field(t: float, y: jax.Array, args: tuple[jax.Array, jax.Array]) -> jax.Array:
        beta, alpha, xi = y
        n, size = args
        p = jax.nn.sigmoid(beta - jnp.log(n))
        grown = jnp.exp(alpha * p)
        z = grown + n - 1
        q, o = grown / z, 1 / z
        e = jnp.exp(xi * (o - q))
        total = 1 + (n - 1) * e + (size - n) * jnp.exp(-xi * q)
        r, rest = 1 / total, (n - 1) * e / total
        pull = xi * q * ((1 - r) * (1 - q) + rest * o)
        return jnp.stack([alpha * p * (1 - p) * pull, p * pull, (1 - r) * q - rest * o])

    def one(n: jax.Array, size: jax.Array) -> jax.Array:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field), diffrax.Tsit5(), 0.0, T_END, None, jnp.full(3, START), args=(n, size),
            stepsize_controller=diffrax.PIDController(rtol=RTOL, atol=ATOL, pcoeff=0.4, icoeff=0.3),
            max_steps=4096, saveat=diffrax.SaveAt(t1=True),
        )  # fmt: skip
        return solution.ys[0]

    compiled = jax.jit(jax.vmap(one))
    return lambda given: np.asarray(compiled(jnp.asarray(given["N"]), jnp.asarray(given["L"])).block_until_ready())


def best(functions: Mapping[Any, Callable[[], object]], rounds: int) -> dict[Any, float]:
    """Shortest wall time of each, called in turns."""
    times = dict.fromkeys(functions, np.inf)
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name] = min(times[name], time.perf_counter() - start)
    return times


def pin(cpus: set[int]) -> None:
    """Keep this process on some processors, so that peers share conditions."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)


def start_up() -> None:
    """Print import, cold and warm first call, each in a process of its own with an empty kernel folder."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"MINIMODELS_CACHE_DIR": folder}

        def seconds(command: list[str]) -> float:
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            return time.perf_counter() - start

        cli = str(Path(sys.executable).with_name("minimodels"))
        bare = min(seconds([sys.executable, "-c", "pass"]) for _ in range(5))
        loaded = min(seconds([sys.executable, "-c", "import minimodels"]) for _ in range(5))
        command = [cli, "simulate", "nested_logit", "--N", "8", "--L", "32", "--t-end", "2000"]
        cold = seconds(command)
        files = len(list(Path(folder).rglob("*.nb?")))
        warm = min(seconds(command) for _ in range(3))
        fresh = len(list(Path(folder).rglob("*.nb?"))) - files
        print(f"import minimodels                       {loaded - bare:8.3f} s   (asked: < 0.2)")
        print(f"first simulate on this machine (cold)   {cold:8.2f} s")
        print(f"simulate in a second process (warm)     {warm:8.2f} s   (asked: < 2.5; kernels compiled: {fresh})")


def growth(sizes: list[int]) -> None:
    """Print sweeps of (N, L) grids of growing size, run in turns: seconds, time per point, peak memory."""
    model = mm.model("nested_logit", attend="labels")
    mm.sweep(model, {"N": [4.0], "L": [32.0]}, t_end=T_END)
    print("\nsweep keeping loss and escape time, all threads")
    work: dict[int, Callable[[], object]] = {}
    for count in sizes:
        side = round(count**0.5)
        axes = {"N": np.linspace(2, 16, side), "L": np.linspace(16, 128, count // side)}
        work[side * (count // side)] = lambda axes=axes: mm.sweep(model, axes, t_end=T_END, progress=False)
    per_point = []
    for grid, seconds in best(work, 10).items():
        per_point.append(1e6 * seconds / grid)
        print(f"{grid:>9} points  {seconds:7.3f} s   {per_point[-1]:6.2f} us a point")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak:.2f} GB")
    print(f"spread of the time per point: {100 * (max(per_point) / min(per_point) - 1):.0f}%  (asked: within 15%)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few points, without the first calls")
    parser.add_argument("--points", type=int, default=20_000)
    options = parser.parse_args()
    count = 400 if options.smoke else options.points
    slow = 20 if options.smoke else 200
    rounds = 1 if options.smoke else 5
    if not options.smoke:  # tests.benchmarks.first_result is the smoke test of first calls
        start_up()
    # before the peers, whose libraries take memory
    growth([1_000] if options.smoke else [10_000, 100_000, 1_000_000])
    problem_, given, cpus = stated(), points(count), os.sched_getaffinity(0)
    ours(problem_, points(64), 1)

    final = ours(problem_, given, 1)
    chosen = np.random.default_rng(1).choice(count, slow, replace=False)
    exact = np.array([scipy_end(given["N"][i], given["L"][i], "DOP853", 1e-10, 1e-12) for i in chosen])
    error = np.abs(final[chosen] - exact).max(axis=1)
    print(
        f"\nlargest error of the end state, {slow} points against DOP853 at rtol 1e-10: {error.max():.1e} (asked: 1e-5)"
    )

    # the peers locate no events: the comparison is of end states alone
    plain = replace(problem_, events={})
    ours(plain, points(64), 1)
    pin({min(cpus)})
    few = {k: v[:slow] for k, v in given.items()}
    work: dict[str, Callable[[], object]] = {
        "minimodels": lambda: ours(plain, given, 1),
        "with escape time": lambda: ours(problem_, given, 1),
    }
    try:
        solve = diffrax_solver()
        theirs = solve(given)
        print(f"largest difference to diffrax: {np.abs(theirs - final).max():.1e}")
        work["diffrax"] = lambda: solve(given)
    except ImportError:
        print("diffrax is not installed (pip install '.[bench]'): left out")
    times = best(work, rounds)
    lsoda = best(
        {"lsoda": lambda: [scipy_end(a, b, "LSODA", RTOL, ATOL) for a, b in zip(few["N"], few["L"], strict=True)]},
        min(rounds, 2),
    )["lsoda"]
    rate = {name: count / seconds for name, seconds in times.items()} | {"SciPy LSODA": slow / lsoda}
    print(f"\n{count} trajectories, one core")
    for name, value in rate.items():
        times_as_fast = f"   minimodels is {rate['minimodels'] / value:6.1f} times as fast"
        ratio = "" if name in ("minimodels", "with escape time") else times_as_fast
        print(f"{name:<17} {value:10.0f} trajectories/s{ratio}")
    print("(asked: 5 times diffrax, aim 10; 200 times LSODA)")

    pin(cpus)
    if len(cpus) > 1:
        both = best({str(k): lambda k=k: ours(problem_, given, k) for k in (1, 2)}, 4 * rounds)
        print(f"two threads against one: {both['1'] / both['2']:.2f} times (asked: 1.7)")


if __name__ == "__main__":
    main()
