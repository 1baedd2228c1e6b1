"""From a statement to its first result: seconds, and what a warm call and another statement cost.

Run ``python -m tests.benchmarks.first_result`` (``--smoke`` for one round of a few). Every case is a process of its own
that finds the steppers compiled and no kernel of its model; the medians of five stand beside what is asked.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import sympy as sp

import minimodels as mm

HERE = Path(__file__).parent.parent.parent
T_END = 20.0


def bowl(n: int = 1, shift: float = 0.0) -> mm.GradientFlow:
    """A chain of double wells."""
    x = sp.symbols(f"x:{n}")
    wells = [(a**2 - 1 - shift) ** 2 / 4 for a in x]
    links = [a * b / 10 for a, b in pairwise(x)]
    return mm.GradientFlow(name="wells", state={str(a): 0.1 for a in x}, loss=sp.Add(*wells, *links))


def dense(n: int) -> mm.GradientFlow:
    """Every state coupled to every other."""
    x = sp.symbols(f"x:{n}")
    a = np.random.default_rng(0).normal(size=(n, n)) / n
    pairs = (float(a[i, j]) * sp.tanh(x[i]) * x[j] for i in range(n) for j in range(n))
    return mm.GradientFlow(name="dense", state={str(v): 0.1 for v in x}, loss=sp.Add(*pairs, *(v**4 / 4 for v in x)))


def tensor(d: int, *, written_out: bool = False) -> mm.GradientFlow:
    """Three vectors that learn a rank-one tensor, by norms and overlaps or square by square."""
    names = [sp.symbols(f"{k}:{d}") for k in "abc"]
    truth = [v / np.linalg.norm(v) for v in np.random.default_rng(0).normal(size=(3, d))]
    if written_out:
        squares = (
            (float(truth[0][i] * truth[1][j] * truth[2][k]) - names[0][i] * names[1][j] * names[2][k]) ** 2
            for i in range(d) for j in range(d) for k in range(d)
        )  # fmt: skip
        loss = sp.Add(*squares) / 2
    else:
        norms = [sp.Add(*(v**2 for v in x)) for x in names]
        overlaps = [
            sp.Add(*(float(t) * v for t, v in zip(w, x, strict=True))) for w, x in zip(truth, names, strict=True)
        ]
        loss = (sp.Mul(*norms) - 2 * sp.Mul(*overlaps) + 1) / 2
    return mm.GradientFlow(name="tensor", state={str(v): 0.3 for x in names for v in x}, loss=loss)


def nested(**options: object) -> mm.GradientFlow:
    return mm.model("nested_logit", **options)  # type: ignore[return-value]


def run(model: mm.GradientFlow, **options: object) -> None:
    mm.simulate(model, t_end=T_END, **options)  # type: ignore[arg-type]


FIRST: dict[str, tuple[Callable[[], object], float]] = {
    "one state": (lambda: run(bowl()), 1.0),
    "nested logit": (lambda: run(nested(attend="labels")), 2.0),
    "10 states, a chain": (lambda: run(bowl(10)), 2.0),
    "30 states, a chain": (lambda: run(bowl(30)), 5.0),
    "30 states, all with all": (lambda: run(dense(30)), 5.0),
    "rank-one tensor, 60 states": (lambda: run(tensor(20)), 15.0),
    "the same, its 8000 squares written out": (lambda: run(tensor(20, written_out=True)), 15.0),
    "exact positions, N = 4": (lambda: run(nested(attend="exact", N=4)), 4.0),
    "exact positions, N = 8": (lambda: run(nested(attend="exact", N=8)), 10.0),
    "exact labels, N = 16": (lambda: run(nested(attend="exact-labels", N=16)), 10.0),
    "fixed points": (lambda: mm.fixed_points(nested(attend="labels")), 20.0),
    "fixed points, exact, N = 8": (lambda: mm.fixed_points(nested(attend="exact", N=8)), 20.0),
    "fixed points, exact, N = 8, B = 4": (lambda: mm.fixed_points(nested(attend="exact", N=8, B=4)), 20.0),
    "fixed points, exact labels, N = 16": (lambda: mm.fixed_points(nested(attend="exact-labels", N=16)), 20.0),
    "fixed points, exact, free, N = 16": (
        lambda: mm.fixed_points(nested(attend="exact", beta_2="free", N=16)),
        20.0,
    ),
}
MORE: dict[str, Callable[[mm.GradientFlow], object]] = {
    "another event": lambda m: run(m, events={"half": mm.Event("alpha", 0.3)}),
    "the same at another level": lambda m: run(m, events={"half": mm.Event("alpha", 0.4)}),
    "another stop_at": lambda m: run(m, stop_at="escape_time"),
    "fixed_points": lambda m: mm.fixed_points(m),
    "sweep": lambda m: mm.sweep(m, {"L": [16.0, 32.0]}, t_end=T_END, progress=False),
    "rodas4": lambda m: run(m, method="rodas4"),
}


def kernels() -> set[Path]:
    """Return what is compiled of models."""
    return set(Path(os.environ["MINIMODELS_CACHE_DIR"]).glob("model_*"))


def resident() -> float:
    """Return the memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def case(name: str, smoke: bool) -> None:
    """Be the process of one case: print what it took."""
    if name in FIRST:
        print(timed(FIRST[name][0]))
    elif name == "more":
        model = nested(attend="labels")
        run(model)
        for what, work in list(MORE.items())[: -1 if smoke else None]:
            before = kernels()
            print(f"  {what:<38}{timed(lambda work=work: work(model)):9.3f} s   kernels {len(kernels() - before)}")
    elif name == "warm":
        model = nested(attend="labels")
        run(model)
        print(f"  {'simulate':<38}{1e3 * min(timed(lambda: run(model)) for _ in range(200)):9.3f} ms   (asked: 2)")
        MORE["sweep"](model)
        print(
            f"  {'sweep of two points':<38}{1e3 * min(timed(lambda: MORE['sweep'](model)) for _ in range(50)):9.3f} ms"
        )
        for what, count, work in (
            ("another statement", 300, lambda i: run(bowl(shift=0.01 * i))),
            ("another statement of 30 states", 50, lambda i: run(bowl(30, shift=0.01 * i))),
            ("another value of a parameter", 1000, lambda i: run(model.with_values(L=20 + 0.01 * i))),
        ):
            count = 2 if smoke else count
            for i in range(2 if smoke else 20):
                work(-1 - i)
            before = resident()
            for i in range(count):
                work(i)
            print(f"  {what:<38}{1e3 * (resident() - before) / count:9.1f} kB")


