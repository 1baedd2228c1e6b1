"""Train a network on freshly drawn samples and record its measures."""

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import xarray as xr

from minimodels.clamp import windows_of
from minimodels.errors import InputError, check_names, check_number, check_whole, shown, unknown
from minimodels.files import write_file
from minimodels.measure import first_time_above
from minimodels.results import FORMAT, save
from validation.checkpoint import Folder
from validation.curriculum import Stage, stages
from validation.loop import Loop, Plan
from validation.optimisers import SGD
from validation.papers import usual_network
from validation.protocols import Network, Optimiser, Task
from validation.spelled import spell

Levels = float | Mapping[str, float] | None


def train(
    task: Task | Sequence[Stage],
    network: Network | None = None,
    *,
    optimiser: Optimiser | None = None,
    steps: int = 150_000,
    seed: int | Sequence[int] = 0,
    data_seed: int | Sequence[int] | None = None,
    test_seed: int = 0,
    batch: int = 128,
    record_every: int = 1000,
    held_out: int = 1024,
    tests: Sequence[str] | None = None,
    stop_above: Levels = None,
    stop_below: Levels = None,
    clamp: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    snapshots: Sequence[int] = (),
    device: str = "cpu",
    threads: int = 1,
    progress: bool | None = None,
) -> xr.Dataset:
    r"""Minimise the loss of a network on a fresh minibatch at every step.

    Parameters
    ----------
    task, network, optimiser
        Options (`validation.protocols`); by default the network of the task's paper and plain SGD at 0.01. A sequence
        of ``(first_step, task)`` in the place of the task is a curriculum: the minibatches of every step are of the
        last task begun, the tests of the last of all (`validation.curriculum` says what may change).
    steps : int
        Updates to make; a finished run in `out` can be continued by asking for more.
    seed : int or sequence of int
        Of the initial parameters, and of the data unless `data_seed` is given. Several are trained side by side.
    data_seed : int or sequence of int, optional
        Of minibatches, test sets and whatever the task draws once, such as embeddings: one for all seeds, or one each.
    test_seed : int
        Number of an independent draw of the test sets; of the same data seed otherwise.
    batch : int
        Samples in a minibatch.
    record_every : int
        Steps between records; step 0 and the last step are recorded too.
    held_out : int
        Samples in each of the fixed test sets of every seed.
    tests : sequence of str, optional
        The test sets of the task to record beside that of training; unless given, its usual ones. A record costs, for
        each of them, a forward pass over `held_out` samples.
    stop_above, stop_below : number or mapping of str to number, optional
        Stop at the first record where every seed is above, or below, all of these levels of its measures. A number
        is a level of the measure of escape (``correct``), for `stop_below` of the loss.
    clamp : mapping, optional
        What is set instead of learnt, in the words of `network.sites`: ``{"p1": "previous", "p2": ("uniform", 0,
        5000)}`` holds p1 throughout and p2 in the first 5000 updates; several windows make a list. Measures are of
        the network with the clamps of the next update.
    out : path, optional
        Folder for the checkpoint (resumed from when there is one: the result is bitwise that of an
        uninterrupted run), the snapshots, `run.nc` and `run.csv`.
    checkpoint_every : int
        Steps after which the next record writes a checkpoint.
    snapshots : sequence of int
        Steps after which the parameters are kept in `out`, for `load_parameters`.
    device : str
        A PyTorch device, such as "cpu" or "cuda".
    threads : int
        PyTorch threads on the CPU.
    progress : bool, optional
        Whether to show a bar; by default on a terminal only.

    Returns
    -------
    xarray.Dataset
        Dimension `step` (and `seed` if a sequence was given). `train_loss`: mean over the minibatches since the last
        record, and so for every loss of the network. On fixed held-out samples of the task: all its measures; for each
        of `tests` some of them, as `<test>_<measure>`. `escape_step`: the first step at which the measure of escape
        exceeds one half, by linear interpolation between records (nan if it does not; `escape_step_censored` says so).
        Attribute `status`: COMPLETED, STOPPED (`stop_above`, `stop_below`) or INTERRUPTED (Ctrl-C; what was recorded
        is kept).

    Raises
    ------
    InputError
        An option that cannot be, or a folder that holds something else; nothing is overwritten.
    RunFailed
        Every seed has diverged.
    """
    curriculum = stages(task)
    last = curriculum[-1][1]
    network = usual_network(last) if network is None else network
    how: Optimiser = SGD() if optimiser is None else optimiser
    _check_protocol(network, "`network`", "a network, as AttentionOnly(layers=3)", ("initial", "losses", "measures"))
    _check_protocol(how, "`optimiser`", "an SGD or an Adam, as SGD(lr=0.01)", ("start", "update"))
    steps, batch, held_out = (
        check_whole(v, f"`{k}`") for k, v in (("steps", steps), ("batch", batch), ("held_out", held_out))
    )
    record_every = check_whole(record_every, "`record_every`")
    checkpoint_every = check_whole(checkpoint_every, "`checkpoint_every`")
    threads = check_whole(threads, "`threads`", high=4096)
    test_seed = check_whole(test_seed, "`test_seed`", 0, 2**31 - 1)
    if isinstance(snapshots, str | bytes) or not isinstance(snapshots, Sequence | np.ndarray):
        raise InputError(f"`snapshots` is a list, as [500, 1000]; got {shown(snapshots)}.")
    snapshots = [check_whole(s, "`snapshots`", 0) for s in snapshots]
    if snapshots and out is None:
        raise InputError("`snapshots` are kept in the folder `out`: give one.")
    seeds = _seeds(seed, "`seed`")
    data_seeds = seeds if data_seed is None else _seeds(data_seed, "`data_seed`")
    if len(data_seeds) == 1:
        data_seeds *= len(seeds)
    if len(data_seeds) != len(seeds):
        raise InputError(f"`data_seed` is one number, or one for each of the {len(seeds)} seeds; got {data_seed!r}.")
    wanted = tuple(last.usual_tests if tests is None else check_names(tests, "`tests`"))
    for name in wanted:
        if name == "train" or name not in last.tests:
            raise unknown("test set", name, [known for known in last.tests if known != "train"])
    check_device(device)
    plan = Plan(
        stages=curriculum, network=network, optimiser=how, seeds=seeds, data_seeds=data_seeds,
        test_seed=test_seed, batch=batch, held_out=held_out, tests=wanted, held=clamps(network, clamp), device=device,
    )  # fmt: skip
    above = _levels(stop_above, "stop_above", network.escape)
    below = _levels(stop_below, "stop_below", "loss")
    settings = _settings(plan, record_every)
    with _torch_threads(threads):
        loop = Loop(plan)
        folder = Folder(out, settings) if out is not None else None
        loop.restore(folder.open() if folder else None)
        status = loop.go(steps, record_every, above, below, folder, checkpoint_every, snapshots, progress)
    result = _dataset(loop, settings, status, single=isinstance(seed, int | np.integer))
    if folder:
        save(result, folder.path / "run.nc", overwrite=True)
        write_file(folder.path / "run.csv", result.to_dataframe().to_csv().encode())
    return result


