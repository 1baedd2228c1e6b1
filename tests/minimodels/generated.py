"""Generated statements, calls and command lines: no traceback that is not ours, no value that SciPy does not find.

``python -m tests.minimodels.generated --count 20000`` tries many, a test a few. Input `i` depends on seed and i alone.
"""

import argparse
import atexit
import contextlib
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import sympy as sp

import minimodels as mm
import theory
from minimodels import cli, measure
from minimodels.bounds import limits
from tests.minimodels.generated_words import FUNCTIONS, NAMES, NUMBERS, ODD, VALUES, WORDS
from tests.minimodels.walled import projected
from validation.papers import ledgers


class Late(BaseException):
    """An input took too long."""


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise `Late` if the block takes longer, of the processor: what else runs on it is no fault of the block."""

    def late(_: int, frame: FrameType | None) -> None:
        if frame is None or frame.f_code.co_name != "gc_callback":  # what is raised there is lost: a second later again
            raise Late

    began, before = time.process_time(), signal.signal(signal.SIGPROF, late)
    left, _ = signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        left = left and max(left - (time.process_time() - began), 0.01)  # of a limit around this one
        signal.setitimer(signal.ITIMER_PROF, left, 1.0)
        signal.signal(signal.SIGPROF, before)


def expression(rng: random.Random, names: list[str], depth: int) -> str:
    """Return a text, nearly always of the grammar."""
    kind = rng.random()
    if depth == 0 or kind < 0.25:
        if rng.random() < 0.65:
            return rng.choice(names)
        return repr(rng.choice([1, 2, 3, 0.5, 0.1, 10, 1e-3, 0, 7, 1e6, 1e-9, 1e300]))
    if kind < 0.7:
        operator = rng.choice(["+", "-", "*", "*", "/", "**", "+", "-"])
        left, right = expression(rng, names, depth - 1), expression(rng, names, depth - 1)
        return f"({left} {operator} {rng.choice(['2', '3', right]) if operator == '**' else right})"
    if kind < 0.92:
        name = rng.choice(FUNCTIONS)
        several = ", " + expression(rng, names, depth - 1) if name in ("Max", "Min") else ""
        return f"{name}({expression(rng, names, depth - 1)}{several})"
    if kind < 0.97:
        a, b, c = (expression(rng, names, depth - 1) for _ in range(3))
        return f"({a} if {b} > {c} else {rng.choice(names)})"
    return rng.choice([
        "", "x +", "x y", "import os", "__import__('os')", "x.real", "x[0]", "9**9**9", "f(x)", "1/0", "log(0)",
        "(" * 300,
        "x" + "+x" * 3000, "lambda: 1", "'a'", "1e400", "x if x", "exp(1e9)", "gamma(-1)", "0**-1",
        "Piecewise((x, x > 0))",
        "asin(2)", "sqrt(-1)", "x and y", "x > 0", "i", "1j", "sin", "exp()", "exp(1, 2)", "log(x, 0)",
        "Mod(x, 0)", "\0",
    ])  # fmt: skip


def statement(rng: random.Random) -> mm.Flow | mm.GradientFlow | mm.Map:
    """State a model of one to three states."""
    plain = rng.random() < 0.7
    pool = NAMES[:12] if plain else NAMES
    states = rng.sample(pool, rng.choice([1, 1, 2, 3]))
    parameters = rng.sample(pool, rng.choice([0, 1, 2]))
    value = lambda: rng.choice(NUMBERS if plain or rng.random() < 0.7 else ODD)  # noqa: E731
    known = [*states, *parameters] if plain or rng.random() < 0.8 else NAMES
    text = lambda: expression(rng, known, rng.choice([1, 2, 3]))  # noqa: E731
    shared: dict[str, Any] = {
        "name": "m" if plain else rng.choice(NAMES),
        "state": {k: value() for k in states},
        "parameters": {k: value() for k in parameters},
    }
    if rng.random() < 0.3:
        shared["observables"] = {rng.choice(["seen", *pool]): text()}
    if rng.random() < 0.3:
        shared["events"] = {rng.choice(["met", *pool]): mm.Event(text(), value(), rng.choice([-1, 0, 1]))}
    if rng.random() < 0.2:
        shared["rates"] = {rng.choice(states): rng.choice([text(), value()])}
    kind = rng.random()
    moves: Any = text() if kind < 0.3 else {k: text() for k in states}
    if rng.random() < 0.3:
        shared["bounds"] = walls(rng, shared["state"], text)
    if kind < 0.3:
        return mm.GradientFlow(**shared, loss=moves)
    return mm.Flow(**shared, drift=moves) if kind < 0.85 else mm.Map(**shared, update=moves)


def walls(rng: random.Random, start: dict[str, Any], text: Callable[[], str]) -> dict[str, Any]:
    """Return bounds of some states, mostly around their start."""
    found: dict[str, Any] = {}
    for key, value in start.items():
        if rng.random() < 0.05:
            found[rng.choice([key, "other"])] = rng.choice([(text(), text()), (1, 0), (None, None), rng.choice(ODD)])
        elif rng.random() < 0.7 and isinstance(value, int | float):
            low, high = (value + side * rng.choice([0, 0.01, 0.3, 2.0]) for side in (-1, 1))
            found[key] = rng.choice([(low, high), (low, None), (None, high)])
    return found


def peer(model: mm.Flow | mm.GradientFlow, end: float) -> tuple[np.ndarray, float] | None:
    """Return SciPy's states at the end and how far they move when the start does, None where it gives up."""
    from scipy.integrate import solve_ivp

    values = {k: sp.Float(v, 17) for k, v in model.values.items()}
    rates = model.rate_values()
    symbols = [model.symbols[k] for k in model.state]
    rows = [rates[k] * model.drift[k].xreplace({model.symbols[p]: v for p, v in values.items()}) for k in model.state]
    field = sp.lambdify(symbols, [sp.N(row, 17) for row in rows], ["scipy", "numpy"])  # constants to all digits
    ends = []
    start = np.array([model.init[k] for k in model.state])
    for method, nudge in (("DOP853", 0.0), ("LSODA", 1e-7)):
        with np.errstate(all="ignore"):
            found = solve_ivp(
                lambda _, y: np.array([float(v) for v in field(*y)]), (0, end), start * (1 + nudge) + nudge * 1e-3,
                method=method, rtol=1e-10, atol=1e-13,
            )  # fmt: skip
        if not found.success or not np.isfinite(found.y[:, -1]).all():
            return None
        ends.append(found.y[:, -1])
    return ends[0], float(np.max(np.abs(ends[1] - ends[0]) / (1e-6 + np.abs(ends[0]))))


