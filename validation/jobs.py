"""Trainings that claims ask for, run side by side in processes of one thread each.

A job runs as ``python -m validation.jobs FOLDER KIND FIELDS`` (the fields as JSON) and leaves `run.nc` in its folder: a
script needs no main guard. A training of the network that was cut off resumes; one of the head, which takes minutes,
starts again.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xarray as xr
from tqdm import tqdm

from minimodels.errors import RunFailed
from minimodels.results import FORMAT, load, save
from minimodels.sequences import ItemLabelTask


@dataclass(frozen=True)
class Job:
    """One training of the network, several seeds side by side; `name` is the name of its folder.

    `stages` are later tasks with the step they begin at, `network` and `options` those of `AttentionOnly` and
    `validation.train`, `analyses` what is read off the snapshots afterwards (of the last stage).
    """

    name: str
    task: ItemLabelTask
    lr: float
    steps: int
    seeds: tuple[int, ...]
    record_every: int
    held_out: int = 512
    stop_above: float | None = 0.9
    device: str = "cpu"
    optimiser: str = "sgd"
    network: dict[str, Any] = field(default_factory=dict)
    stages: tuple[tuple[int, ItemLabelTask], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    analyses: tuple[str, ...] = ()

    @property
    def cost(self) -> float:
        """Relative cost, for running the longest first."""
        return float(self.steps * len(self.seeds) * self.task.length * self.task.width**2)

    def run(self, folder: Path) -> None:
        """Train in a folder, going on from what is there."""
        from validation.network import AttentionOnly
        from validation.optimisers import SGD, Adam
        from validation.training import train

        run = train(
            [(0, self.task), *self.stages] if self.stages else self.task,
            AttentionOnly(**self.network),
            optimiser=SGD(lr=self.lr) if self.optimiser == "sgd" else Adam(lr=self.lr),
            steps=self.steps,
            seed=self.seeds,
            record_every=self.record_every,
            held_out=self.held_out,
            stop_above=self.stop_above,
            out=folder,
            device=self.device,
            progress=False,
            **self.options,
        )
        if run.attrs["status"] == "INTERRUPTED":
            raise RunFailed("interrupted")
        from validation.analyses import ANALYSES

        task = self.stages[-1][1] if self.stages else self.task
        for name in self.analyses:
            if not (folder / f"{name}.nc").exists():
                found = ANALYSES[name](folder, task, AttentionOnly(**self.network), self.seeds)
                save(found.assign_attrs(format=FORMAT), folder / f"{name}.nc", overwrite=True)


@dataclass(frozen=True)
class HeadJob:
    """One training of the induction head, its seeds one after the other; `head` and `options` as in `mm.train_head`."""

    name: str
    task: ItemLabelTask
    lr: float
    steps: int
    seeds: tuple[int, ...]
    record_every: int
    held_out: int = 512
    stop_above: float | None = None
    device: str = "cpu"
    optimiser: str = "sgd"
    head: dict[str, Any] = field(default_factory=dict)
    stages: tuple[tuple[int, ItemLabelTask], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """Relative cost, as of `Job`: a step takes about as long as that of a network of width 10 or 30."""
        return float(
            self.steps * len(self.seeds) * self.task.length * (10 if "linear" in self.head.values() else 30) ** 2
        )

    def run(self, folder: Path) -> None:
        """Train unless the folder holds the finished run."""
        from minimodels.induction_head import InductionHead, train_head

        if (folder / "run.nc").exists() and (folder / "job.json").read_text() == _fields(self):
            return
        run = train_head(
            [(0, self.task), *self.stages] if self.stages else self.task,
            InductionHead(**self.head),
            optimiser=self.optimiser,  # type: ignore[arg-type]
            lr=self.lr,
            steps=self.steps,
            seed=self.seeds,
            record_every=self.record_every,
            held_out=self.held_out,
            stop_above=self.stop_above,
            threads=1,
            progress=False,
            **self.options,
        )
        save(run, folder / "run.nc", overwrite=True)
        (folder / "job.json").write_text(_fields(self))


KINDS: dict[str, type[Job] | type[HeadJob]] = {"network": Job, "head": HeadJob}
AnyJob = Job | HeadJob


def _fields(job: AnyJob) -> str:
    return json.dumps(asdict(job), sort_keys=True)


def _job(kind: str, text: str) -> AnyJob:
    values = json.loads(text)
    values["task"] = ItemLabelTask(**values["task"])
    values["stages"] = tuple((first, ItemLabelTask(**task)) for first, task in values["stages"])
    values |= {key: tuple(values[key]) for key in ("seeds", "analyses") if key in values}
    return KINDS[kind](**values)


def execute(
    jobs: Sequence[AnyJob], *, out: str | os.PathLike[str] | None, workers: int, progress: bool | None = None
) -> tuple[dict[str, xr.Dataset], dict[str, str], dict[str, float]]:
    """Run every job, `workers` at a time; results, failures and seconds by name (NAME/ANALYSIS for its analyses).

    With `out`, every job keeps its folder below it, and one that is finished there is not run again.
    """
    results: dict[str, xr.Dataset] = {}
    failures: dict[str, str] = {}
    seconds: dict[str, float] = {}
    with ExitStack() as stack:
        folder = Path(out) if out is not None else Path(stack.enter_context(TemporaryDirectory()))
        waiting = sorted(jobs, key=lambda job: job.cost, reverse=True)
        running: dict[str, subprocess.Popen[str]] = {}
        bar = stack.enter_context(
            tqdm(total=len(jobs), desc="trainings", disable=None if progress is None else not progress)
        )
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    job = waiting.pop(0)
                    running[job.name] = _start(job, folder / job.name)
                    seconds[job.name] = -time.perf_counter()
                for name, process in list(running.items()):
                    if process.poll() is None:
                        continue
                    del running[name]
                    seconds[name] += time.perf_counter()
                    bar.update()
                    errors = process.communicate()[1].strip().splitlines()
                    if process.returncode:
                        failures[name] = errors[-1] if errors else f"exit status {process.returncode}"
                    else:
                        results[name] = load(folder / name / "run.nc")
                        for path in (folder / name).glob("*.nc"):
                            if path.name != "run.nc":
                                results[f"{name}/{path.stem}"] = load(path)
                time.sleep(0.05)
        finally:
            for process in running.values():
                process.send_signal(signal.SIGINT)
            for process in running.values():
                process.communicate()
    return results, failures, seconds


def _start(job: AnyJob, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir(parents=True, exist_ok=True)
    kind = next(name for name, cls in KINDS.items() if isinstance(job, cls))
    path = os.pathsep.join(p or os.getcwd() for p in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "validation.jobs", str(folder), kind, _fields(job)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


if __name__ == "__main__":
    _job(sys.argv[2], sys.argv[3]).run(Path(sys.argv[1]))
