"""Train the network on freshly drawn sequences and record its progress measures."""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from tqdm import tqdm

from minimodels.errors import InputError, RunFailed
from minimodels.results import FORMAT, save
from minimodels.sequences import HELD_OUT, IN_CONTEXT, ItemLabelTask, Sequences
from validation.checkpoint import Folder, write_atomic
from validation.measures import NAMES, measures, to_tensors
from validation.network import AttentionOnly
from validation.optimisers import SGD, Adam

RECORDED = ("train_loss", *NAMES, "IC_correct", "IC_accuracy")


def train(
    task: ItemLabelTask,
    network: AttentionOnly | None = None,
    *,
    optimiser: SGD | Adam | None = None,
    steps: int = 150_000,
    seed: int | Sequence[int] = 0,
    batch: int = 128,
    record_every: int = 1000,
    held_out: int = 1024,
    stop_above: float | None = None,
    out: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    device: str = "cpu",
    threads: int = 1,
    progress: bool | None = None,
) -> xr.Dataset:
    r"""Minimise :math:`-\log p(\text{label of } x_q)` on a fresh minibatch at every step.

    Parameters
    ----------
    task, network, optimiser
        Options; by default the paper's network and plain SGD at 0.01.
    steps : int
        Updates to make; a finished run in `out` can be continued by asking for more.
    seed : int or sequence of int
        Several seeds are trained side by side, each with its own parameters, embeddings and data.
    batch : int
        Sequences in a minibatch.
    record_every : int
        Steps between records; step 0 and the last step are recorded too.
    held_out : int
        Sequences in each of the two fixed test sets of every seed.
    stop_above : float, optional
        Stop at the first record where the correct probability of every seed exceeds this.
    out : path, optional
        Folder for the checkpoint (resumed from when there is one: the result is bitwise that of an
        uninterrupted run), `run.nc` and `run.csv`.
    checkpoint_every : int
        Steps after which the next record writes a checkpoint.
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
        record. On fixed held-out sequences of the task: the measures of `validation.measures`. On novel classes
        with old labels (IC: p_C = 1): `IC_correct`, `IC_accuracy`. Attribute `status`: COMPLETED, STOPPED
        (`stop_above`) or INTERRUPTED (Ctrl-C; what was recorded is kept).

    Raises
    ------
    InputError
        An option that cannot be, or a folder that holds something else; nothing is overwritten.
    RunFailed
        Every seed has diverged.
    """
    network, optimiser = network or AttentionOnly(), optimiser or SGD()
    seeds = (seed,) if isinstance(seed, int | np.integer) else tuple(seed)
    for name, value, low in (
        ("steps", steps, 1),
        ("batch", batch, 1),
        ("record_every", record_every, 1),
        ("held_out", held_out, 1),
        ("checkpoint_every", checkpoint_every, 1),
        ("threads", threads, 1),
        *(("seed", s, 0) for s in seeds),
    ):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
            raise InputError(f"`{name}` must be a whole number of at least {low}; got {value!r}: use {low} or more.")
    if not seeds:
        raise InputError("`seed` is empty: give one seed or more.")
    check_device(device)
    settings = {
        "task": asdict(task),
        "network": asdict(network),
        "optimiser": asdict(optimiser),
        "seeds": [int(s) for s in seeds],
        "batch": int(batch),
        "record_every": int(record_every),
        "held_out": int(held_out),
    }
    with _torch_threads(threads):
        run = _Run(task, network, optimiser, seeds, batch, held_out, device)
        folder = Folder(out, settings) if out is not None else None
        run.restore(folder.open() if folder else None)
        status = run.go(steps, record_every, stop_above, folder, checkpoint_every, progress)
    result = _dataset(run, settings, status, single=isinstance(seed, int | np.integer))
    if folder:
        write_results(result, folder.path)
    return result


