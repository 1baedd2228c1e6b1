"""Results as xarray datasets: how they are built, saved whole or not at all, and read back."""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minimodels import __version__
from minimodels.bounds import written
from minimodels.engine.stepper.status import Status
from minimodels.errors import InputError, check_path
from minimodels.files import write_file
from minimodels.model import GradientFlow, Model

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "minimodels 1"


@cache
def versions() -> str:
    """Return the versions a result depends on, as JSON."""
    from importlib.metadata import version

    names = ("numpy", "numba", "sympy", "xarray")
    return json.dumps({"minimodels": __version__} | {name: version(name) for name in names})


FIXED_MEANINGS: dict[str, dict[str, Any]] = {
    "time": {"long_name": "time"},
    "status": {
        "flag_values": np.array([int(s) for s in Status], dtype=np.int8),
        "flag_meanings": " ".join(s.name for s in Status),
    },
}


def dataset(
    model: Model, coords: Mapping[str, Any], data: Mapping[str, tuple[tuple[str, ...], Any]], **attrs: Any
) -> "xr.Dataset":
    """Build a result: variables with their dimensions, the model's statement and the settings as attributes."""
    import xarray as xr

    unit = "steps" if "step" in coords else "learning rate x steps" if isinstance(model, GradientFlow) else ""
    times = {"time", "stop_time", *(k for k in data if f"{k}_censored" in data)} if unit else set()

    def described(name: str, dims: tuple[str, ...], values: Any) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
        about = model.state_info.get(name) or model.parameters.get(name)
        meaning = {"long_name": about.meaning} if about is not None and about.meaning else {}
        return dims, values, meaning | FIXED_MEANINGS.get(name, {}) | ({"units": unit} if name in times else {})

    ds = xr.Dataset(
        {k: described(k, *v) for k, v in data.items()}, coords={k: described(k, (k,), v) for k, v in coords.items()}
    )
    ds.attrs = {
        "format": FORMAT,
        "model": model.name,
        "options": json.dumps(dict(model.options)),
        "parameters": json.dumps(model.values),
        "rates": json.dumps({k: str(v) for k, v in model.rates.items()}),
        "source": model.source,
        "versions": versions(),
        **attrs,
    }
    if model.bounds:
        ds.attrs["bounds"] = json.dumps(written(model))
    started = json.loads(ds.attrs.get("init", "{}")).items()
    ds.attrs["given"] = json.dumps([*model.given, *(f"{k}_0" for k, v in started if v != model.init[k])])
    return ds


def check_target(path: str | Path, *, overwrite: bool = False, folders: bool = False) -> Path:
    """Return a path that a result can be written to, before any work is done for it; ``folders``: also a .zarr."""
    target = check_path(path, "`out`")
    if folders and target.suffix != ".nc" and target.suffix != ".zarr":
        what = "as NetCDF or, beyond memory, in a folder: give a name that ends in .nc or .zarr"
        raise InputError(f"a sweep is saved {what}, not {target.name!r}.")
    if not folders and target.suffix != ".nc":
        raise InputError(f"a result is saved as NetCDF: give a name that ends in .nc, not {target.name!r}.")
    if not target.parent.is_dir():
        raise InputError(f"the folder {str(target.parent)!r} does not exist; make it or choose another `out`.")
    store = target.suffix == ".zarr"  # one that is unfinished is taken up
    if target.exists() and not overwrite and not store:
        raise InputError(f"{str(target)!r} exists and is left as it is; choose another `out` or allow overwriting.")
    if (target.is_dir() and not store) or not os.access(target.parent, os.W_OK):
        raise InputError(f"cannot write {str(target)!r}; choose another `out`.")
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise InputError(f"cannot write in {str(target.parent)!r} ({error.strerror}); choose another `out`.") from error
    os.close(handle)
    os.unlink(temporary)
    return target


def save(ds: "xr.Dataset", path: str | Path, *, overwrite: bool = False) -> None:
    """Save a dataset as one NetCDF file, by temporary name and rename.

    Raises
    ------
    InputError
        If the file exists and may not be overwritten, or cannot be written.
    """
    target = check_target(path, overwrite=overwrite)
    ds = ds.assign_attrs(checksum=checksum(ds))
    # HDF5 crashes the process when a disk is full: it writes to memory
    with _on_this_machine():
        content = bytes(ds.to_netcdf(engine="h5netcdf"))
    write_file(target, content)


@contextmanager
def _on_this_machine() -> Iterator[None]:
    """Keep xarray from asking the scheduler of a cluster for a lock, which it does where there is a client."""
    dask = sys.modules.get("dask")
    with nullcontext() if dask is None else dask.config.set(scheduler="synchronous"):
        yield


def load(path: str | Path) -> "xr.Dataset":
    """Read a dataset that `save` wrote.

    Raises
    ------
    InputError
        If the file is missing, damaged or not a result of this library.
    """
    import xarray as xr

    if not check_path(path, "`path`").is_file():
        raise InputError(f"there is no file {str(path)!r}.")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as file:
            ds = file.load()
    except Exception as error:
        raise InputError(f"{str(path)!r} is damaged or not a NetCDF file; it is left as it is.") from error
    if not str(ds.attrs.get("format", "")).startswith("minimodels"):
        raise InputError(f"{str(path)!r} was not written by minimodels; it is left as it is.")
    stated = ds.attrs.pop("checksum", None)
    if stated != checksum(ds):
        raise InputError(f"{str(path)!r} is damaged: what it holds is not what was saved; it is left as it is.")
    return ds


def checksum(ds: "xr.Dataset") -> str:
    """Return the hash of all numbers, names and settings of a dataset."""
    digest = hashlib.sha256()
    for name in sorted(map(str, ds.variables)):
        variable = ds.variables[name]
        values = np.asarray(variable.values)
        if values.dtype.kind in "OU":  # text comes back as wide as its longest entry
            values = values.astype(object).astype(str)
        values = values.astype(values.dtype.newbyteorder("="))
        digest.update(f"{name} {variable.dims} {values.shape} {values.dtype.str}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    for key, value in sorted(ds.attrs.items()):
        digest.update(f"{key}={value}".encode())
    return digest.hexdigest()