def walled_peer(model: mm.Flow | mm.GradientFlow, end: float) -> tuple[np.ndarray, float] | None:
    """Return SciPy's states at the end, an event at every bound, and how far steps of half the length move them."""
    with np.errstate(all="ignore"):
        one, two = (projected(model, [end], max_step=step)[0] for step in (0.02, 0.01))
    if not np.isfinite([one, two]).all():
        return None
    return two, float(np.max(np.abs(one - two) / (1e-6 + np.abs(two))))


def try_statement(rng: random.Random) -> str:
    """State a model, run it, and compare the end of the run with SciPy's."""
    model = statement(rng)
    if isinstance(model, mm.Map):
        mm.descend(model, lr=1, steps=20)
        return "iterated"
    end = rng.choice([0.5, 1.0, 2.0])
    method = rng.choice(["tsit5", "tsit5", "rodas4"])
    run = mm.simulate(model, t_end=end, method=method, max_steps=20_000)
    mine = np.array([float(run[k][-1]) for k in model.state])
    low, high = limits(model)
    for k, a, b in zip(model.state, low, high, strict=True):
        if not ((run[k] >= a) & (run[k] <= b)).all():
            raise AssertionError(f"{k} leaves its bounds with {method}: {described(model)}")
    if any(f.has(sp.sign, sp.Abs, sp.Max, sp.Min, sp.Piecewise, sp.floor, sp.Heaviside) for f in model.drift.values()):
        return "run, with a kink"  # SciPy's error control is no judge of these
    try:
        with limited(5):
            found = peer(model, end) if not model.bounds else walled_peer(model, end)
    except (Late, ArithmeticError, TypeError, MemoryError, ValueError, NameError, SyntaxError, AssertionError):
        return "run, not compared"  # complex values, overflow in Python's own arithmetic, names that Python reserves
    if found is None:
        return "run, SciPy gave up"
    theirs, sensitivity = found
    wrong = np.max(np.abs(mine - theirs) / (1e-6 + np.abs(theirs)))
    if wrong > 1e-3 + 100 * sensitivity:
        raise AssertionError(f"at t={end:g} {method} finds {mine}, SciPy {theirs}: {described(model)}")
    return "run, as SciPy" if not model.bounds else "run within bounds, as SciPy"