def clamps(network: Network, clamp: Mapping[str, Any] | None) -> dict[str, tuple[tuple[str, float, float], ...]]:
    """Check the clamps of a network and return the windows of every site."""
    example = f"{{{next(iter(network.sites), 'site')!r}: 'word'}}"
    found: dict[str, tuple[tuple[str, float, float], ...]] = windows_of(
        clamp, list(network.sites), "clamp", "site", lambda word, what: word, example
    )
    for site, several in found.items():
        for word, _, _ in several:
            if not isinstance(word, str):
                raise InputError(f"clamp[{site!r}] is a word, or (word, start, end); got {shown(word)}.")
            if word not in network.sites[site]:
                raise unknown(f"word for clamp[{site!r}]", word, network.sites[site])
    return found


def check_device(device: str) -> None:
    """Raise an InputError for a device that PyTorch does not have here."""
    if not isinstance(device, str):
        raise InputError(f"`device` is the name of one, as 'cpu'; got {shown(device)}.")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"no device {device!r} here: use 'cpu', or a device that PyTorch lists.") from error


def _check_protocol(value: Any, what: str, example: str, methods: Sequence[str]) -> None:
    if isinstance(value, type) or not all(callable(getattr(value, name, None)) for name in methods):
        raise InputError(f"{what} is {example}; got {shown(value)}.")


def _seeds(given: Any, what: str) -> tuple[int, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, int | np.integer | Sequence | np.ndarray):
        raise InputError(f"{what} is a whole number or a list of them; got {shown(given)}.")
    found = tuple(check_whole(s, what, 0) for s in ([given] if isinstance(given, int | np.integer) else given))
    if not found:
        raise InputError(f"{what} is empty: give one seed or more.")
    return found


def _levels(given: Levels, what: str, usual: str) -> dict[str, float]:
    """Return the levels to stop at by measure."""
    if given is None:
        return {}
    if isinstance(given, Mapping) and given:
        return {str(name): check_number(level, f"{what}[{name!r}]") for name, level in given.items()}
    level = check_number(given, f"`{what}`")
    if what == "stop_above" and not 0 <= level < 1:
        raise InputError(f"`stop_above` is a probability, at least 0 and below 1; got {level:g}.")
    return {usual: level}


def _settings(plan: Plan, record_every: int) -> dict[str, Any]:
    """What a run is, in plain values: another run may not go on in its folder."""
    held = {
        site: [[word, start, end if end < np.inf else None] for word, start, end in found]
        for site, found in plan.held.items()
    }
    return {
        "task": spell(plan.stages[-1][1]),
        "network": spell(plan.network),
        "optimiser": spell(plan.optimiser),
        "seeds": list(plan.seeds),
        "data_seeds": list(plan.data_seeds),
        "test_seed": plan.test_seed,
        "batch": plan.batch,
        "record_every": record_every,
        "held_out": plan.held_out,
        "tests": list(plan.tests),
        "clamp": held,
        "stages": [[first, spell(stage)] for first, stage in plan.stages[:-1]],
    }


def _dataset(loop: Loop, settings: dict[str, Any], status: str, *, single: bool) -> xr.Dataset:
    values = np.stack(loop.records, axis=1)  # (seed, step, columns)
    variables: dict[str, Any] = {name: (("seed", "step"), values[:, :, i]) for i, name in enumerate(loop.columns)}
    if loop.plan.network.escape:
        measured = values[:, :, loop.columns.index(loop.plan.network.escape)]
        steps = np.array([first_time_above(loop.recorded_steps, each, 0.5) for each in measured])
        variables |= {"escape_step": ("seed", steps), "escape_step_censored": ("seed", np.isnan(steps))}
    result = xr.Dataset(
        variables,
        coords={"step": np.array(loop.recorded_steps, np.int64), "seed": np.array(loop.plan.seeds, np.int64)},
        attrs={
            "format": FORMAT,
            "title": f"training run of {type(loop.plan.network).__name__}",
            "status": status,
            **{k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in settings.items()},
            "versions": json.dumps(
                {"python": platform.python_version(), "numpy": np.__version__, "torch": str(torch.__version__)}
            ),
        },
    )
    return result.isel(seed=0) if single else result


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
