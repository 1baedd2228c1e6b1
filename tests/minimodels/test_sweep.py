"""Grids: threads, chunks, shards, interruption, and files that are not what they should be."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import minimodels as mm
from minimodels import sweep as sweep_function
from tests.minimodels.systems import double_well, oscillator, two_factors

HERE = Path(__file__).parent.parent.parent
MODULE = sys.modules[sweep_function.__module__]
# the same sweep in this process and in others; shards of 512 points
SCRIPT = """
import sys, numpy as np, minimodels as mm
import minimodels.sweep
home = sys.modules["minimodels.sweep"]
home.CHUNK = 512
out, slow = sys.argv[1], float(sys.argv[2])
if slow:
    import time
    from minimodels.problem import Problem
    original = Problem.run
    def run(self, *arguments):
        time.sleep(slow)
        return original(self, *arguments)
    Problem.run = run
print("ready", flush=True)
grid = mm.sweep(
    mm.model("nested_logit", attend="labels"), {"N": np.linspace(2, 16, 64), "L": np.linspace(16, 100, 64)},
    t_end=200.0, keep=["loss", "escape_time", "xi"], out=out, threads=2,
)
print("complete" if (grid.status != mm.Status.INTERRUPTED).all() else "interrupted", flush=True)
"""


def start(out: Path, slow: float) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(HERE), "PYTHONWARNINGS": "error"}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(out), str(slow)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, cwd=HERE,
    )  # fmt: skip


def shards_of(out: Path) -> list[Path]:
    return sorted(out.with_name(out.name + ".shards").glob("*.npz"))


def wait_for_shards(process: "subprocess.Popen[str]", out: Path, count: int) -> None:
    for _ in range(1200):
        if len(shards_of(out)) >= count:
            return
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)
    raise AssertionError("no shards within a minute")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    out = tmp_path_factory.mktemp("whole") / "grid.nc"
    process = start(out, 0)
    text, errors = process.communicate(timeout=200)
    assert "complete" in text, errors
    assert not shards_of(out)
    return mm.load(out)


def test_a_killed_sweep_resumes_and_computes_only_what_is_missing(tmp_path: Path, uninterrupted: xr.Dataset) -> None:
    out = tmp_path / "grid.nc"
    process = start(out, 0.5)
    wait_for_shards(process, out, 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not out.exists()
    kept = {path: path.stat().st_mtime_ns for path in shards_of(out)}
    assert 2 <= len(kept) < 8
    again = start(out, 1.0)
    wait_for_shards(again, out, len(kept) + 1)
    now = {path: path.stat().st_mtime_ns for path in shards_of(out)}
    assert {path: now[path] for path in kept} == kept  # finished ones are not computed again
    text, errors = again.communicate(timeout=200)
    assert "complete" in text, errors
    resumed = mm.load(out)
    assert resumed.equals(uninterrupted)
    for name in uninterrupted:
        assert resumed[name].values.tobytes() == uninterrupted[name].values.tobytes(), name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["grid.nc"]


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, uninterrupted: xr.Dataset) -> None:
    out = tmp_path / "grid.nc"
    process = start(out, 0.5)
    wait_for_shards(process, out, 2)
    process.send_signal(signal.SIGINT)
    text, errors = process.communicate(timeout=60)
    assert "interrupted" in text, errors
    assert not out.exists()
    assert 2 <= len(shards_of(out)) < 8
    text, errors = start(out, 0).communicate(timeout=200)
    assert "complete" in text, errors
    assert mm.load(out).equals(uninterrupted)


def small(**options: Any) -> xr.Dataset:
    return mm.sweep(
        two_factors(), {"s": np.linspace(0.5, 3, 40), "a_0": np.linspace(-0.5, 0.5, 40)}, t_end=20.0,
        keep=["a", "loss", "learnt", "steps"], **options,
    )  # fmt: skip


def test_threads_chunks_and_executors_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    one = small(threads=1)
    results = []
    for chunk, threads in ((2048, 2), (100, 2), (33, 1), (7, 2)):
        monkeypatch.setattr(MODULE, "CHUNK", chunk)
        results.append(small(threads=threads))
    with ThreadPoolExecutor(2) as pool:
        results.append(small(executor=pool))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        results.append(small(executor=processes))
    for other in results:
        for name in one:
            assert other[name].values.tobytes() == one[name].values.tobytes(), name


def test_a_sweep_is_many_single_runs() -> None:
    grid = small()
    assert grid.a.dims == ("s", "a_0")
    assert int(grid.learnt_censored.sum()) + int(np.isfinite(grid.learnt).sum()) == 1600
    for i, j in ((0, 0), (3, 39), (20, 11)):
        s, a_0 = float(grid.s[i]), float(grid.a_0[j])
        run = mm.simulate(two_factors().with_values(s=s), t_end=20.0, init={"a": a_0}, save=[20.0])
        for name in ("a", "loss"):
            assert float(grid[name][i, j]) == pytest.approx(float(run[name][0]), rel=1e-12, abs=1e-20)
        np.testing.assert_array_equal(run.learnt, grid.learnt[i, j])


def test_saved_times_are_a_dimension() -> None:
    times = [0.0, 1.0, 4.0]
    grid = mm.sweep(oscillator(), {"c": [0.1, 0.2]}, t_end=4.0, save=times, keep=["x", "up"], rtol=1e-9, atol=1e-12)
    assert grid.x.dims == ("c", "time")
    np.testing.assert_allclose(grid.x, np.sin([times, times]), atol=1e-7)
    assert grid.up.dims == ("c",)


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the target of a sweep whose last shard failed."""
    monkeypatch.setattr(MODULE, "CHUNK", 400)
    out = tmp_path / "grid.nc"
    write = MODULE.Shards.write

    def failing(self: Any, part: slice, values: Any) -> None:
        if part.start == 1200:
            raise RuntimeError("power cut")
        write(self, part, values)

    with monkeypatch.context() as patch:
        patch.setattr(MODULE.Shards, "write", failing)
        with pytest.raises(RuntimeError, match="power cut"):
            small(out=out, threads=1)
    assert len(shards_of(out)) == 3
    return out


