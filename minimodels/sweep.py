"""Many trajectories over a grid of parameters, on threads, resumable."""

import hashlib
import json
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from minimodels.clamp import Windows
from minimodels.compiled import compiled
from minimodels.engine.ensemble import available_threads, run_chunks
from minimodels.engine.stepper.status import SENTENCES, Status
from minimodels.errors import (
    InputError,
    check_array,
    check_choice,
    check_flag,
    check_names,
    check_whole,
    shown,
    unknown,
)
from minimodels.files import write_atomic
from minimodels.model import Event, Model, Statement, by_name
from minimodels.problem import Problem, problem
from minimodels.results import check_target, dataset
from minimodels.results import save as save_dataset

if TYPE_CHECKING:
    import xarray as xr

CHUNK = 8192  # points that a thread or a shard takes at a time


def sweep(
    model: Model,
    axes: Mapping[str, ArrayLike],
    *,
    t_end: float,
    keep: str | Sequence[str] | None = None,
    init: Mapping[str, float] | None = None,
    rates: Mapping[str, Statement] | None = None,
    clamp: Mapping[str, Windows] | None = None,
    schedule: Mapping[str, Windows] | None = None,
    method: str = "tsit5",
    rtol: float = 1e-6,
    atol: float = 1e-9,
    step: float | None = None,
    max_step: float = np.inf,
    save: ArrayLike | None = None,
    events: Mapping[str, Event] | None = None,
    stop_at: str | None = None,
    max_steps: int = 1_000_000,
    steady: float = 0.0,
    on_failure: Literal["nan", "keep"] = "nan",
    threads: int | None = None,
    executor: Executor | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> "xr.Dataset":
    """Integrate the model at every point of the grid spanned by ``axes``.

    Parameters
    ----------
    axes : mapping of str to array of numbers
        Parameter -> values; also ``<state>_0`` (initial value) and ``rate_<state>``.
    keep : sequence of str
        States, ``loss``, observables (at the end of the run, or over time if ``save`` is given), events,
        ``stop_time``, ``steps``; unless given, the loss, if the model has one, and its events, or else the states.
    on_failure : {"nan", "keep"}
        Whether the numbers of a point that failed are nan or what it got to (``stop_time`` tells how far that is).
    threads : int
        Kernels release the interpreter lock; all available processors unless given. Results do not depend on it.
    executor : concurrent.futures.Executor
        Runs the chunks instead of threads of our own; it must share memory with this process.
    out : path
        Save the result there (NetCDF). Finished shards are kept beside it meanwhile, so that the same call
        resumes after an interruption, bitwise equal to an uninterrupted one.
    overwrite : bool
        Whether an existing ``out`` may be replaced.
    progress : bool
        Show a progress bar; on terminals unless given.

    Returns
    -------
    xarray.Dataset
        Dimensions are the axes, then ``time`` if ``save`` is given. No point raises: see ``status``, and a warning
        says how many failed. After Ctrl-C the points that are missing have the status INTERRUPTED. The other
        arguments are those of `simulate`.

    Raises
    ------
    InputError
        For a bad axis or option, an unwritable ``out``, or shards of another sweep beside it.

    Examples
    --------
    >>> import minimodels as mm
    >>> m = mm.model("nested_logit", attend="labels")
    >>> grid = mm.sweep(m, {"N": [2, 4], "L": [16, 32, 64]}, t_end=300.0)
    >>> grid.escape_time.dims, grid.escape_time.shape
    (('N', 'L'), (2, 3))
    """
    stated = problem(
        model, end=t_end, init=init, rates=rates, clamp=clamp, schedule=schedule,
        method=method, rtol=rtol, atol=atol, step=step, max_step=max_step,
        save=save, events=events, stop_at=stop_at, max_steps=max_steps, steady=steady,
    )  # fmt: skip
    grid = {name: _axis(name, values, stated) for name, values in by_name(axes, "`axes`", "{'N': [4, 8, 16]}").items()}
    if not grid:
        raise InputError("a sweep needs at least one axis, e.g. {'N': [4, 8, 16]}.")
    usual = [*(name for name in ("loss",) if name in stated.results), *stated.model.events] or list(stated.model.state)
    keep = list(
        dict.fromkeys([keep] if isinstance(keep, str) else usual if keep is None else check_names(keep, "`keep`"))
    )
    for name in keep:
        if name not in stated.results:
            raise unknown("result to keep", name, stated.results)
    check_choice(on_failure, "`on_failure` of a sweep", ("nan", "keep"))
    if threads is not None:
        check_whole(threads, "`threads`", high=4096)
    check_flag(overwrite, "`overwrite`")
    if progress is not None:
        check_flag(progress, "`progress`")
    if executor is not None and not isinstance(executor, Executor):
        raise InputError(f"`executor` is a concurrent.futures.ThreadPoolExecutor; got {shown(executor)}.")
    if isinstance(executor, ProcessPoolExecutor):
        raise InputError("`executor` must share memory with this process: give a ThreadPoolExecutor, not processes.")
    target = None if out is None else check_target(out, overwrite=overwrite)
    shape = tuple(len(v) for v in grid.values())
    total = math.prod(shape)
    check_memory(total, len(keep), len(stated.save))
    shards = None if target is None else Shards.open(target, _description(stated, grid, keep, on_failure))
    interrupt = np.zeros(1, dtype=np.uint8)
    results: dict[str, NDArray[Any]] = {}

    def work(part: slice) -> dict[str, NDArray[Any]]:
        numbers = np.arange(part.start, part.stop, part.step)
        index = np.unravel_index(numbers, shape)
        given = {name: values[i] for (name, values), i in zip(grid.items(), index, strict=True)}
        y0, par, status = stated.points(given, len(numbers))
        values = stated.named(stated.run(y0, par, status, interrupt), par, keep, on_failure=on_failure)
        if shards is not None and not interrupt[0]:
            shards.write(part, values)
        return values

    bar = tqdm(total=total, unit="points", disable=None if progress is None else not progress, leave=False)

    def collect(part: slice, values: Mapping[str, NDArray[Any]]) -> None:
        for name, array in values.items():
            if name not in results:
                results[name] = _blank((total, *array.shape[1:]), name, array.dtype)
            results[name][part] = array
        bar.update(len(range(*part.indices(total))))

    if shards is None:  # every so many points: parts take equally long, and end at the same time
        workers = threads or available_threads()
        count = min(total, workers * -(-total // (workers * CHUNK)))
        parts = [slice(first, total, count) for first in range(count)]
    else:
        parts = [slice(a, min(a + CHUNK, total), 1) for a in range(0, total, CHUNK)]
        missing = []
        for part in parts:
            found = shards.read(part)
            if found is None:
                missing.append(part)
            else:
                collect(part, found)
        parts = missing
    stated.kernel()
    compiled(stated.model).observe()
    complete = run_chunks(work, parts, threads=threads, executor=executor, interrupt=interrupt, on_done=collect)
    bar.close()
    if not results:
        results = {"status": _blank((total,), "status", np.dtype(np.int8))}
    warn_of_failures(results["status"])
    dims = tuple(grid)
    tail = {1: (), 2: ("time",)}
    ds = dataset(
        stated.model,
        dict(grid) | ({"time": stated.save} if len(stated.save) else {}),
        {k: ((*dims, *tail[v.ndim]), v.reshape(*shape, *v.shape[1:])) for k, v in results.items()},
        method=method,
        rtol=rtol,
        atol=atol,
        t_end=float(t_end),
        parameters=json.dumps({k: v for k, v in stated.stated_values().items() if k not in grid}),
        init=json.dumps({k: v for k, v in stated.init.items() if f"{k}_0" not in grid}),
        clamp=json.dumps(stated.clamp),
        schedule=json.dumps(stated.schedule),
    )
    if target is not None and complete:
        save_dataset(ds, target, overwrite=True)  # it was not there, or may be replaced, when the sweep began
        assert shards is not None
        shards.remove()
    return ds


def check_memory(points: int, names: int, times: int) -> None:
    """Refuse a sweep whose result would not fit into this machine's memory, before any work is done for it."""
    need = 8 * points * (names * max(1, times) + 1)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**40
    if need > memory // 2:
        raise InputError(
            f"the result of {points:.3g} points would take {need / 1e9:.3g} GB, and there are {memory / 1e9:.3g} GB of "
            "memory: take fewer points, keep fewer results or save fewer times."
        )


def warn_of_failures(status: NDArray[np.int8]) -> None:
    """Say once how many points failed, and what to do about the most frequent kind."""
    kinds = (Status.MAX_STEPS, Status.STEP_TOO_SMALL, Status.NON_FINITE)
    counts = {kind: int((status == kind).sum()) for kind in kinds}
    if any(counts.values()):
        worst = max(kinds, key=counts.__getitem__)
        many = "a point" if sum(counts.values()) == 1 else f"{sum(counts.values())} points"
        warnings.warn(
            f"{many} of {status.size} failed; the first remedy: {SENTENCES[worst]}", RuntimeWarning, stacklevel=3
        )


def _axis(name: str, values: ArrayLike, stated: Problem) -> NDArray[np.float64]:
    if name not in stated.axes:
        raise unknown("sweep axis", name, stated.axes)
    array = check_array(values, f"the axis {name!r}", "[1, 2, 4]")
    if array.size == 0:
        raise InputError(f"the axis {name!r} is empty; give it at least one number.")
    return array


def _blank(shape: tuple[int, ...], name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    if name == "status":
        return np.full(shape, Status.INTERRUPTED, dtype=dtype)
    return np.full(shape, np.nan if dtype.kind == "f" else 0, dtype=dtype)


def _description(stated: Problem, grid: Mapping[str, NDArray[np.float64]], keep: Sequence[str], on_failure: str) -> str:
    """Return a text that is equal for two sweeps exactly if their shards are interchangeable."""
    return json.dumps(
        {
            "kernel": stated.kernel().fingerprint,
            "method": stated.method,
            "events": {k: [str(e.level), e.direction] for k, e in stated.events.items()},
            "given": stated.model.given,
            "defaults": {k: str(v) for k, v in stated.model.defaults.items()},
            "rates": {k: str(v) for k, v in stated.model.rates.items()},
            "end": stated.end,
            "init": dict(stated.init),
            "clamp": repr(stated.clamp),
            "schedule": repr(stated.schedule),
            "domain": [[k, p.low, p.high] for k, p in stated.model.parameters.items()],
            "constraints": [str(c.expr) for c in stated.model.constraints],
            "control": repr(stated.control),
            "save": hashlib.sha256(stated.save.tobytes()).hexdigest(),
            "stop_at": stated.stop_at,
            "axes": {k: [len(v), hashlib.sha256(v.tobytes()).hexdigest()] for k, v in grid.items()},
            "keep": [list(keep), on_failure],
            "shard": CHUNK,
        },
        sort_keys=True,
    )


@dataclass(frozen=True)
class Shards:
    """Finished parts of a sweep, one file each, in a folder beside the result."""

    folder: Path

    @classmethod
    def open(cls, target: Path, description: str) -> "Shards":
        """Make the folder, or take up the one that the same sweep left."""
        folder = target.with_name(target.name + ".shards")
        stated = folder / "sweep.json"
        if folder.exists():
            try:
                same = stated.read_text(encoding="utf-8") == description
            except OSError:
                same = False
            if not same:
                raise InputError(
                    f"{str(folder)!r} holds parts of another sweep; remove that folder or choose another `out`."
                )
        else:
            try:
                temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{folder.name}."))
                try:
                    write_atomic(temporary / "sweep.json", description.encode())
                    os.replace(temporary, folder)
                finally:
                    shutil.rmtree(temporary, ignore_errors=True)
            except OSError as error:
                if folder.exists():  # the same sweep began elsewhere at the same moment: its folder serves both
                    return cls.open(target, description)
                raise InputError(f"cannot write in {str(target.parent)!r} ({error.strerror}); make room.") from error
        return cls(folder)

    def path(self, part: slice) -> Path:
        """Return the file of a part."""
        return self.folder / f"{part.start:012d}.npz"

    def write(self, part: slice, values: Mapping[str, NDArray[Any]]) -> None:
        """Write a part to disk for good, unless the same sweep has finished elsewhere and taken the folder away."""
        buffer = BytesIO()
        np.savez(buffer, **dict(values))  # type: ignore[arg-type]
        try:
            write_atomic(self.path(part), buffer.getvalue())
        except FileNotFoundError:
            if self.folder.exists():
                raise
        except OSError as error:
            reason = f"cannot write in {str(self.folder)!r} ({error.strerror})"
            raise InputError(f"{reason}; make room, and the same sweep goes on from what is there.") from error

    def read(self, part: slice) -> dict[str, NDArray[Any]] | None:
        """Read a part back, None if it is not there; a damaged one is an InputError."""
        path = self.path(part)
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                values = {name: file[name] for name in file.files}
            if any(len(v) != part.stop - part.start for v in values.values()):
                raise ValueError("wrong length")
        except FileNotFoundError:
            return None
        except Exception as error:
            raise InputError(f"the shard {str(path)!r} is damaged; delete that file and run again.") from error
        return values

    def remove(self) -> None:
        """Delete the folder, once the result is saved."""
        shutil.rmtree(self.folder, ignore_errors=True)
