"""Kernels are found again by what they compute: nothing compiles twice, nothing is stale, nothing is kept for ever."""

import gc
import os
import pty
import re
import subprocess
import sys
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import minimodels as mm

HERE = Path(__file__).parent.parent.parent
SCRIPT = """
import sympy as sp, minimodels as mm
x = sp.Symbol("x")
bowl = mm.GradientFlow(name="bowl", state={"x": 1.0}, loss=x**2/2)
print(float(mm.simulate(bowl, t_end=1.0).x[-1]))
"""


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(HERE), "MINIMODELS_CACHE_DIR": str(tmp_path / "kernels")}

    def run() -> tuple[str, dict[str, int]]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True, cwd=HERE
        )
        files = {
            str(p.relative_to(tmp_path)): p.stat().st_mtime_ns for p in (tmp_path / "kernels").rglob("*") if p.is_file()
        }
        return done.stdout, files

    first, compiled = run()
    assert float(first) == pytest.approx(np.exp(-1), rel=1e-6)
    assert any(name.endswith(".nbc") for name in compiled)  # the stepper
    assert any(name.endswith(".o") for name in compiled)  # the model
    second, found = run()
    assert second == first
    assert found == compiled
    assert not (tmp_path / "kernels").stat().st_mode & 0o077  # private


# a model's observables and what evaluates them; how often this process called a compiler
ONCE = """
import sys, llvmlite.binding as llvm, minimodels as mm
from minimodels.compiled import compiled
from minimodels.engine import steppers
calls, emit = [], llvm.TargetMachine.emit_object
llvm.TargetMachine.emit_object = lambda self, module: calls.append(1) or emit(self, module)
well = mm.GradientFlow(name="well", state={"x": 1.0}, loss="(x**2 - 1)**2/4")
print("ready", flush=True)
sys.stdin.readline()
compiled(well).observe()
print(len(calls), sum(steppers.points().evaluate.stats.cache_misses.values()))
"""


def test_processes_that_start_together_compile_once(tmp_path: Path) -> None:
    environment = os.environ | {"MINIMODELS_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(HERE)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    both = [subprocess.Popen([sys.executable, "-c", ONCE], **pipes) for _ in range(2)]
    assert [process.stdout.readline() for process in both if process.stdout] == ["ready\n"] * 2
    for process in both:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].split() for process in both]
    assert sum(int(emitted) for emitted, _ in said) == 1
    assert sum(int(missed) for _, missed in said) == 1
    assert len(list(tmp_path.glob("model_*"))) == 1
    assert len(list(tmp_path.rglob("points.*.nbc"))) == 1


def test_models_of_one_name_do_not_mix() -> None:
    x = sp.Symbol("x")
    ends = []
    for power in (2, 4):
        m = mm.GradientFlow(name="bowl", state={"x": 1.0}, loss=x**power / power)
        ends.append(float(mm.simulate(m, t_end=1.0, rtol=1e-10, atol=1e-12).x[-1]))
    assert ends == pytest.approx([np.exp(-1), 1 / np.sqrt(3)], rel=1e-9)