def child(name: str, environment: dict[str, str], smoke: bool = False) -> tuple[str, float]:
    """Run a case in a process that finds no kernel of a model."""
    for kernel in Path(environment["MINIMODELS_CACHE_DIR"]).glob("model_*"):
        kernel.unlink()
    start = time.perf_counter()
    command = [sys.executable, "-m", "tests.benchmarks.first_result", "--case", name, *["--smoke"] * smoke]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=HERE)
    return done.stdout, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="one round of a few cases, one stepper")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        case(options.case, options.smoke)
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"MINIMODELS_CACHE_DIR": folder}
        first, process = child("one state", environment)
        print(f"first call after installation: {float(first):.2f} s, process {process:.2f} s   (asked: 15)")
        print(f"\n{'first result of a new model':<40}  statement   process    asked")
        for name in list(FIRST)[:2] if options.smoke else FIRST:
            rounds = [child(name, environment) for _ in range(1 if options.smoke else 5)]
            statement = statistics.median(float(text) for text, _ in rounds)
            process = statistics.median(seconds for _, seconds in rounds)
            print(f"  {name:<38}{statement:9.2f} s {process:8.2f} s {FIRST[name][1]:6.0f} s")
        if not options.smoke:
            child("more", environment)  # compiles the stepper of rodas4
        print("\nafter a first run of the nested logit (asked: 1 s, and no kernel for a level or a stop)")
        print(child("more", environment, options.smoke)[0], end="")
        print("\nwarm calls; memory (asked: under 1 MB a statement, nothing a value)")
        print(child("warm", environment, options.smoke)[0], end="")


if __name__ == "__main__":
    main()