class _Run:
    """Everything that changes during training."""

    def __init__(
        self,
        task: ItemLabelTask,
        network: AttentionOnly,
        optimiser: SGD | Adam,
        seeds: tuple[int, ...],
        batch: int,
        held_out: int,
        device: str,
    ) -> None:
        self.task, self.network, self.optimiser = task, network, optimiser
        self.seeds, self.batch, self.device = seeds, batch, device
        self.parameters = network.stacked(task, seeds, device)
        self.moments = optimiser.start(list(self.parameters.values()))
        self.step = 0
        self.recorded_steps: list[int] = []
        self.records: list[np.ndarray] = []  # each (seeds, RECORDED)
        self.window: list[Tensor] = []  # losses since the last record
        self.held_out = [task.sample(s, 0, held_out, stream=HELD_OUT) for s in seeds]
        novel = replace(task, p_B=1.0, p_C=1.0)
        self.in_context: list[Sequences] | None = None
        if task.p_C < 1:  # otherwise the held-out sequences are such already
            self.in_context = [novel.sample(s, 0, held_out, stream=IN_CONTEXT) for s in seeds]

    def tensors(self) -> dict[str, Tensor]:
        moments = {f"optimiser.{k}.{i}": t for k, ts in self.moments.items() for i, t in enumerate(ts)}
        return {
            **{f"parameter.{name}": t for name, t in self.parameters.items()},
            **moments,
            "steps": torch.tensor(self.recorded_steps),
            "records": torch.from_numpy(np.stack(self.records)),
        }

    def restore(self, saved: tuple[int, dict[str, Tensor]] | None) -> None:
        if saved is None:
            return
        self.step, tensors = saved
        self.parameters = {name: tensors[f"parameter.{name}"].to(self.device) for name in self.parameters}
        for kind, each in self.moments.items():
            self.moments[kind] = [tensors[f"optimiser.{kind}.{i}"].to(self.device) for i in range(len(each))]
        self.recorded_steps = tensors["steps"].tolist()
        self.records = list(tensors["records"].numpy())

    def go(
        self,
        steps: int,
        record_every: int,
        stop_above: float | None,
        folder: Folder | None,
        checkpoint_every: int,
        progress: bool | None,
    ) -> str:
        if self.step > steps:
            raise InputError(
                f"the run in {str(folder.path) if folder else ''!r} already has {self.step} steps; got steps={steps}: "
                f"ask for {self.step} or more, or choose another folder."
            )
        parameters = [t.requires_grad_() for t in self.parameters.values()]
        written = self.step
        if not self.records:
            self.record()
            if folder:
                folder.write(self.step, self.tensors())
        bar = tqdm(total=steps, initial=self.step, unit="step", disable=None if progress is None else not progress)
        with bar:
            try:
                while self.step < steps and not self.passed(stop_above):
                    self.update(parameters)
                    bar.update()
                    if self.step % record_every == 0 or self.step == steps:
                        self.record()
                        bar.set_postfix(loss=f"{self.records[-1][:, RECORDED.index('loss')].mean():.3f}", refresh=False)
                        done = self.step == steps or self.passed(stop_above)
                        if folder and (done or self.step - written >= checkpoint_every):
                            folder.write(self.step, self.tensors())
                            written = self.step
            except KeyboardInterrupt:
                return "INTERRUPTED"
        return "STOPPED" if self.passed(stop_above) else "COMPLETED"

    def update(self, parameters: list[Tensor]) -> None:
        batches = [self.task.sample(s, self.step * self.batch, self.batch) for s in self.seeds]
        tokens, target = to_tensors(self.task, batches, self.device)
        losses = self.network.losses(self.parameters, tokens, target)
        gradients = torch.autograd.grad(losses.sum(), parameters)
        with torch.no_grad():
            self.optimiser.update(parameters, gradients, self.moments, self.step)
        self.window.append(losses.detach())
        self.step += 1

    def record(self) -> None:
        nothing = torch.full((len(self.seeds),), torch.nan)
        row = {"train_loss": torch.stack(self.window).mean(0) if self.window else nothing}
        row |= measures(self.network, self.parameters, self.task, self.held_out)
        ic = measures(self.network, self.parameters, self.task, self.in_context) if self.in_context else row
        row |= {"IC_correct": ic["correct"], "IC_accuracy": ic["accuracy"]}
        values = torch.stack([row[name].cpu().double() for name in RECORDED], dim=1).numpy()
        if not np.isfinite(values[:, RECORDED.index("loss")]).any():
            raise RunFailed(f"the loss of every seed is not finite at step {self.step}: lower `lr`.")
        self.recorded_steps.append(self.step)
        self.records.append(values)
        self.window = []

    def passed(self, level: float | None) -> bool:
        return level is not None and bool((self.records[-1][:, RECORDED.index("correct")] > level).all())


def _dataset(run: _Run, settings: dict[str, Any], status: str, *, single: bool) -> xr.Dataset:
    values = np.stack(run.records, axis=1)  # (seed, step, RECORDED)
    result = xr.Dataset(
        {name: (("seed", "step"), values[:, :, i]) for i, name in enumerate(RECORDED)},
        coords={"step": np.array(run.recorded_steps, np.int64), "seed": np.array(run.seeds, np.int64)},
        attrs={
            "format": FORMAT,
            "title": "training run of an attention-only network",
            "status": status,
            **{k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in settings.items()},
            "versions": json.dumps(
                {"python": platform.python_version(), "numpy": np.__version__, "torch": str(torch.__version__)}
            ),
        },
    )
    return result.isel(seed=0) if single else result


def write_results(result: xr.Dataset, folder: Path) -> None:
    """Write `run.nc` and `run.csv`, each whole or not at all."""
    save(result, folder / "run.nc", overwrite=True)
    write_atomic(folder / "run.csv", result.to_dataframe().to_csv().encode())


def check_device(device: str) -> None:
    """Raise an InputError for a device that PyTorch does not have here."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"no device {device!r} here: use 'cpu', or a device that PyTorch lists.") from error


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
