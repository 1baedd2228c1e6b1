"""Sweeps in a folder .zarr: equal to those in memory, a shard whole or absent, resumable, written by whom sees it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("zarr")
pytest.importorskip("dask")

import minimodels as mm
from minimodels import store as module
from minimodels.store import Store, box_of
from tests.minimodels.systems import oscillator, two_factors

HERE = Path(__file__).parent.parent.parent
AXES = {"s": np.linspace(0.5, 3, 40), "a_0": np.linspace(-0.5, 0.5, 43)}


def small(model: mm.GradientFlow | None = None, **options: Any) -> xr.Dataset:
    keep = ["a", "loss", "learnt", "steps"]
    return mm.sweep(model or two_factors(), AXES, **{"t_end": 20.0, "keep": keep, "progress": False, **options})


@pytest.fixture(autouse=True)
def shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones: 1720 points are 20 shards."""
    monkeypatch.setattr(module, "SMALLEST", 100)


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return small(threads=1)


def test_a_folder_opens_as_the_sweep_in_memory(tmp_path: Path, whole: xr.Dataset) -> None:
    lazy = small(out=tmp_path / "grid.zarr", threads=2)
    assert len(Store.read(tmp_path / "grid.zarr")) == 20
    assert lazy.loss.chunks is not None
    assert lazy.loss.encoding["chunks"] == (2, 43)
    xr.testing.assert_equal(lazy, whole)
    assert lazy.attrs == whole.attrs
    for name in whole:
        assert lazy[name].values.tobytes() == whole[name].values.tobytes(), name
        assert lazy[name].dtype == whole[name].dtype
    assert mm.open_sweep(str(tmp_path / "grid.zarr")).equals(lazy)
    assert [p.name for p in tmp_path.iterdir()] == ["grid.zarr"]
    assert float(lazy.loss.sel(s=3.0, method="nearest").max()) == float(whole.loss[-1].max())


def test_saved_times_and_tables_of_points(tmp_path: Path) -> None:
    times = [0.0, 1.0, 4.0]
    table = {"c": np.linspace(0.1, 0.4, 300), "x_0": np.linspace(-1, 1, 300)}
    options: dict[str, Any] = {"points": table, "t_end": 4.0, "save": times, "keep": ["x", "up"]}
    lazy = mm.sweep(oscillator(), {"rate_x": [0.5, 1.0]}, out=tmp_path / "grid.zarr", **options)
    assert lazy.x.dims == ("point", "rate_x", "time")
    xr.testing.assert_equal(lazy, mm.sweep(oscillator(), {"rate_x": [0.5, 1.0]}, **options))
    alone = mm.sweep(oscillator(), out=tmp_path / "alone.zarr", **options)
    xr.testing.assert_equal(alone, mm.sweep(oscillator(), **options))
    assert set(alone.coords) == {"c", "x_0", "time"}


def test_a_shard_without_its_status_is_absent_and_the_rest_is_kept(
    tmp_path: Path, whole: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "grid.zarr"
    write = module.write_atomic

    def failing(path: Path, data: bytes, *mode: int) -> None:
        if "status" in path.parts and path.parts[-2:] == ("12", "0"):
            raise RuntimeError("power cut")
        write(path, data, *mode)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_atomic", failing)
        with pytest.raises(RuntimeError, match="power cut"):
            small(out=out, threads=1)
    store = Store.read(out)
    assert store.path(12, "loss").exists()
    assert 12 in store.missing()
    there = [number for number in range(len(store)) if number not in store.missing()]
    assert len(there) >= 12
    part = mm.open_sweep(out)
    assert (part.status[24:26] == mm.Status.INTERRUPTED).all()
    np.testing.assert_array_equal(part.loss[:24], whole.loss[:24])
    kept = {number: store.path(number, "status").stat().st_mtime_ns for number in there}
    assert small(out=out).equals(whole)
    assert {number: store.path(number, "status").stat().st_mtime_ns for number in there} == kept


def test_a_killed_sweep_resumes(tmp_path: Path) -> None:
    out = tmp_path / "grid.zarr"
    code = f"""
import time, minimodels.store as module, tests.minimodels.test_store as here
from minimodels.problem import Problem
module.SMALLEST, run = 100, Problem.run
Problem.run = lambda self, *arguments: time.sleep(0.2) or run(self, *arguments)
here.small(out={str(out)!r}, threads=1)
"""
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=HERE)
    for _ in range(600):
        if len(list(out.glob("status/c/*/*"))) >= 3:
            break
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 3 <= 20 - len(Store.read(out).missing()) < 20
    assert small(out=out).equals(small())


def test_workers_write_what_they_see_and_hand_back_the_rest(
    tmp_path: Path, whole: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = list[int]()
    write = Store.write
    monkeypatch.setattr(
        Store, "write", lambda self, number, values: written.append(number) or write(self, number, values)
    )
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        assert small(out=tmp_path / "seen.zarr", executor=workers).equals(whole)
        assert not written
        read = Store.read

        def elsewhere(path: Path) -> Store:  # the folder of that name is another one where the workers are
            found = read(path)
            return Store(found.folder, "another", found.dims, found.shape, found.box, found.variables)

        monkeypatch.setattr(Store, "read", elsewhere)
        small(out=tmp_path / "unseen.zarr", executor=workers)
        assert sorted(written) == list(range(20))
        monkeypatch.setattr(Store, "read", read)
        assert mm.open_sweep(tmp_path / "unseen.zarr").equals(whole)


def test_what_is_there_is_not_lost(tmp_path: Path, whole: xr.Dataset) -> None:
    out = tmp_path / "grid.zarr"
    small(out=out)
    with pytest.raises(mm.InputError, match="is finished and is left as it is"):
        small(out=out)
    with pytest.raises(mm.InputError, match="holds another sweep and is left"):
        small(out=out, rtol=1e-5)
    assert not small(out=out, rtol=1e-5, overwrite=True).equals(whole)
    other = tmp_path / "other.zarr"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(mm.InputError, match="is no sweep: it is left as it is"):
            small(out=other, overwrite=overwrite)
    assert (other / "notes.txt").read_text() == "mine"
    with pytest.raises(mm.InputError, match="is damaged or not a sweep"):
        mm.open_sweep(other)
    with pytest.raises(mm.InputError, match="there is no folder"):
        mm.open_sweep(tmp_path / "none.zarr")
    with pytest.raises(mm.InputError, match="`extend` is for results in memory"):
        small(out=out, extend=whole)
    store = Store.read(out)
    store.path(3, "status").write_bytes(b"cut")
    with pytest.raises(mm.InputError, match="is damaged; delete that file"):
        store.values(3, "status")


def test_a_result_that_does_not_fit_on_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**4, 0, 10**4))
    with pytest.raises(mm.InputError, match=r"would take 5\..*e-05 GB, and 1e-05 GB are free"):
        small(out=tmp_path / "grid.zarr")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "shape", [(10**4, 10**4), (10**5, 10**5), (3, 7), (1,), (10**8,), (50, 60, 70, 80), (7, 10**7)]
)
def test_boxes_cover_a_grid_in_pieces_of_like_size(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    box = box_of(shape, 9)
    points = int(np.prod(box))
    assert points <= module.LARGEST
    assert all(1 <= b <= n for b, n in zip(box, shape, strict=True))
    count = np.prod([-(-n // b) for n, b in zip(shape, box, strict=True)])
    assert count == 1 or count * points < 1.6 * np.prod(shape)
    assert count < 2 * max(module.SHARDS, np.prod(shape) / module.LARGEST)
