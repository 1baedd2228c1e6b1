"""Trainings that claims ask for, run side by side in processes of one thread each.

A job runs as ``python -m validation.jobs FOLDER FIELDS`` (the fields as JSON) and leaves in its folder what
`validation.train` leaves: a script needs no main guard, and a job that was cut off resumes.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xarray as xr
from tqdm import tqdm

from minimodels.errors import RunFailed
from minimodels.results import load
from minimodels.sequences import ItemLabelTask


@dataclass(frozen=True)
class Job:
    """One training of several seeds by plain SGD; `name` is the name of its folder."""

    name: str
    task: ItemLabelTask
    lr: float
    steps: int
    seeds: tuple[int, ...]
    record_every: int
    held_out: int = 512
    stop_above: float | None = 0.9
    device: str = "cpu"

    @property
    def cost(self) -> float:
        """Relative cost, for running the longest first."""
        return float(self.steps * len(self.seeds) * self.task.length * self.task.width**2)


def execute(
    jobs: Sequence[Job], *, out: str | os.PathLike[str] | None, workers: int, progress: bool | None = None
) -> tuple[dict[str, xr.Dataset], dict[str, str], dict[str, float]]:
    """Run every job, `workers` at a time; results, failures and seconds by name.

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
                time.sleep(0.05)
        finally:
            for process in running.values():
                process.send_signal(signal.SIGINT)
            for process in running.values():
                process.communicate()
    return results, failures, seconds


def _start(job: Job, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(p or os.getcwd() for p in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "validation.jobs", str(folder), json.dumps(asdict(job))],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def main(folder: Path, values: dict[str, Any]) -> None:
    """Run one job, given by its fields, in its folder."""
    from validation.optimisers import SGD
    from validation.training import train

    run = train(
        ItemLabelTask(**values["task"]),
        optimiser=SGD(lr=values["lr"]),
        steps=values["steps"],
        seed=values["seeds"],
        record_every=values["record_every"],
        held_out=values["held_out"],
        stop_above=values["stop_above"],
        out=folder,
        device=values["device"],
        progress=False,
    )
    if run.attrs["status"] == "INTERRUPTED":
        raise RunFailed("interrupted")


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