def test_a_damaged_shard_is_named(stopped: Path) -> None:
    path = shards_of(stopped)[1]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(mm.InputError, match=rf"{path.name}.*damaged; delete that file"):
        small(out=stopped)
    path.unlink()
    assert small(out=stopped).equals(small())


def test_shards_of_another_sweep_are_refused(stopped: Path) -> None:
    before = {p: p.read_bytes() for p in shards_of(stopped)}
    with pytest.raises(mm.InputError, match="parts of another sweep"):
        small(out=stopped, rtol=1e-5)
    shards = stopped.with_name("grid.nc.shards")
    (shards / "sweep.json").write_text("{}")
    with pytest.raises(mm.InputError, match="parts of another sweep"):
        small(out=stopped)
    (shards / "sweep.json").unlink()
    with pytest.raises(mm.InputError, match="parts of another sweep"):
        small(out=stopped)
    assert {p: p.read_bytes() for p in shards_of(stopped)} == before
    shutil.rmtree(shards)
    shards.write_text("a file of the same name")
    with pytest.raises(mm.InputError, match="parts of another sweep"):
        small(out=stopped)
    assert shards.read_text() == "a file of the same name"


def test_the_saved_sweep_reloads_equal_and_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "grid.nc"
    grid = small(out=out)
    again = mm.load(out)
    assert again.identical(grid)
    content = out.read_bytes()
    with pytest.raises(mm.InputError, match="exists and is left as it is"):
        small(out=out)
    assert out.read_bytes() == content
    small(out=out, overwrite=True)
    assert mm.load(out).equals(grid)


@pytest.mark.parametrize(
    ("axes", "options", "words"),
    [
        ({}, {}, "at least one axis"),
        ({"s": []}, {}, "is empty"),
        ({"s": [[1.0]]}, {}, "must be a list of numbers, as"),
        ({"s": ["a"]}, {}, "must be a list of numbers, as"),
        ({"s": [np.nan]}, {}, "must be finite"),
        ({"S": [1.0]}, {}, "unknown sweep axis 'S'; did you mean 's'"),
        ({"a_1": [1.0]}, {}, "did you mean 'a_0'"),
        ({"s": [1.0]}, {"keep": ["lost"]}, "did you mean 'loss'"),
        ({"s": [1.0]}, {"threads": 0}, "at least 1"),
        ({"s": [1.0]}, {"out": "grid.txt"}, r"ends in \.nc"),
        ({"s": [1.0]}, {"out": "no/such/folder/grid.nc"}, "does not exist"),
        ({"s": [1.0]}, {"t_end": 0.0}, "must be positive"),
    ],
)
def test_bad_sweeps(axes: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(mm.InputError, match=words):
        mm.sweep(two_factors(), axes, **({"t_end": 1.0, "keep": ["a"]} | options))


def test_a_result_that_would_not_fit_is_refused_before_any_work(tmp_path: Path) -> None:
    many = np.linspace(0.1, 1.0, 100_000)
    with pytest.raises(mm.InputError, match=r"1e\+10 points would take .* GB"):
        mm.sweep(double_well(), {"a": many, "x_0": many}, t_end=1.0, out=tmp_path / "grid.nc")
    assert not list(tmp_path.iterdir())


def test_the_same_sweep_twice_at_once_gives_the_result_twice(tmp_path: Path) -> None:
    together = threading.Barrier(2)

    def one(_: int) -> xr.Dataset:
        together.wait()
        axes = {"a": np.linspace(0.5, 1.5, 180), "x_0": np.linspace(0.1, 0.9, 180)}
        return mm.sweep(double_well(), axes, t_end=5.0, keep=["x"], out=tmp_path / "grid.nc", threads=1, progress=False)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(one, range(2))
    xr.testing.assert_identical(first, second)
    xr.testing.assert_identical(mm.load(tmp_path / "grid.nc"), first)
    assert [p.name for p in tmp_path.iterdir()] == ["grid.nc"]
