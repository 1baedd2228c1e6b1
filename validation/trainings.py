"""A training of a network as claims ask for it: options as one frozen object, run in a folder of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import xarray as xr

from minimodels.errors import RunFailed
from minimodels.results import FORMAT, load, save
from validation.protocols import Network, Optimiser, Task
from validation.spelled import default
from validation.words import Setting

Analysis = Callable[["NetworkTraining", Path], xr.Dataset]  # what is read off a trained network: of its folder


@dataclass(frozen=True, kw_only=True)
class NetworkTraining:
    """One training of a network, several seeds side by side; `name` is the name of its folder.

    The other options are those of `validation.train`; `later` are later tasks with the step they begin at, `analyses`
    what is read off the finished run and its snapshots (of the last task), each kept as a file with its name.
    """

    name: str
    task: Task
    network: Network
    optimiser: Optimiser
    steps: int
    seeds: tuple[int, ...]
    record_every: int
    held_out: int = 512
    batch: int = 128
    tests: tuple[str, ...] | None = None
    stop_above: float | None = None
    stop_below: float | None = None
    data_seeds: tuple[int, ...] | None = None
    test_seed: int = 0
    later: tuple[tuple[int, Task], ...] = ()
    clamp: Mapping[str, Any] = field(default_factory=dict)
    checkpoint_every: int = 500
    snapshots: tuple[int, ...] = ()
    analyses: tuple[Analysis, ...] = ()
    device: str = "cpu"

    @property
    def cost(self) -> float:
        """Relative cost, for running the longest first; an analysis counts as much as the training."""
        return self.steps * len(self.seeds) * self.network.cost(self.last_task) * (1 + len(self.analyses))

    @property
    def last_task(self) -> Any:
        """The task at the end."""
        return self.later[-1][1] if self.later else self.task

    def settings(self) -> dict[str, Setting]:
        """What a report says of it, by name."""
        clamp = {"clamp": dict(self.clamp)} if self.clamp else {}
        return described(self, network=briefly(self.network), optimiser=briefly(self.optimiser), **clamp)

    def run(self, folder: Path) -> None:
        """Train in a folder, going on from what is there; the analyses are those of the last step."""
        from validation.training import train

        run = train(
            [(0, self.task), *self.later],
            self.network,
            **handed_on(self),
            data_seed=self.data_seeds,
            test_seed=self.test_seed,
            stop_below=self.stop_below,
            clamp=self.clamp,
            out=folder,
            checkpoint_every=self.checkpoint_every,
            snapshots=self.snapshots,
            device=self.device,
        )
        if run.attrs["status"] == "INTERRUPTED":
            raise RunFailed("interrupted")
        for analysis in self.analyses:
            path, step = folder / f"{analysis.__name__}.nc", int(run.step[-1])
            if not path.exists() or _step(path) != step:
                found = analysis(self, folder)
                save(found.assign_attrs(format=FORMAT, trained_to=step), path, overwrite=True)


def handed_on(training: Any) -> dict[str, Any]:
    """Options of a training of any kind, as the function that runs it takes them."""
    names = ("optimiser", "steps", "batch", "record_every", "held_out", "tests", "stop_above")
    return {name: getattr(training, name) for name in names} | {"seed": training.seeds, "progress": False}


def _step(path: Path) -> int | None:
    step = load(path).attrs.get("trained_to")
    return None if step is None else int(step)


def described(training: Any, **options: Any) -> dict[str, Setting]:
    """Settings by name: those of the last task, options as given, size, and the tasks before."""
    task = training.last_task
    own = {f.name: Setting(getattr(task, f.name), not _given(task, f)) for f in fields(task)}
    size = {"batch": training.batch, "steps": training.steps, "seeds": len(training.seeds)}
    begun = ", ".join(str(step) for step, _ in training.later)
    before = {"before": f"{_changed(training.task, task)} to step {begun}"} if begun else {}
    return own | {name: Setting(value) for name, value in {**options, **size, **before}.items()}


def briefly(options: Any) -> str:
    """A dataclass as it would be written: its first option, and those that do not have their defaults."""
    first, *rest = fields(options)
    given = [f"{f.name}={getattr(options, f.name)!r}" for f in (first, *(f for f in rest if _given(options, f)))]
    return f"{type(options).__name__}({', '.join(given)})"


def _changed(one: Any, other: Any) -> str:
    """In what a dataclass differs from another of its kind."""
    names = [f.name for f in fields(one) if getattr(one, f.name) != getattr(other, f.name)]
    return ", ".join(f"{name} = {getattr(one, name)}" for name in names)


def _given(options: Any, f: Any) -> bool:
    return bool(getattr(options, f.name) != default(f))
