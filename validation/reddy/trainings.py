"""A training of the induction head as claims ask for it: seed after seed, in a folder of its own."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from minimodels.engine.stepper.status import Status
from minimodels.errors import InputError, RunFailed
from minimodels.files import write_file
from minimodels.induction_head.head import InductionHead
from minimodels.induction_head.train import TESTS, train_head
from minimodels.results import save
from minimodels.tasks.item_label import ItemLabelTask
from validation.spelled import spell
from validation.trainings import briefly, described, handed_on
from validation.words import Setting


@dataclass(frozen=True, kw_only=True)
class HeadTraining:
    """One training of the induction head; the options are those of `mm.train_head`, `name` is that of its folder.

    It takes minutes at most: one that was cut off starts again, one that is finished is not run twice.
    """

    name: str
    task: ItemLabelTask
    head: InductionHead = field(default_factory=InductionHead)
    optimiser: Literal["sgd", "adam"] = "sgd"
    lr: float
    steps: int
    seeds: tuple[int, ...]
    batch: int = 128
    record_every: int
    held_out: int = 512
    tests: tuple[str, ...] = TESTS
    stop_above: float | None = None
    later: tuple[tuple[int, ItemLabelTask], ...] = ()

    @property
    def cost(self) -> float:
        """Relative cost: a step takes about as long as that of a network of width 10 or 30."""
        width = 10 if self.head.classifier == "linear" else 30
        return float(self.steps * len(self.seeds) * self.task.length * width**2)

    @property
    def last_task(self) -> ItemLabelTask:
        """The task at the end."""
        return self.later[-1][1] if self.later else self.task

    def settings(self) -> dict[str, Setting]:
        """What a report says of it, by name."""
        return described(self, head=briefly(self.head), optimiser=f"{self.optimiser.upper()}(lr={self.lr:g})")

    def run(self, folder: Path) -> None:
        """Train unless the folder holds the finished run."""
        written = json.dumps(spell(self), sort_keys=True)
        if (folder / "run.nc").exists():
            if not (folder / "training.json").exists() or (folder / "training.json").read_text() != written:
                raise InputError(f"{str(folder)!r} holds a training with other options: choose another folder.")
            return
        run = train_head(
            [(0, self.task), *self.later],
            self.head,
            **handed_on(self),
            lr=self.lr,
            threads=1,
        )
        if (run["status"] == Status.INTERRUPTED).any():
            raise RunFailed("interrupted")
        write_file(folder / "training.json", written.encode())
        save(run, folder / "run.nc", overwrite=True)
