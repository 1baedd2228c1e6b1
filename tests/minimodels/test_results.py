"""Saved results reload equal; damaged and foreign files are refused and left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import minimodels as mm
from tests.minimodels.systems import double_well


@pytest.fixture(scope="module")
def run() -> xr.Dataset:
    return mm.simulate(double_well(), t_end=10.0)


def test_a_run_reloads_identical(run: xr.Dataset, tmp_path: Path) -> None:
    mm.save(run, tmp_path / "run.nc")
    again = mm.load(tmp_path / "run.nc")
    assert again.identical(run)
    assert {k: v.dtype for k, v in again.variables.items()} == {k: v.dtype for k, v in run.variables.items()}
    for name in ("model", "parameters", "rates", "versions", "method", "rtol", "atol", "init", "t_end"):
        assert name in again.attrs
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]


def test_nothing_is_overwritten_unless_asked(run: xr.Dataset, tmp_path: Path) -> None:
    target = tmp_path / "run.nc"
    target.write_text("mine")
    with pytest.raises(mm.InputError, match="left as it is"):
        mm.save(run, target)
    assert target.read_text() == "mine"
    mm.save(run, target, overwrite=True)
    assert mm.load(target).identical(run)


def test_a_save_that_fails_leaves_nothing(run: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        mm.save(run.assign_attrs(bad={"a": object()}), tmp_path / "run.nc")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(("error", "raised"), [(OSError(28, "no space"), mm.InputError), (SystemExit(), SystemExit)])
def test_a_save_that_fails_late_keeps_what_was_there(
    run: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException, raised: type
) -> None:
    target = tmp_path / "run.nc"
    mm.save(run, target)
    whole = target.read_bytes()

    def fails(*_: object) -> None:
        assert target.read_bytes() == whole
        raise error

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(raised):
        mm.save(run.assign(x=run.x + 1), target, overwrite=True)
    assert target.read_bytes() == whole
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]


KILLED = """
import os, resource, signal, sys
import minimodels as mm

run = mm.load(sys.argv[1])
other = run.assign(x=run.x + 1)
if sys.argv[2] == "while it writes":  # by the kernel, at the first byte beyond half the file
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(sys.argv[1]) // 2,) * 2)
else:
    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
mm.save(other, sys.argv[1], overwrite=True)
"""


@pytest.mark.parametrize(("when", "how"), [("while it writes", signal.SIGXFSZ), ("before it is named", signal.SIGKILL)])
def test_a_process_killed_during_a_save_leaves_the_old_file_whole(
    run: xr.Dataset, tmp_path: Path, when: str, how: signal.Signals
) -> None:
    target = tmp_path / "run.nc"
    mm.save(run, target)
    whole = target.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(target), when], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == -how, done.stderr
    assert target.read_bytes() == whole
    assert mm.load(target).identical(run)
    mm.save(run.assign(x=run.x + 1), target, overwrite=True)  # what is left beside it is in nobody's way
    np.testing.assert_array_equal(mm.load(target).x, run.x + 1)


def test_damaged_foreign_and_missing_files(run: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(mm.InputError, match="there is no file"):
        mm.load(tmp_path / "none.nc")
    mm.save(run, tmp_path / "run.nc")
    whole = (tmp_path / "run.nc").read_bytes()
    for number, content in enumerate((whole[: len(whole) // 2], b"", b"time,x\n0,1\n")):
        path = tmp_path / f"{number}.nc"
        path.write_bytes(content)
        with pytest.raises(mm.InputError, match="damaged or not a NetCDF file"):
            mm.load(path)
        assert path.read_bytes() == content
    run.drop_attrs().to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    with pytest.raises(mm.InputError, match="not written by minimodels"):
        mm.load(tmp_path / "foreign.nc")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # h5py, closing what is damaged
def test_a_file_with_one_changed_byte_never_loads_with_other_numbers(tmp_path: Path) -> None:
    run = mm.simulate(double_well(), t_end=10.0, save=np.linspace(0, 10, 200))
    mm.save(run, tmp_path / "run.nc")
    whole = (tmp_path / "run.nc").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 200):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "damaged.nc").write_bytes(damaged)
        try:
            again = mm.load(tmp_path / "damaged.nc")
        except mm.InputError:
            refused += 1
        else:  # the byte was one that nothing is read from
            assert all((again[k].values == run[k].values).all() for k in run.variables)
    assert refused > 20


def test_every_kind_of_result_is_read_back_with_its_checksum(tmp_path: Path) -> None:
    for number, ds in enumerate(
        (
            mm.sweep(double_well(), {"a": [0.5, 1.0]}, t_end=1.0, keep=["x", "loss", "steps"], save=[0.5, 1.0]),
            mm.descend(double_well(), lr=0.1, steps=10),
            mm.simulate(mm.model("nested_logit"), t_end=50.0, stop_at="escape_time"),
        )
    ):
        mm.save(ds, tmp_path / f"{number}.nc")
        assert mm.load(tmp_path / f"{number}.nc").identical(ds)


@pytest.mark.parametrize(
    "values",
    [
        np.array(["a", "bb"], "<U9"), np.array(["a", "bb"], object), np.array(["é", ""], "<U4"),
        np.array([1.0, 2.0], ">f8"), np.array([1, 2], ">i4"), np.array([1.0, -np.nan]), np.array([True, False]),
    ],
)  # fmt: skip
def test_what_is_saved_is_loaded_whatever_its_width_and_order_of_bytes(values: np.ndarray, tmp_path: Path) -> None:
    data = xr.Dataset({"x": ("k", [3.0, 4.0])}, {"c": ("k", values)}, {"format": "minimodels 1"})
    mm.save(data, tmp_path / "data.nc")
    found = mm.load(tmp_path / "data.nc")["c"].values
    assert [str(v) for v in found] == [str(v) for v in values]
