"""Results beyond memory: a sweep as a folder in the format Zarr 3, filled shard by shard, each whole or not at all.

A shard is a box of the grid and one chunk of every variable; its status is written last, so that a shard whose status
is there is complete. Chunks are written and read without `zarr`: numbers as they are, the rest compressed by gzip.
"""

import gzip
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from minimodels.engine.stepper.status import Status
from minimodels.errors import InputError, check_path
from minimodels.files import write_atomic
from minimodels.results import FORMAT

if TYPE_CHECKING:
    import xarray as xr

SHARDS = 512  # of a large sweep, unless they would be too small or too large
SMALLEST, LARGEST = 2**13, 2**21  # points of a shard: a task on a cluster costs 12 ms of the processors
MOST = 2**26  # bytes of a shard


@dataclass(frozen=True)
class Store:
    """The folder of a sweep, and how it is cut: pickled, it says where a shard belongs."""

    folder: Path
    token: str  # of this very folder: the same path may be another one elsewhere
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    box: tuple[int, ...]
    variables: Mapping[str, tuple[str, tuple[int, ...], Any]]  # type, lengths beyond the grid, what is not there

    @classmethod
    def read(cls, path: Any) -> "Store":
        """Take up the store in a folder.

        Raises
        ------
        InputError
            If there is none, or not of this library.
        """
        folder = check_path(path, "`path`").absolute()
        if not folder.is_dir():
            raise InputError(f"there is no folder {str(path)!r}.")
        try:
            about = _attributes(folder)
            if not str(about["format"]).startswith("minimodels"):
                raise KeyError("format")
            token = str(about["store"])
            metas = {p.parent.name: json.loads(p.read_bytes()) for p in sorted(folder.glob("*/zarr.json"))}
            status = metas["status"]
            dims = tuple(status["dimension_names"])
            coordinates = {*dims, *str(about.get("coordinates", "")).split()}
            found = {
                name: (meta["data_type"], tuple(meta["shape"][len(dims) :]), _blank(meta["data_type"], name))
                for name, meta in metas.items()
                if tuple(meta["dimension_names"])[: len(dims)] == dims and name not in coordinates
            }
            box = tuple(status["chunk_grid"]["configuration"]["chunk_shape"])
            return cls(folder, token, dims, tuple(status["shape"]), box, found)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{str(path)!r} is damaged or not a sweep of minimodels; it is left as it is.") from error

    @classmethod
    def make(cls, target: Path, template: "xr.Dataset", dims: tuple[str, ...]) -> "Store":
        """Make the folder of a sweep; ``template`` has its names, coordinates and attributes, its numbers are not used.

        Raises
        ------
        InputError
            If it cannot be written, or would not fit on the disk.
        """
        zarr = needed()
        shape = tuple(template.sizes[dim] for dim in dims)
        each = sum(v.dtype.itemsize * math.prod(v.shape[len(dims) :]) for v in template.data_vars.values())
        total, room = each * math.prod(shape), shutil.disk_usage(target.parent).free
        if total > room:
            raise InputError(f"the result would take {total / 1e9:.3g} GB, and {room / 1e9:.3g} GB are free there.")
        box = box_of(shape, each)
        columns = " ".join(str(name) for name in template.coords if name not in template.dims)
        attributes = {**template.attrs, **({"coordinates": columns} if columns else {}), "store": uuid4().hex}
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            group = zarr.create_group(store=str(temporary / "made"), attributes=attributes)
            for name, v in {**template.coords, **template.data_vars}.items():
                varies = name in template.data_vars
                chunks = (*box, *v.shape[len(dims) :]) if varies else v.shape
                array = group.create_array(
                    str(name), shape=v.shape, dtype=v.dtype, chunks=chunks,
                    fill_value=_blank(v.dtype.name, str(name)), dimension_names=v.dims, attributes=_plain(v.attrs),
                    compressors=zarr.codecs.GzipCodec(level=1) if varies and v.dtype.kind != "f" else None,
                )  # fmt: skip
                if not varies:
                    array[:] = v.values
            os.replace(temporary / "made", target)
        except OSError as error:
            if not (target / "zarr.json").exists():  # else the same sweep began elsewhere at the same moment
                raise InputError(f"cannot write in {str(target.parent)!r} ({error.strerror}); make room.") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return cls.read(target)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Shards along every dimension."""
        return tuple(-(-n // size) for n, size in zip(self.shape, self.box, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    @property
    def attributes(self) -> dict[str, Any]:
        """What the sweep says of itself."""
        return _attributes(self.folder)

    def here(self) -> bool:
        """Whether this process sees the folder."""
        try:
            return bool(_attributes(self.folder)["store"] == self.token)
        except (OSError, ValueError, KeyError):
            return False

    def coordinate(self, name: str) -> NDArray[np.float64]:
        """Return the values of an axis, or the saved times."""
        count = json.loads((self.folder / name / "zarr.json").read_bytes())["shape"][0]
        return np.frombuffer((self.folder / name / "c" / "0").read_bytes(), dtype="<f8", count=count)

    def part(self, number: int) -> tuple[slice, ...]:
        """Return where a shard lies in the grid."""
        at = np.unravel_index(number, self.counts)
        return tuple(
            slice(int(i) * size, min((int(i) + 1) * size, n))
            for i, size, n in zip(at, self.box, self.shape, strict=True)
        )

    def path(self, number: int, name: str) -> Path:
        """Return the file of a variable in a shard."""
        at = [str(int(i)) for i in np.unravel_index(number, self.counts)]
        return self.folder.joinpath(name, "c", *at, *["0"] * len(self.variables[name][1]))

    def missing(self) -> list[int]:
        """Return the numbers of the shards that are not there."""
        return [number for number in range(len(self)) if not self.path(number, "status").exists()]

    def write(self, number: int, values: Mapping[str, NDArray[Any]]) -> None:
        """Write a shard to disk for good, its status last."""
        inside = tuple(slice(0, s.stop - s.start) for s in self.part(number))
        lengths = tuple(s.stop for s in inside)
        try:
            for name in sorted(values, key=lambda name: name == "status"):
                kind, more, blank = self.variables[name]
                chunk = np.full((*self.box, *more), blank, dtype=np.dtype(kind).newbyteorder("<"))
                chunk[inside] = values[name].reshape(*lengths, *more)
                data = chunk.tobytes()
                path = self.path(number, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, data if chunk.dtype.kind == "f" else gzip.compress(data, 1, mtime=0))
        except OSError as error:
            reason = f"cannot write in {str(self.folder)!r} ({error.strerror})"
            raise InputError(f"{reason}; make room, and the same sweep goes on from what is there.") from error

    def values(self, number: int, name: str) -> NDArray[Any]:
        """Read a variable of a shard, in the shape of its box; what is not there is as `missing` says."""
        kind, more, blank = self.variables[name]
        shape, dtype = (*self.box, *more), np.dtype(kind).newbyteorder("<")
        inside = tuple(slice(0, s.stop - s.start) for s in self.part(number))
        path = self.path(number, name)
        try:
            data = path.read_bytes()
            found = np.frombuffer(data if dtype.kind == "f" else gzip.decompress(data), dtype=dtype).reshape(shape)
        except FileNotFoundError:
            found = np.full(shape, blank, dtype=dtype)
        except (OSError, EOFError, ValueError) as error:
            raise InputError(f"the shard {str(path)!r} is damaged; delete that file and sweep again.") from error
        return found[inside]


def open_sweep(path: str | Path) -> "xr.Dataset":
    """Open a sweep that was written to a folder ``.zarr``, without reading its numbers.

    Parameters
    ----------
    path : path
        What was ``out`` of `sweep`; it may still be growing.

    Returns
    -------
    xarray.Dataset
        As `sweep` returns it, of lazy arrays (dask) in chunks of a shard: an operation reads what it needs. Points that
        are not there have the status INTERRUPTED. `histogram`, `quantiles` and `coarse` go through all of it.

    Raises
    ------
    InputError
        If there is no sweep at ``path``, or the extra ``[cluster]`` is missing.

    Examples
    --------
    >>> import minimodels as mm, tempfile
    >>> m = mm.model("nested_logit", attend="labels")
    >>> folder = tempfile.mkdtemp()
    >>> grid = mm.sweep(m, {"N": [2, 4], "L": [16, 32]}, t_end=100.0, out=f"{folder}/grid.zarr")
    >>> float(mm.open_sweep(f"{folder}/grid.zarr").escape_time.sel(N=4, L=32)) == float(grid.escape_time[1, 1])
    True
    """
    store = Store.read(path)
    needed()
    import xarray as xr

    ds = xr.open_zarr(store.folder, consolidated=False, chunks={})
    del ds.attrs["store"]
    return ds


def box_of(shape: tuple[int, ...], each: int) -> tuple[int, ...]:
    """Cut a grid into boxes of rows that lie together: as many points as suits its size, of ``each`` bytes."""
    most = min(max(math.prod(shape) // SHARDS, SMALLEST), LARGEST, max(1, MOST // each))
    box = []
    for n in reversed(shape):
        pieces = -(-n // most)
        box.append(-(-n // pieces))
        most = max(1, most // box[-1])
    return tuple(reversed(box))


def needed() -> Any:
    """Return `zarr`.

    Raises
    ------
    InputError
        Where it or dask is not installed.
    """
    try:
        import dask.array  # noqa: F401
        import zarr
        import zarr.codecs
    except ImportError as error:
        raise InputError(
            "a result in a folder .zarr needs zarr and dask: pip install 'minimodels[cluster]'."
        ) from error
    return zarr


def is_store(path: Path) -> bool:
    """Whether a folder holds a sweep of this library, and may be replaced by another."""
    try:
        return str(_attributes(path)["format"]).startswith(FORMAT.split()[0])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _attributes(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "zarr.json").read_bytes())["attributes"]
    return found


def _blank(kind: str, name: str) -> Any:
    if name == "status":
        return int(Status.INTERRUPTED)
    return float("nan") if kind.startswith("float") else False if kind == "bool" else 0


def _plain(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(k): v.tolist() if isinstance(v, np.ndarray) else v for k, v in attributes.items()}
