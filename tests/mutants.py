"""Mutants: small changes to the source, one at a time, that some test should notice.

``python -m tests.mutants --count 300 --out mutants`` needs coverage. It works on a copy of the tree: all tests run once
to learn which of them reach which line and how long each takes; then every mutant meets the tests that reach its line,
the fastest first, until one fails. Compiled code is reached by no tracer: its mutants, and all that none of their own
tests kills, meet the tests of their room: twenty seconds of tests, and those that outlive these all, in a second round.
What was tried is kept, and not tried again.
"""

import argparse
import ast
import itertools
import json
import math
import os
import random
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("minimodels", "theory", "validation")
COMPARED = {"Lt": "<=", "LtE": "<", "Gt": ">=", "GtE": ">", "Eq": "!=", "NotEq": "==", "Is": "is not", "IsNot": "is",
            "In": "not in", "NotIn": "in"}  # fmt: skip
COMPUTED = {"Add": "-", "Sub": "+", "Mult": "/", "Div": "*", "Mod": "*", "FloorDiv": "*", "Pow": "*"}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum",
          "argmin": "argmax", "argmax": "argmin", "mean": "median", "median": "mean", "isfinite": "isnan",
          "floor": "ceil", "ceil": "floor", "sin": "cos", "exp": "expm1", "log": "log1p", "sqrt": "abs"}  # fmt: skip
SECONDS = 900  # for the tests of one mutant; beyond, it counts as noticed: it hangs
ROUNDS = (20.0, math.inf)  # seconds of tests, as timed without mutants, that one meets
# imported once, before the processes that test mutants are forked
ALIKE = ("numpy", "scipy.optimize", "scipy.stats", "sympy", "numba", "xarray", "h5netcdf", "matplotlib.pyplot",
         "torch")  # fmt: skip
FORKED = get_context("forkserver")


@dataclass(frozen=True)
class Mutant:
    """One place of the source, what stands there, and what it becomes."""

    path: str
    line: int
    last: int
    start: int
    end: int
    before: str
    after: str

    def of(self, text: bytes) -> bytes:
        return text[: self.start] + self.after.encode() + text[self.end :]


def mutants(path: Path) -> Iterator[Mutant]:
    """All mutants of a file: inside of functions, and constants of modules; no docstrings, types, or drawing."""
    text = path.read_bytes()
    offsets = [0]
    for line in text.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))

    def at(line: int, column: int) -> int:
        return offsets[line - 1] + column

    def visit(node: ast.AST, lines: tuple[int, int]) -> Iterator[Mutant]:
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            lines = node.lineno, node.end_lineno or node.lineno
        for low, high, after in changes(node):
            before = text[low:high].decode()
            if before.strip() != after.strip():
                yield Mutant(str(path.relative_to(ROOT)), *lines, low, high, before, after)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from visit(child, lines)

    def span(node: ast.expr) -> tuple[int, int]:
        return at(node.lineno, node.col_offset), at(node.end_lineno or 0, node.end_col_offset or 0)

    def between(left: ast.expr, right: ast.expr) -> tuple[int, int]:
        """Where an operator stands; a bracket beside it stays."""
        low, high = span(left)[1], span(right)[0]
        gap = text[low:high].decode()
        inner = gap.strip("() \n\t")
        low += gap.index(inner) if inner else 0
        return low, low + len(inner)

    def changes(node: ast.AST) -> Iterator[tuple[int, int, str]]:
        match node:
            case ast.Compare(left, [op], [right]):
                yield *between(left, right), COMPARED[type(op).__name__]
            case ast.BinOp(left, op, right) if type(op).__name__ in COMPUTED and not text_of(left, right):
                yield *between(left, right), COMPUTED[type(op).__name__]
            case ast.BoolOp(op, [left, right, *_]):
                yield *between(left, right), "or" if isinstance(op, ast.And) else "and"
            case ast.UnaryOp(ast.USub() | ast.Not(), operand):
                yield span(node)[0], span(operand)[0], " "
            case ast.If(test) | ast.While(test) | ast.IfExp(test):
                yield *span(test), f"not ({ast.unparse(test)})"
            case ast.Constant(bool() as value):
                yield *span(node), str(not value)
            case ast.Constant(int() | float() as value) if value == value:
                yield *span(node), repr(value + 1 if isinstance(value, int) else 2 * value + 0.5)
            case ast.Call(ast.Name(name)) if name in CALLED:
                yield *span(node.func), CALLED[name]
            case ast.Call(ast.Attribute(_, name)) if name in CALLED:
                yield span(node.func)[1] - len(name), span(node.func)[1], CALLED[name]
            case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
                yield *span(value), "None"

    yield from visit(ast.parse(text), (1, 1))


