"""A method is a file of the folder of methods: one that is put there is found, run, and named by the command line."""

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import minimodels as mm
from minimodels.engine import steppers
from minimodels.engine.stepper import method as interface
from minimodels.engine.stepper.methods import methods

HEUN = '''"""Heun's method of order 2 with a fixed step, and the parabola from its start as its dense output."""

from numba import njit

from ..layout import HS, K0, K1, KN, LANE, STATE, YN, YS, Y, apart, run

ADAPTIVE = False
IMPLICIT = False
DISCRETE = False
SAFETY = EXPONENT = MEMORY = ORDER = 0.0


@njit(**LANE)
def step(a, lanes, programs):
    apart()
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YS + w] = x[Y + w] + a.rows[HS + w] * x[K0 + w]
    run(programs.drift, a, YS, K1, a.old, lanes)
    for i in range(a.n):
        x = a.rows[i * STATE :]
        for w in range(lanes):
            x[YN + w] = x[Y + w] + a.rows[HS + w] * (0.5 * x[K0 + w] + 0.5 * x[K1 + w])


@njit(**LANE)
def error(x, h, w):
    return 0.0 * x[YN + w] + 0.0 * x[KN + w]


@njit(**LANE)
def dense(x, h, w, at):
    return x[Y + w] + h * at * ((1.0 - 0.5 * at) * x[K0 + w] + 0.5 * at * x[K1 + w])
'''
RUNS = """
import minimodels as mm
from minimodels.cli import main

half = {"half": mm.Event("x", 0.5)}
m = mm.Flow(name="oscillator", state={"x": 0.0, "v": 1.0}, drift={"x": "v", "v": "-x"}, events=half)
for step in (0.1, 0.05, 0.025, 0.0125):
    run = mm.simulate(m, t_end=4.0, save=[1.01, 4.0], method="heun", step=step)
    print(step, int(run.steps), *map(float, (*run.x, *run.v, run.half)))
print(mm.__file__)
for words in ("--method heun", "--method ralston"):
    try:
        main(["simulate", "nested_logit", *words.split()])
    except SystemExit:
        pass
"""


def test_a_file_is_a_method(tmp_path: Path) -> None:
    assert "heun" not in methods()
    package = tmp_path / "minimodels"
    shutil.copytree(Path(mm.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "engine" / "stepper" / "methods" / "heun.py").write_text(HEUN)
    done = subprocess.run(
        [sys.executable, "-c", RUNS], env=os.environ | {"PYTHONPATH": str(tmp_path)}, cwd=tmp_path,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    *lines, file = done.stdout.splitlines()
    assert file == str(package / "__init__.py")
    sizes, steps, *found = np.array([line.split() for line in lines], dtype=float).T
    np.testing.assert_array_equal(steps, np.round(4 / sizes))
    exact = (np.sin(1.01), np.sin(4.0), np.cos(1.01), np.cos(4.0), np.arcsin(0.5))
    for values, true in zip(found, exact, strict=True):  # inside of a step, at the end of one, at an event
        assert np.polyfit(np.log(sizes), np.log(np.abs(values - true)), 1)[0] == pytest.approx(2, abs=0.25)
    for h, x, v in zip(sizes, found[1], found[3], strict=True):  # the same by complex numbers: z' = -iz
        z = 1j * (1 - 1j * h - h**2 / 2) ** round(4 / h)
        assert (x, v) == pytest.approx((z.real, z.imag), rel=1e-11)
    without_step, unknown = done.stderr.splitlines()
    assert "method='heun' has a fixed step: give `step`" in without_step
    assert "expected one of ('heun', 'rk4', 'rodas4', 'tsit5')" in unknown


def test_a_sentence_names_all_methods_with_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    more = methods() | {"heun": methods()["rk4"]._replace(name="heun")}
    monkeypatch.setattr("minimodels.problem.methods", lambda: more)
    with pytest.raises(mm.InputError, match="`step` is for method='rk4' or method='heun'; the others"):
        mm.simulate(mm.Flow(name="clock", state={"t": 0.0}, drift={"t": 1}), t_end=1.0, step=0.1)


@pytest.mark.parametrize("name", methods())
def test_what_is_read_of_a_file_is_what_runs(name: str) -> None:
    made = steppers.driver(name)
    steps = sys.modules[f"{made.__package__}.steps"]
    assert steps.step.py_func.__module__ == f"{made.__package__}.methods.{name}"
    assert methods()[name][1:] == (steps.ADAPTIVE, made.IMPLICIT, made.DISCRETE)
    assert set(interface.__all__) <= set(vars(import_module(f"minimodels.engine.stepper.methods.{name}")))
