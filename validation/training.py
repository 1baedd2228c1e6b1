"""Train the network on freshly drawn sequences and record its progress measures."""

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from tqdm import tqdm

from minimodels.errors import InputError, RunFailed, check_number, check_whole, shown, unknown
from minimodels.files import write_file
from minimodels.results import FORMAT, save
from minimodels.tasks.item_label import TESTS, ItemLabelTask
from validation.arguments import check_kind
from validation.attention import Clamp, Window, active, fixed_patterns, windows
from validation.checkpoint import Folder, snapshot_steps
from validation.curriculum import Stage, stages
from validation.measures import NAMES, Batch, measures
from validation.network import AttentionOnly
from validation.optimisers import SGD, Adam


def train(
    task: ItemLabelTask | Sequence[Stage],
    network: AttentionOnly | None = None,
    *,
    optimiser: SGD | Adam | None = None,
    steps: int = 150_000,
    seed: int | Sequence[int] = 0,
    batch: int = 128,
    record_every: int = 1000,
    held_out: int = 1024,
    tests: Sequence[str] = ("IC",),
    stop_above: float | None = None,
    clamp: Mapping[str, Clamp] | None = None,
    out: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    snapshots: Sequence[int] = (),
    device: str = "cpu",
    threads: int = 1,
    progress: bool | None = None,
) -> xr.Dataset:
    r"""Minimise :math:`-\log p(\text{label of } x_q)` on a fresh minibatch at every step.

    Parameters
    ----------
    task, network, optimiser
        Options; by default the paper's network and plain SGD at 0.01. A sequence of ``(first_step, task)`` in the place
        of the task is a curriculum: the minibatches of every step are of the last task begun, the tests of the last
        of all (`validation.curriculum` says what may change).
    steps : int
        Updates to make; a finished run in `out` can be continued by asking for more.
    seed : int or sequence of int
        Several seeds are trained side by side, each with its own parameters, embeddings and data.
    batch : int
        Sequences in a minibatch.
    record_every : int
        Steps between records; step 0 and the last step are recorded too.
    held_out : int
        Sequences in each of the fixed test sets of every seed.
    tests : sequence of str
        The test sets of `ItemLabelTask.test_set` to record beside that of the task itself. A record costs, for each of
        them, a forward pass over `held_out` sequences: about 1.3 training steps for 512.
    stop_above : float, optional
        Stop at the first record where the correct probability of every seed exceeds this.
    clamp : mapping, optional
        Attention patterns to set instead of learn: ``{"p1": "previous", "p2": ("uniform", 0, 5000)}`` holds p1
        throughout and p2 in the first 5000 updates. Words: `validation.attention`. Measures are of the network with
        the clamps of the next update.
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
        record. On fixed held-out sequences of the task: the measures of `validation.measures`. For each of `tests`,
        correct probability and accuracy: `IC_correct`, `IC_accuracy` (novel classes, old labels), IC2 (labels swapped
        for the next), IW (context and target i.i.d.), IW_absent (IW, target's class not in the context). Attribute
        `status`: COMPLETED, STOPPED (`stop_above`) or INTERRUPTED (Ctrl-C; what was recorded is kept).

    Raises
    ------
    InputError
        An option that cannot be, or a folder that holds something else; nothing is overwritten.
    RunFailed
        Every seed has diverged.
    """
    network = AttentionOnly() if network is None else network
    optimiser = SGD() if optimiser is None else optimiser
    check_kind(network, AttentionOnly, "`network`", "an AttentionOnly, as AttentionOnly(layers=3)")
    check_kind(optimiser, (SGD, Adam), "`optimiser`", "an SGD or an Adam, as SGD(lr=0.01)")
    for what, listed, example in (("tests", tests, "['IC']"), ("snapshots", snapshots, "[500, 1000]")):
        if isinstance(listed, str | bytes) or not isinstance(listed, Sequence | np.ndarray):
            raise InputError(f"`{what}` is a list, as {example}; got {shown(listed)}.")
    if isinstance(seed, str | bytes) or not isinstance(seed, int | np.integer | Sequence | np.ndarray):
        raise InputError(f"`seed` is a whole number or a list of them; got {shown(seed)}.")
    if stop_above is not None and not 0 <= check_number(stop_above, "`stop_above`") < 1:
        raise InputError(f"`stop_above` is a probability, at least 0 and below 1; got {stop_above:g}.")
    steps, batch, held_out = (
        check_whole(v, f"`{k}`") for k, v in (("steps", steps), ("batch", batch), ("held_out", held_out))
    )
    record_every = check_whole(record_every, "`record_every`")
    checkpoint_every = check_whole(checkpoint_every, "`checkpoint_every`")
    threads = check_whole(threads, "`threads`", high=4096)
    snapshots = [check_whole(s, "`snapshots`", 0) for s in snapshots]
    one = isinstance(seed, int | np.integer)
    seeds = tuple(check_whole(s, "`seed`", 0) for s in ([seed] if one else seed))  # type: ignore[union-attr]
    if not seeds:
        raise InputError("`seed` is empty: give one seed or more.")
    for name in tests:
        if not isinstance(name, str):
            raise InputError(f"`tests` is a list of names, as ['IC']; got {shown(tests)}.")
        if name not in TESTS[1:]:
            raise unknown("test set", name, TESTS[1:])
    if snapshots and out is None:
        raise InputError("`snapshots` are kept in the folder `out`: give one.")
    check_device(device)
    curriculum, held = stages(task), windows(clamp)
    settings = {
        "task": asdict(curriculum[-1][1]),
        "network": asdict(network),
        "optimiser": asdict(optimiser),
        "seeds": [int(s) for s in seeds],
        "batch": int(batch),
        "record_every": int(record_every),
        "held_out": int(held_out),
        "tests": list(tests),
        "clamp": {head: [*window[:2], window[2] if window[2] < np.inf else None] for head, window in held.items()},
        "stages": [[first, asdict(stage)] for first, stage in curriculum[:-1]],
    }
    with _torch_threads(threads):
        run = _Run(curriculum, network, optimiser, seeds, batch, held_out, tuple(tests), held, device)
        folder = Folder(out, settings) if out is not None else None
        run.restore(folder.open() if folder else None)
        status = run.go(steps, record_every, stop_above, folder, checkpoint_every, snapshots, progress)
    result = _dataset(run, settings, status, single=isinstance(seed, int | np.integer))
    if folder:
        write_results(result, folder.path)
    return result