def compiled_models(folder: Path) -> set[Path]:
    return set(folder.glob("model_*"))


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder for what models compile; the steppers are those at hand."""
    monkeypatch.setattr("minimodels.engine.machine.folder", lambda: tmp_path)
    return tmp_path


def wells(shift: float = 0.0, n: int = 1, **options: Any) -> mm.GradientFlow:
    x = sp.symbols(f"x:{n}")
    loss = sp.Add(*((a**2 - 1 - shift) ** 2 / 4 for a in x), *(a * b / 10 for a, b in pairwise(x)))
    return mm.GradientFlow(name="wells", state={str(a): 0.1 for a in x}, loss=loss, **options)


def test_numbers_compile_nothing(kernels: Path) -> None:
    m = wells(events={"up": mm.Event("x0", 0.5)}, parameters={"p": 1.0})
    mm.simulate(m, t_end=5.0, events={"late": mm.Event("x0", 0.9)})
    before = compiled_models(kernels)
    assert len(before) == 2  # the flow with its events, the observables
    for level in (0.6, 0.7):
        run = mm.simulate(m, t_end=20.0, events={"late": mm.Event("x0", level)}, stop_at="late", rtol=1e-10, atol=1e-12)
        assert float(run.x0[run.x0.notnull()][-1]) == pytest.approx(level, abs=0.05)
        exact = np.log((level**2 / (1 - level**2)) / (0.01 / 0.99)) / 2
        assert float(run.late) == pytest.approx(exact, abs=1e-8)
    mm.simulate(m.with_values(p=3.0), t_end=5.0, events={"late": mm.Event("x0", 0.9)}, stop_at="up", rates={"x0": "p"})
    mm.sweep(m, {"p": [1.0, 2.0], "x0_0": [0.1, 0.2]}, t_end=1.0, events={"late": mm.Event("x0", 0.3)})
    assert compiled_models(kernels) == before


def test_a_kernel_lives_as_long_as_its_statement(kernels: Path) -> None:
    m = wells(0.125)
    mm.simulate(m, t_end=1.0)
    from minimodels.compiled import compiled

    kept = weakref.ref(compiled(m))
    other = m.with_rates(x0=2.0)
    del m
    gc.collect()
    assert kept() is not None  # the other is the same statement
    assert float(mm.simulate(other, t_end=1.0).x0[-1]) > 0.1
    del other
    gc.collect()
    assert kept() is None


def test_statements_take_no_memory_that_lasts(kernels: Path) -> None:
    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    for i in range(10):
        mm.simulate(wells(0.001 * i, n=12), t_end=1.0)
    before = resident()
    for i in range(10, 60):
        mm.simulate(wells(0.001 * i, n=12), t_end=1.0)
    assert resident() - before < 50 * 0.5
    assert len(compiled_models(kernels)) == 2 * 60


def test_a_damaged_kernel_is_made_again(kernels: Path) -> None:
    first = float(mm.simulate(wells(0.25), t_end=1.0).x0[-1])
    for kernel in compiled_models(kernels):
        kernel.write_bytes(kernel.read_bytes()[:-100])
    assert float(mm.simulate(wells(0.25), t_end=1.0).x0[-1]) == first


def test_a_terminal_is_told_what_compiles_and_how_long_it_took(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    script = SCRIPT.replace("x**2/2", f"x**2/2 + x**4*{os.getpid()}/1000000")
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=theirs, stdout=subprocess.DEVNULL):
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 1000):
                told += part
        except OSError:  # the other end is closed
            pass
    assert re.search(rb"compiling bowl \.\.\. [\d.e-]+ s\r\n", told), told
    quiet = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert quiet.stderr == ""


def test_the_folder_must_be_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minimodels.engine.cache import folder

    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("MINIMODELS_CACHE_DIR", str(tmp_path / "taken"))
    with pytest.raises(mm.InputError, match="MINIMODELS_CACHE_DIR"):
        folder()
    monkeypatch.setenv("MINIMODELS_CACHE_DIR", str(tmp_path / "new" / "kernels"))
    assert folder().is_dir()


def test_a_function_that_cannot_be_compiled_is_named() -> None:
    x = sp.Symbol("x")
    m = mm.GradientFlow(name="odd", state={"x": 1.0}, loss=sp.zeta(x))
    with pytest.raises(mm.InputError, match="cannot be compiled"):
        mm.simulate(m, t_end=1.0)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """What lies in it is run."""
    from minimodels.engine.cache import folder

    monkeypatch.setenv("MINIMODELS_CACHE_DIR", str(tmp_path / "kernels"))
    assert not folder().stat().st_mode & 0o077
    (tmp_path / "kernels").chmod(mode)
    with pytest.raises(mm.InputError, match=r"written to by others.*chmod"):
        folder()


def test_a_kernel_that_others_may_write_to_is_refused(kernels: Path) -> None:
    mm.simulate(wells(0.375), t_end=1.0)
    for kernel in compiled_models(kernels):
        kernel.chmod(0o666)
    with pytest.raises(mm.InputError, match="written to by others"):
        mm.simulate(wells(0.375), t_end=1.0)
