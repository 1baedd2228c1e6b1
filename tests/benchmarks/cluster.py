"""Sweeps on dask.distributed: what a task costs, how much workers do beside threads, and 1e8 points by streaming.

Run ``python -m tests.benchmarks.cluster`` (``--smoke`` for a short run whose figures mean little). Nested logits,
attend="labels", N in [2, 16], L in [17, 129], t = 10, final loss. Beside wall times stand those of the processors:
of this process, which holds client and scheduler, and of all with the workers. What else runs does not count there.
"""

import argparse
import json
import operator
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import minimodels as mm
from minimodels.pool import run_parts
from minimodels.store import LARGEST, SHARDS, box_of

T_END = 10.0


def axes(n: int, m: int) -> dict[str, Any]:
    return {"N": np.linspace(2, 16, n), "L": np.linspace(17, 129, m)}


def stream(n: int, m: int, out: Path, **options: Any) -> np.ndarray:
    """Sweep into a folder; return what it took by all `clocks`."""
    start = clocks()
    mm.sweep(mm.model("nested_logit", attend="labels"), axes(n, m), t_end=T_END, keep="loss", out=out, **options)
    return clocks() - start


@contextmanager
def workers(count: int) -> Iterator[Any]:
    """Start workers of one thread on loopback, and let them compile or load what a sweep needs."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            count, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as at,
        Client(at, set_as_default=False) as client,
    ):
        client.wait_for_workers(count)
        client.run(warm)
        yield client.get_executor()


def warm() -> None:
    """Load what the sweep needs in this process."""
    mm.sweep(mm.model("nested_logit", attend="labels"), axes(2, 2), t_end=T_END, keep="loss", threads=1)


def store_of(side: int) -> range:
    """Return the shards that a sweep of so many by so many points is cut into."""
    box = box_of((side, side), 9)
    return range(-(-side // box[0]) * -(-side // box[1]))


def clocks() -> np.ndarray:
    """Return the time that has passed, and that of the processors: of this process, and with its children."""
    import psutil

    here = psutil.Process()
    spent = [sum(process.cpu_times()[:2]) for process in (here, *here.children(recursive=True))]
    return np.array([time.perf_counter(), spent[0], sum(spent)])


def overhead(count: int, executor: Any) -> np.ndarray:
    """Return what each of many tasks which do nothing takes, by all `clocks`."""
    start = clocks()
    parts = (slice(k, k + 1) for k in range(count))
    run_parts(operator.index, lambda part: (part.start,), parts, executor=executor, on_done=lambda part, value: None)
    return (clocks() - start) / count


def large(n: int, m: int, threads: int) -> None:
    """Sweep, then reduce, in a process whose memory is measured; print the figures as JSON."""
    import resource

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "grid.zarr"
        warm()
        wall, _, spent = stream(n, m, out, threads=threads, progress=False)
        found: dict[str, Any] = {"seconds": wall, "spent": spent}
        found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        found["disk"] = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e9
        found["shards"] = len(list(out.glob("status/c/*/*")))
        for name, reduction in {
            "quantiles": lambda: mm.quantiles(out, "loss", [0.1, 0.5, 0.9], threads=threads),
            "histogram": lambda: mm.histogram(out, "loss", bins=200, threads=threads),
            "map": lambda: mm.coarse(out, "loss", {"N": 200, "L": 200}, threads=threads),
        }.items():
            start = time.perf_counter()
            reduction()
            found[name] = time.perf_counter() - start
        found["peak_reduced"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    sys.stdout.write(json.dumps(found) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--large", nargs=3, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.large:
        large(*chosen.large)
        return
    rounds, tasks, side, big = (1, 50, 100, 300) if chosen.smoke else (3, 2000, 1400, 10_000)
    points = side * side
    never = np.full(3, np.inf)
    took: dict[str, np.ndarray] = {}
    costs: dict[int, np.ndarray] = {}
    warm()
    with tempfile.TemporaryDirectory() as folder, workers(1) as one, workers(2) as two:
        kinds: dict[str, dict[str, Any]] = {
            "1 thread": {"threads": 1},
            "1 worker": {"executor": one},
            "2 threads": {"threads": 2},
            "2 workers": {"executor": two},
        }
        for kind, options in kinds.items():
            stream(9, 9, Path(folder) / f"{kind}.zarr", progress=False, **options)
        for number in range(rounds):  # in turns: what else runs on the machine meets all alike
            for kind, options in kinds.items():
                taken = stream(side, side, Path(folder) / f"{kind} {number}.zarr", progress=False, **options)
                took[kind] = np.minimum(taken, took.get(kind, never))
            for count, executor in ((1, one), (2, two)):
                costs[count] = np.minimum(overhead(tasks, executor), costs.get(count, never))
    print(f"{points:.3g} points to a folder, {rounds} rounds, best:")
    for kind, (wall, _, spent) in took.items():
        print(f"  {kind:<10} {points / wall:>9,.0f} points/s, {points / spent:>9,.0f} a second of the processors")
    shards = len(store_of(side))
    print("a task that does nothing, and one of the sweep beyond what it takes on threads:")
    for count, each in costs.items():
        wall, here, spent = 1e3 * each
        one, other = ([*took.values()][i][2] for i in (2 * count - 1, 2 * count - 2))
        print(f"  {count}: {wall:.1f} ms, client and scheduler {here:.1f}, with workers {spent:.1f}", end="; ")
        print(f"{1e3 * (one - other) / shards:+.1f} ms of the processors")
    command = [sys.executable, "-m", "tests.benchmarks.cluster", "--large", str(big), str(big), str(chosen.threads)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    total = big * big
    print(f"{total:.3g} points by streaming, {chosen.threads} threads, {found['shards']} shards:")
    print(f"  {found['seconds']:.0f} s, {found['spent']:.0f} s of the processors, {found['disk']:.2g} GB on disk")
    print(f"  most memory {found['peak']:.2f} GB, with the reductions {found['peak_reduced']:.2f} GB")
    print("  " + ", ".join(f"{name} {found[name]:.1f} s" for name in ("quantiles", "histogram", "map")))
    rate, cores, many = points / took["1 thread"][2], 1000, 1e10
    here, spent = (min(each[i] for each in costs.values()) for i in (1, 2))
    shard = min(max(many // SHARDS, 1), LARGEST)
    count, gigabytes = many / shard, many * found["disk"] / total
    each, rounds = shard / rate + spent, int(np.ceil(count / cores))
    print(f"1e10 points on {cores} cores, from what processors took (not measured):")
    print(f"  {count:.0f} shards of {shard:.0f} points, {each:.1f} s each, {rounds} a core: {each * rounds:.0f} s")
    print(f"  meanwhile client and scheduler hand them out, {1e3 * here:.1f} ms each: {count * here:.0f} s")
    print(f"  {gigabytes:.0f} GB on disk, {gigabytes / (each * rounds):.1f} GB/s")


if __name__ == "__main__":
    main()