def text_of(*nodes: ast.expr) -> bool:
    """Whether one of these is text, whose sum says nothing."""
    return any(
        isinstance(n, ast.JoinedStr) or (isinstance(n, ast.Constant) and isinstance(n.value, str)) for n in nodes
    )


def every() -> list[Mutant]:
    files = [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py")) if "figures" not in p.parts]
    return [mutant for path in files if path.stem not in ("plot", "drawing") for mutant in mutants(path)]


def chosen(count: int, seed: int) -> list[Mutant]:
    """So many mutants, drawn from all that are still Python."""
    drawn, found = every(), []
    random.Random(seed).shuffle(drawn)
    for mutant in drawn:
        try:
            ast.parse(mutant.of((ROOT / mutant.path).read_bytes()))
        except SyntaxError:  # a bracket that an operator stood before
            continue
        found.append(mutant)
        if len(found) == count:
            break
    return found


def copy(folder: Path) -> None:
    """The tracked files, in a folder of their own."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


def environment(folder: Path, cache: Path) -> dict[str, str]:
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {**os.environ, "PYTHONPATH": str(folder), "MINIMODELS_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip


class Tests:
    """Which test functions reach a line, and how long each takes."""

    def __init__(self, out: Path) -> None:
        from coverage import CoverageData

        data = CoverageData(str(out / "coverage"))
        data.read()
        self.root = next(Path(f).parents[1] for f in data.measured_files() if f.endswith("/minimodels/__init__.py"))
        self.data = data
        self.seconds: dict[str, float] = defaultdict(float)
        for case in ET.parse(out / "tests.xml").iter("testcase"):
            name = case.get("name", "").split("[")[0]
            self.seconds[f"{case.get('classname')}.{name}"] += float(case.get("time", 0))

    def reaching(self, mutant: Mutant) -> list[str]:
        by_line = self.data.contexts_by_lineno(str(self.root / mutant.path))
        found = {c for line in range(mutant.line, mutant.last + 1) for c in by_line.get(line, []) if c in self.seconds}
        return sorted(found, key=lambda c: self.seconds[c])

    def of_room(self, mutant: Mutant) -> list[str]:
        """The tests of the nearest folder that has some."""
        room = ".".join(["tests", *Path(mutant.path).parts[:-1]])
        while not (near := [c for c in self.seconds if c.startswith(f"{room}.")]):
            room = room.rpartition(".")[0]
        return sorted(near, key=lambda c: self.seconds[c])

    def within(self, seconds: float, tests: Sequence[str]) -> list[str]:
        """The first of these tests, as many as take so long."""
        taken = list(itertools.accumulate(self.seconds[test] for test in tests))
        return [test for test, until in zip(tests, taken, strict=True) if until <= seconds]


def as_id(context: str) -> str:
    module, _, function = context.rpartition(".")
    return f"{module.replace('.', '/')}.py::{function}"


def run(folder: Path, cache: Path, tests: Sequence[str]) -> None:
    """Run tests of a copy, up to the first that fails, in a process of its own."""
    import pytest

    for name in [n for n in sys.modules if n.partition(".")[0] in ("tests", *PACKAGES)]:
        del sys.modules[name]
    os.chdir(folder)
    os.environ.update(environment(folder, cache))
    sys.path[:] = [str(folder), *(p for p in sys.path if p not in ("", str(ROOT)))]
    sys.dont_write_bytecode = True
    with (folder / "said").open("w") as said, redirect_stdout(said), redirect_stderr(said):
        status = pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", *map(as_id, tests)])
    os._exit(int(status))


def failing(folder: Path, cache: Path, tests: Sequence[str]) -> str:
    """The first test that fails, or how else the run ended; empty if all pass."""
    if not tests:
        return ""
    process = FORKED.Process(target=run, args=(folder, cache, tests))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        return "timeout"
    if process.exitcode == 0:
        return ""
    text = (folder / "said").read_text()
    said = [line for line in text.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if not said and (process.exitcode or 0) > 0:
        raise RuntimeError(f"the tests did not run: {text}")
    return said[0].split(" - ")[0] if said else f"exit status {process.exitcode}"


def killer(mutant: Mutant, tests: Tests, folder: Path, cache: Path, seconds: float) -> str:
    """The test that notices a mutant, of those that take so long together; empty if none does."""
    path = folder / mutant.path
    text = path.read_bytes()
    path.write_bytes(mutant.of(text))
    try:
        reaching = tests.reaching(mutant)
        near = [test for test in tests.of_room(mutant) if test not in reaching]
        first, rest = tests.within(seconds, reaching), tests.within(seconds, near)
        return failing(folder, cache, first) or failing(folder, cache, rest)
    finally:
        path.write_bytes(text)


def settled(found: tuple[str, float] | None, seconds: float) -> bool:
    """Whether a mutant was noticed, or has outlived so many seconds of tests."""
    return found is not None and (bool(found[0]) or found[1] >= seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "tests.xml").exists():
        copy(out / "whole")
        settings = out / "coveragerc"
        settings.write_text(
            f"[run]\ndata_file={out / 'coverage'}\ndynamic_context=test_function\nsource={','.join(PACKAGES)}\n"
        )
        command = ["-m", "coverage", "run", f"--rcfile={settings}", "-m", "pytest", "-q", "-n0", "-p",
                   "no:cacheprovider", f"--junitxml={out / 'unfinished.xml'}", "-o", "junit_family=xunit1"]  # fmt: skip
        subprocess.run([sys.executable, *command], cwd=out / "whole", check=True,
                       env=environment(out / "whole", out / "cache-0"))  # fmt: skip
        (out / "unfinished.xml").rename(out / "tests.xml")
    tests, lock, kept = Tests(out), Lock(), out / "mutants.jsonl"
    known = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    done = {(m["path"], m["start"], m["after"]): (m["killer"], m["seconds"]) for m in known}
    drawn = chosen(options.count, options.seed)
    free = list(range(options.workers))

    def attempt(mutant: Mutant, seconds: float) -> None:
        with lock:
            number = free.pop()
        folder = out / f"copy-{number}"
        if not folder.exists():
            copy(folder)
        found = killer(mutant, tests, folder, out / f"cache-{number}", seconds)
        place = f"{mutant.path}:{mutant.line}: {mutant.before!r} -> {mutant.after!r}"
        with lock:
            free.append(number)
            with kept.open("a") as file:
                print(json.dumps({**asdict(mutant), "killer": found, "seconds": seconds}), file=file)
            print(f"{place}: {found or f'survives {seconds:g} s'}", flush=True)
        done[mutant.path, mutant.start, mutant.after] = found, seconds

    FORKED.set_forkserver_preload(list(ALIKE))
    for seconds in ROUNDS:
        with ThreadPoolExecutor(options.workers) as pool:
            due = [m for m in drawn if not settled(done.get((m.path, m.start, m.after)), seconds)]
            list(pool.map(attempt, due, [seconds] * len(due)))
    killers = [done[m.path, m.start, m.after][0] for m in drawn]
    print(f"{sum(map(bool, killers))} of {len(drawn)} mutants are noticed; by room of the test:")
    print(Counter("/".join(k.split(" ")[-1].split("::")[0].split("/")[:3]) for k in killers if k))


if __name__ == "__main__":
    main()
