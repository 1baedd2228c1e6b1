"""Trainings that claims ask for, run side by side by worker processes of one thread each.

A worker is ``python -m validation.jobs``: it takes jobs from its standard input, so a script that runs claims needs no
main guard, and libraries are imported once. It ends at once when that input ends, in the middle of a job too: however
the process that started it ended, none is left. A training of the network that was cut off resumes; one of the head,
which takes minutes, starts again.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Thread
from typing import Any

import xarray as xr

from minimodels.errors import InputError, RunFailed
from minimodels.files import write_file
from minimodels.results import FORMAT, load, save
from minimodels.tasks.item_label import ItemLabelTask


@dataclass(frozen=True)
class Job:
    """One training of the network, several seeds side by side; `name` is the name of its folder.

    `stages` are later tasks with the step they begin at, `model` and `options` those of `AttentionOnly` and
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
    model: dict[str, Any] = field(default_factory=dict)
    stages: tuple[tuple[int, ItemLabelTask], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    analyses: tuple[str, ...] = ()

    @property
    def cost(self) -> float:
        """Relative cost, for running the longest first."""
        return float(self.steps * len(self.seeds) * self.task.length * self.task.width**2)

    @property
    def tasks(self) -> ItemLabelTask | list[tuple[int, ItemLabelTask]]:
        """The task, or all stages."""
        return [(0, self.task), *self.stages] if self.stages else self.task

    def run(self, folder: Path) -> None:
        """Train in a folder, going on from what is there."""
        from validation.analyses import ANALYSES
        from validation.network import AttentionOnly
        from validation.optimisers import SGD, Adam
        from validation.training import train

        run = train(
            self.tasks,
            AttentionOnly(**self.model),
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
        task = self.stages[-1][1] if self.stages else self.task
        for name in self.analyses:
            if not (folder / f"{name}.nc").exists():
                found = ANALYSES[name](folder, task, AttentionOnly(**self.model), self.seeds)
                save(found.assign_attrs(format=FORMAT), folder / f"{name}.nc", overwrite=True)


@dataclass(frozen=True)
class HeadJob(Job):
    """One training of the induction head, seed after seed; `model` and `options` as in `mm.train_head`."""

    @property
    def cost(self) -> float:
        """Relative cost, as of `Job`: a step takes about as long as that of a network of width 10 or 30."""
        width = 10 if self.model.get("classifier") == "linear" else 30
        return float(self.steps * len(self.seeds) * self.task.length * width**2)

    def run(self, folder: Path) -> None:
        """Train unless the folder holds the finished run."""
        from minimodels.engine.stepper.status import Status
        from minimodels.induction_head.head import InductionHead
        from minimodels.induction_head.train import train_head

        if (folder / "run.nc").exists():
            if not (folder / "job.json").exists() or (folder / "job.json").read_text() != self.text:
                raise InputError(f"{str(folder)!r} holds a training with other options: choose another folder.")
            return
        run = train_head(
            self.tasks,
            InductionHead(**self.model),
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
        if (run["status"] == Status.INTERRUPTED).any():
            raise RunFailed("interrupted")
        write_file(folder / "job.json", self.text.encode())
        save(run, folder / "run.nc", overwrite=True)

    @property
    def text(self) -> str:
        """All fields, as they are kept beside the run."""
        return json.dumps(asdict(self), sort_keys=True)


KINDS = {kind.__name__: kind for kind in (Job, HeadJob)}


def _job(kind: str, values: dict[str, Any]) -> Job:
    values["task"] = ItemLabelTask(**values["task"])
    values["stages"] = tuple((first, ItemLabelTask(**task)) for first, task in values["stages"])
    values |= {key: tuple(values[key]) for key in ("seeds", "analyses")}
    return KINDS[kind](**values)


class Trainings:
    """Jobs that are run in the background from entering to leaving this context, `workers` at a time.

    With `out`, every job keeps its folder below it, and one that is finished there is not run again. Leaving early
    ends what runs; trainings of the network keep their last checkpoint.
    """

    def __init__(self, jobs: Iterable[Job], *, out: str | os.PathLike[str] | None, workers: int) -> None:
        self.jobs, self.out, self.workers = list(jobs), out, workers

    def __enter__(self) -> "Trainings":
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(TemporaryDirectory()) if self.out is None else self.out)
        self._free: SimpleQueue[Worker] = SimpleQueue()
        self._busy: set[Worker] = set()
        self._left = False
        self._pool = ThreadPoolExecutor(self.workers)
        longest_first = sorted(self.jobs, key=lambda job: job.cost, reverse=True)
        try:
            self._futures = {self._pool.submit(self._run, job): job.name for job in longest_first}
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._left = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in list(self._busy):
            worker.process.kill()
        self._pool.shutdown()
        while not self._free.empty():
            self._free.get().close()
        self._stack.close()

    def results(
        self, each: Callable[[], object] = lambda: None
    ) -> tuple[dict[str, xr.Dataset], dict[str, str], dict[str, float]]:
        """Wait for all; results, failures and seconds by name (NAME/ANALYSIS for its analyses).

        `each` is called when one has ended.

        Raises
        ------
        InputError
            If the folder of a training holds something else, or is damaged.
        """
        results: dict[str, xr.Dataset] = {}
        failures: dict[str, str] = {}
        seconds: dict[str, float] = {}
        for future in as_completed(self._futures):
            name = self._futures[future]
            error, seconds[name] = future.result()
            each()
            if error is None:
                results[name] = load(self._folder / name / "run.nc")
                for path in (self._folder / name).glob("*.nc"):
                    if path.name != "run.nc":
                        results[f"{name}/{path.stem}"] = load(path)
            elif error[0] == InputError.__name__:
                raise InputError(error[1])
            else:
                failures[name] = ": ".join(error)
        return results, failures, seconds

    def _run(self, job: Job) -> tuple[list[str] | None, float]:
        folder = self._folder / job.name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            worker = self._free.get_nowait()
        except Empty:
            worker = Worker()
        self._busy.add(worker)
        start = time.perf_counter()
        error = [RunFailed.__name__, "interrupted"] if self._left else worker.run(job, folder)
        self._busy.remove(worker)
        if worker.process.poll() is None:
            self._free.put(worker)
        else:
            worker.close()
        return error, time.perf_counter() - start


class Worker:
    """A process that runs one job after another."""

    def __init__(self) -> None:
        # the packages that this process imported, whatever lies in the current folder
        ours = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join([ours, *(p for p in sys.path if p and Path(p) != Path.cwd())])
        self.log = TemporaryFile("w+")  # noqa: SIM115 (it lives as long as the process: `close`)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "validation.jobs"],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            start_new_session=True,  # Ctrl-C reaches the process that started it, which decides
        )

    def run(self, job: Job, folder: Path) -> list[str] | None:
        """Run one job; None, or kind and text of what went wrong."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            print(json.dumps([str(folder), type(job).__name__, asdict(job)]), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except OSError:
            answer = ""
        if answer:
            found: list[str] | None = json.loads(answer)
            return found
        status = self.process.wait()
        self.log.seek(0)
        said = self.log.read().strip().splitlines()
        return ["the process ended", said[-1] if said else f"exit status {status}"]

    def close(self) -> None:
        """End the process."""
        self.process.communicate()
        self.log.close()


def _serve() -> None:
    """Run the jobs given on standard input, one on each line, and answer each with null or what went wrong."""
    answers, sys.stdout = sys.stdout, sys.stderr
    lines: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    Thread(target=read, daemon=True).start()
    while True:
        folder, kind, values = json.loads(lines.get())
        error = None
        try:
            _job(kind, values).run(Path(folder))
        except Exception as raised:
            error = [type(raised).__name__, str(raised)]
        print(json.dumps(error), file=answers, flush=True)


if __name__ == "__main__":
    _serve()
