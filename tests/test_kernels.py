"""Kernels are found again by what they compute: nothing compiles twice, nothing is stale."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import minimodels as mm

HERE = Path(__file__).parent.parent
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
    assert any(name.endswith(".nbc") for name in compiled)
    second, found = run()
    assert second == first
    assert found == compiled
    assert not (tmp_path / "kernels").stat().st_mode & 0o077  # private


def test_models_of_one_name_do_not_mix() -> None:
    x = sp.Symbol("x")
    ends = []
    for power in (2, 4):
        m = mm.GradientFlow(name="bowl", state={"x": 1.0}, loss=x**power / power)
        ends.append(float(mm.simulate(m, t_end=1.0, rtol=1e-10, atol=1e-12).x[-1]))
    assert ends == pytest.approx([np.exp(-1), 1 / np.sqrt(3)], rel=1e-9)


def test_the_folder_must_be_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minimodels.engine.cache import folder

    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("MINIMODELS_CACHE_DIR", str(tmp_path / "taken"))
    with pytest.raises(mm.InputError, match="MINIMODELS_CACHE_DIR"):
        folder()


def test_a_function_that_cannot_be_compiled_is_named() -> None:
    x = sp.Symbol("x")
    m = mm.GradientFlow(name="odd", state={"x": 1.0}, loss=sp.zeta(x))
    with pytest.raises(mm.InputError, match="cannot be compiled"):
        mm.simulate(m, t_end=1.0)