class _Run:
    """Everything that changes during training."""

    def __init__(
        self,
        curriculum: Sequence[Stage],
        network: AttentionOnly,
        optimiser: SGD | Adam,
        seeds: tuple[int, ...],
        batch: int,
        held_out: int,
        tests: tuple[str, ...] = (),
        held: Mapping[str, Window] | None = None,
        device: str = "cpu",
    ) -> None:
        self.curriculum, self.network, self.optimiser = curriculum, network, optimiser
        self.seeds, self.batch, self.tests, self.held, self.device = seeds, batch, tests, held or {}, device
        self.task = curriculum[-1][1]
        self.parameters = network.stacked(self.task, seeds, device)
        self.moments = optimiser.start(list(self.parameters.values()))
        self.step = 0
        self.columns = ("train_loss", *NAMES, *(f"{test}_{what}" for test in tests for what in ("correct", "accuracy")))
        self.recorded_steps: list[int] = []
        self.records: list[np.ndarray] = []  # each (seeds, columns)
        self.window: list[Tensor] = []  # losses since the last record
        same = {"IC"} if self.task.p_C == 1 else set()  # novel classes and old labels already
        self.test_sets = {
            name: Batch.of(self.task, [self.task.test_set(name, s, held_out) for s in seeds], device)
            for name in ("train", *tests)
            if name not in same
        }

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
        snapshots: Sequence[int],
        progress: bool | None,
    ) -> str:
        if self.step > steps:
            raise InputError(
                f"the run in {str(folder.path) if folder else ''!r} already has {self.step} steps; got steps={steps}: "
                f"ask for {self.step} or more, or choose another folder."
            )
        missed = [s for s in snapshots if folder and s < self.step and s not in snapshot_steps(folder.path)]
        if folder and missed:
            raise InputError(
                f"the run in {str(folder.path)!r} is at step {self.step} and kept no snapshot at {missed[0]}: "
                f"ask for later ones, or choose another folder."
            )
        parameters = [t.requires_grad_() for t in self.parameters.values()]
        written = self.step
        if not self.records:
            self.record()
            if folder:
                folder.write(self.step, self.tensors())
        if folder and self.step in snapshots:
            folder.write_snapshot(self.step, self.parameters)
        bar = tqdm(total=steps, initial=self.step, unit="step", disable=None if progress is None else not progress)
        with bar:
            try:
                while self.step < steps and not self.passed(stop_above):
                    self.update(parameters)
                    if folder and self.step in snapshots:
                        folder.write_snapshot(self.step, self.parameters)
                    bar.update()
                    if self.step % record_every == 0 or self.step == steps:
                        self.record()
                        bar.set_postfix(
                            loss=f"{self.records[-1][:, self.columns.index('loss')].mean():.3f}", refresh=False
                        )
                        done = self.step == steps or self.passed(stop_above)
                        if folder and (done or self.step - written >= checkpoint_every):
                            folder.write(self.step, self.tensors())
                            written = self.step
            except KeyboardInterrupt:
                return "INTERRUPTED"
        return "STOPPED" if self.passed(stop_above) else "COMPLETED"

    def update(self, parameters: list[Tensor]) -> None:
        task = next(stage for first, stage in reversed(self.curriculum) if first <= self.step)
        batch = Batch.of(task, [task.sample(s, self.step * self.batch, self.batch) for s in self.seeds], self.device)
        losses = self.network.losses(self.parameters, batch.tokens, batch.target, self.fixed(batch))
        gradients = torch.autograd.grad(losses.sum(), parameters, materialize_grads=True)  # zero for what is clamped
        with torch.no_grad():
            self.optimiser.update(parameters, gradients, self.moments, self.step)
        self.window.append(losses.detach())
        self.step += 1

    def fixed(self, batch: Batch) -> dict[str, Tensor]:
        return fixed_patterns(active(self.held, self.step), batch)

    def record(self) -> None:
        nothing = torch.full((len(self.seeds),), torch.nan)
        row = {"train_loss": torch.stack(self.window).mean(0) if self.window else nothing}
        found = {
            name: measures(self.network, self.parameters, batch, self.fixed(batch))
            for name, batch in self.test_sets.items()
        }
        row |= found["train"]
        for test in self.tests:
            row |= {f"{test}_{what}": found.get(test, found["train"])[what] for what in ("correct", "accuracy")}
        values = torch.stack([row[name].cpu().double() for name in self.columns], dim=1).numpy()
        if not np.isfinite(values[:, self.columns.index("loss")]).any():
            raise RunFailed(f"the loss of every seed is not finite at step {self.step}: lower `lr`.")
        self.recorded_steps.append(self.step)
        self.records.append(values)
        self.window = []

    def passed(self, level: float | None) -> bool:
        return level is not None and bool((self.records[-1][:, self.columns.index("correct")] > level).all())


def _dataset(run: _Run, settings: dict[str, Any], status: str, *, single: bool) -> xr.Dataset:
    values = np.stack(run.records, axis=1)  # (seed, step, columns)
    result = xr.Dataset(
        {name: (("seed", "step"), values[:, :, i]) for i, name in enumerate(run.columns)},
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
    write_file(folder / "run.csv", result.to_dataframe().to_csv().encode())


def check_device(device: str) -> None:
    """Raise an InputError for a device that PyTorch does not have here."""
    if not isinstance(device, str):
        raise InputError(f"`device` is the name of one, as 'cpu'; got {shown(device)}.")
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