def described(model: Any) -> str:
    """Return a model as text."""
    return (
        f"{type(model).__name__} {model.init} {model.values} {getattr(model, 'drift', '')} {model.rates} {model.bounds}"
    )


def of_wings() -> list[tuple[Callable[..., Any], dict[str, Any]]]:
    """Return the right calls of what the wings add: the `CALLS` of a file ``calls`` beside their tests."""
    tests = Path(__file__).parent.parent
    files = [path.relative_to(tests.parent).with_suffix("") for path in sorted(tests.glob("*/*/calls.py"))]
    return [call for file in files for call in import_module(".".join(file.parts)).CALLS]


CLAIMS = [claim.id for ledger in ledgers().values() for claim in ledger.claims]
LINE = mm.Flow(name="line", state={"x": 1.0}, parameters={"a": -1.0}, drift={"x": "a*x"})
WELL = mm.GradientFlow(name="well", state={"x": 0.1, "y": 0.2}, parameters={"a": 1.0}, loss="(x**2 - a)**2/4 + y**2/2")
SQUARE = mm.Flow(name="two", state={"u": 1.0}, parameters={"a": 1.0}, drift={"u": "-2*u"}, descent={"u": "(1-lr)**2*u"})
PAIR = mm.model("tensor_product", k=2, d_1=2, d_2=3)
NESTED = {"name": "nested_logit", "attend": "labels"}
TASK = mm.ItemLabelTask(N=2, L=4, K=4, D=4, N_max=2, K_c=None)
CURVE = np.exp(-np.linspace(0, 5, 50))
FOLDER = tempfile.mkdtemp()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
GRID = f"{FOLDER}/grid.zarr"  # beyond memory
mm.sweep(LINE, {"a": [-1.0, -2.0, 1.0], "x_0": [1.0, 2.0]}, t_end=1.0, keep=["x"], threads=1, out=GRID)
CALLS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (mm.simulate, {
        "model": LINE, "t_end": 1.0, "init": {"x": 1}, "rates": {"x": 1}, "clamp": {"x": (1, 0, 0.5)},
        "schedule": {"a": (1, 0, 0.5)}, "method": "tsit5", "rtol": 1e-6, "atol": 1e-9, "max_step": 0.5, "save": [0, 1],
        "events": {"e": mm.Event("x", 0.5)}, "stop_at": "e", "max_steps": 1000, "steady": 0.0, "on_failure": "keep"}),
    (mm.simulate, {"model": WELL, "t_end": 1.0, "method": "rk4", "step": 0.1}),
    (mm.sweep, {
        "model": LINE, "axes": {"a": [1, 2]}, "t_end": 1.0, "keep": ["x"], "init": {"x": 1}, "rates": {"x": 1},
        "clamp": {"x": 1}, "schedule": {}, "method": "rodas4", "rtol": 1e-6, "atol": 1e-9, "threads": 1, "out": None,
        "events": {}, "stop_at": None, "max_steps": 1000, "steady": 0.0, "on_failure": "nan", "progress": False}),
    (mm.sweep, {"model": WELL, "axes": {"x_0": [1, 2], "rate_y": [1, 2]}, "t_end": 1.0, "progress": False}),
    (mm.sweep, {"model": WELL, "points": {"x_0": [1, 2], "a": [1, 2]}, "steps": 5, "lr": 0.1, "save": [1, 5],
                "extend": None}),
    (mm.simulate, {"model": LINE, "t_end": 1.0, "events": {"e": mm.Event("x", 0.5, 0)}, "crossings": True}),
    (mm.plot_run, {"run": mm.simulate(LINE, t_end=1.0), "ax": None}),
    (mm.plot_sweep, {"grid": mm.sweep(LINE, {"a": [1, 2]}, t_end=1.0), "name": "x", "ax": None}),
    (mm.descend, {"model": SQUARE, "lr": 0.1, "steps": 5, "rates": {"u": 1}, "clamp": {"u": "a"}, "save": [1, 5]}),
    (mm.Flow, {"name": "half", "state": {"u": 1.0}, "drift": {"u": "-2*u"}, "descent": {"u": "(1 - lr)**2*u"}}),
    (mm.draw_vectors, {"model": PAIR, "seeds": [0, 3], "scale": 1.0, "clamp": {"1": 2}}),
    (mm.place_vectors, {"model": PAIR, "T": {"1": 1.0, "2": [1.0]}, "n": {"1": 1.0, "2": 2.0}, "s": {"1": 0, "2": 1}}),
    (measure.half_rise_time, {"time": np.arange(50.0), "values": CURVE}),
    (measure.jump_width, {"time": np.arange(50.0), "values": CURVE, "low": 0.2, "high": 0.9}),
    (measure.saddle_visits, {"time": np.arange(50.0), "states": np.stack([CURVE, CURVE], axis=1), "depth": 3.0}),
    (mm.Event, {"expr": "x", "level": 0.5, "direction": 1}),
    (mm.logsumexp, {}),
    (mm.descend, {"model": WELL, "lr": 0.1, "steps": 10, "init": {"x": 1}, "rates": {"x": 1}, "clamp": {"x": (1, 0, 5)},
                  "save": [0, 10], "on_failure": "keep"}),
    (mm.fixed_points, {"model": WELL, "box": {"x": (-2, 2), "y": (-1, 1)}, "init": {"x": 1}, "tolerance": 1e-10,
                       "starts": 10, "seed": 0}),
    (mm.evaluate, {"model": WELL, "state": {"x": 1.0}}),
    (mm.model, {**NESTED, "N": 8, "L": 32, "B": 2}),
    (mm.describe, {"model": LINE}),
    (mm.Flow, {"name": "f", "state": {"x": 1}, "parameters": {"a": 1}, "drift": {"x": "-x"}, "observables": {"o": "x"},
               "events": {"e": mm.Event("x", 0.5)}, "rates": {"x": 1}, "constraints": (), "source": "",
               "options": {}}),
    (mm.GradientFlow, {"name": "f", "state": {"x": 1}, "loss": "x**2", "parameters": {"a": mm.Parameter(1, "",
    0, 2)}}),
    (mm.Map, {"name": "f", "state": {"x": mm.State(1)}, "update": {"x": "x/2"}}),
    (mm.ItemLabelTask, {"N": 2, "L": 4, "K": 4, "D": 4, "N_max": 2, "B": 1, "eps": 0.1, "p_C": 0.5, "K_c": None}),
    (mm.LinearRegressionTask, {"N": 4, "d": 3, "law": "uniform", "s": 0.5, "tau": 1.0, "x_scale": 2.0, "sigma": 0.1,
                               "corrupted": 1, "spectrum": (1.0, 0.5, 0.1), "frobenius": False, "pool": 5}),
    (mm.InductionHead, {"classifier": "linear", "layers": 1, "width": 8, "gain": 1.0, "init": {"alpha": 0.1},
                         "rates": {"alpha": 2}, "clamp": {"beta_1": (1, 0, 5)}}),
    (mm.train_head, {"task": TASK, "head": mm.InductionHead(), "optimiser": "sgd", "lr": 0.1, "steps": 2, "seed": 0,
                     "batch": 4, "record_every": 1, "held_out": 4, "tests": (), "progress": False, "threads": 1}),
    (mm.load, {"path": "none.nc"}),
    (mm.open_sweep, {"path": GRID}),
    (mm.histogram, {"sweep": GRID, "name": "x", "bins": 5, "log": True, "time": None, "threads": 1, "executor": None}),
    (mm.histogram, {"sweep": GRID, "name": "x", "bins": [0, 1, 2]}),
    (mm.quantiles, {"sweep": GRID, "name": "x", "q": [0.1, 0.5], "time": None, "threads": 1, "executor": None}),
    (mm.coarse, {"sweep": GRID, "name": "x", "cells": {"a": 2}, "time": None, "threads": 1, "executor": None}),
    (mm.oracles, {"task": TASK}),
    (theory.derive, {"model": "nested_logit", "attend": "labels"}),
    (theory.predict, {"model": mm.model(**NESTED)}),
    *of_wings(),
    (theory.emergence_scaling, {}),
    (measure.plateaus, {"time": np.arange(50.0), "values": CURVE, "flat": 0.05, "decades": 0.3}),
    (measure.escape_time, {"time": np.arange(50.0), "values": CURVE, "level": 0.5, "direction": -1}),
]  # fmt: skip
MISSPELT = ("unexpected keyword argument", "missing 1 required", "missing 2 required", "required keyword-only argument")


