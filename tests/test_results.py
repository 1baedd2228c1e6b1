"""Saved results reload equal; damaged and foreign files are refused and left alone."""

from pathlib import Path

import pytest
import xarray as xr

import minimodels as mm
from tests.systems import double_well


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