def try_call(rng: random.Random) -> str:
    """Call a public function with one or two arguments of the wrong kind, misspelt, or out of range."""
    function, right = rng.choice(CALLS)
    given = {k: v for k, v in right.items() if rng.random() < 0.7}
    for _ in range(rng.choice([1, 1, 2])):
        key = rng.choice([*right, *right, "nonsense"])
        given[key] = rng.choice([*ODD, *NUMBERS, *NAMES, {rng.choice(NAMES): rng.choice([*ODD, *NUMBERS])}])
    for key in list(right)[:2]:  # what most need, so that the rest is looked at
        if rng.random() < 0.9:
            given.setdefault(key, right[key])
    if isinstance(given.get("threads"), int) and given["threads"] > 4:
        given["threads"] = 2
    try:
        function(**given)
    except TypeError as error:
        names = (f"{function.__qualname__}()", f"{function.__name__}()", f"{function.__name__}.__init__()")
        if str(error).startswith(names) and any(words in str(error) for words in MISSPELT):
            return "Python's own TypeError"
        raise
    return "returned"


STARTS = [
    ["models"], ["models", "nested_logit"], ["simulate", "nested_logit", "--attend", "labels", "--t-end", "20"],
    ["descend", "nested_logit", "--attend", "labels", "--lr", "1", "--steps", "10"],
    ["sweep", "nested_logit", "--attend", "labels", "--t-end", "20", "--axis", "N=2,4"],
    ["derive", "nested_logit", "--attend", "labels"], ["predict", "nested_logit", "--attend", "labels"],
    ["validate", "--only"], ["validate", "--list"], [],
]  # fmt: skip


def try_command(rng: random.Random) -> str:
    """Run a command line in this process: status 0, 1 or 2, and one sentence unless it is 0."""
    start = rng.choice(STARTS)
    words = [
        *start,
        *(rng.choice([*WORDS, *VALUES, *VALUES, *2 * CLAIMS[-1:]]) for _ in range(rng.choice([0, 1, 2, 2, 3, 4]))),
    ]
    if rng.random() < 0.2 and words:
        words.pop(rng.randrange(len(words)))
    refused = words[1:2] == ["--only"] and len(words) > 2 and words[2] not in CLAIMS and words[2][:1] != "-"
    if words[:1] == ["warmup"] or (words[:1] == ["validate"] and "--list" not in words and not refused):  # takes long
        return "left out"
    if words[:1] == ["validate"] and "--only" not in words[:-1]:
        return "left out"
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            cli.main(words)
        except SystemExit as end:
            status = end.code
    said = errors.getvalue()
    assert status in (0, 1, 2), f"status {status}: {words}"
    assert "Traceback" not in said, f"{said}: {words}"
    if status:
        assert said.count("\n") == 1, f"{said!r}: {words}"
        assert len(said) > 20, f"{said!r}: {words}"
    return f"status {status}"


KINDS = {"statement": try_statement, "call": try_call, "command": try_command}


def one(kind: str, seed: int, i: int, seconds: int = 30) -> tuple[str, str]:
    """Try one input; what came of it, and what is wrong with that, if something is."""
    rng = random.Random(f"{kind} {seed} {i}")
    try:
        with limited(seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return KINDS[kind](rng), ""
    except (mm.InputError, mm.RunFailed) as error:
        sentence = str(error)
        flaw = "" if len(sentence) < 1000 and sentence and "\n" not in sentence.strip() else f"a sentence: {sentence!r}"
        return type(error).__name__, flaw
    except Late:
        return "late", f"takes more than {seconds} s: {traceback.format_exc(limit=-6)}"
    except BaseException:
        return "wrong", traceback.format_exc()


def main() -> int:
    """Try many, and say what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--only", type=int, help="one input, by its number")
    chosen = parser.parse_args()
    found: Counter[str] = Counter()
    flaws = 0
    os.chdir(tempfile.mkdtemp())
    kinds = chosen.kind or list(KINDS)
    for i in range(chosen.count) if chosen.only is None else [chosen.only]:
        kind = kinds[i % len(kinds)]
        what, flaw = one(kind, chosen.seed, i)
        found[f"{kind}: {what}"] += 1
        if flaw:
            flaws += 1
            sys.stdout.write(f"--- {kind} {i}: {flaw}\n")
            sys.stdout.flush()
    for what, count in sorted(found.items()):
        sys.stdout.write(f"{count:7d}  {what}\n")
    sys.stdout.write(f"{flaws} of {sum(found.values())} with a flaw\n")
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
