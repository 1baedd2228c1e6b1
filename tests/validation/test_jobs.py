"""Trainings in worker processes: finished ones are kept, failures stay single, leaving interrupts."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr

pytest.importorskip("torch")

from minimodels.errors import InputError
from minimodels.tasks.item_label import ItemLabelTask
from validation.jobs import HeadJob, Trainings, Worker
from validation.reddy import settings


def test_trainings_run_in_processes_of_their_own_and_resume(tmp_path: Path) -> None:
    small = replace(settings.small((2, 4, 1), False), steps=40, held_out=32, seeds=(0,), record_every=10)
    bad = replace(small, name="bad", lr=1e9, steps=200)
    with Trainings([small, bad], out=tmp_path, workers=2) as trainings:
        runs, failures, seconds = trainings.results()
    assert runs[small.name].step.values.tolist() == [0, 10, 20, 30, 40]
    assert "the loss of every seed is not finite" in failures["bad"]
    assert min(seconds[small.name], seconds["bad"]) > 0.5
    before = (tmp_path / small.name / "checkpoint.json").stat().st_mtime_ns
    with Trainings([small], out=tmp_path, workers=1) as trainings:
        again, _, _ = trainings.results()
    xr.testing.assert_identical(again[small.name], runs[small.name])
    assert (tmp_path / small.name / "checkpoint.json").stat().st_mtime_ns == before


def head_job(name: str = "head", lr: float = 1.0, steps: int = 40) -> HeadJob:
    task = ItemLabelTask(N=2, L=8, K=8, D=15, N_max=2, p_C=1.0, K_c=None)
    return HeadJob(name, task, lr, steps, (0, 1), 20, 32, None, model={"classifier": "linear"}, options={"tests": []})


def test_a_training_of_the_head_is_not_run_twice_and_not_written_over(tmp_path: Path) -> None:
    for _ in range(2):
        with Trainings([head_job()], out=tmp_path, workers=1) as trainings:
            runs, failures, _ = trainings.results()
        assert (runs["head"].sizes["seed"], failures) == (2, {})
    kept = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "head").iterdir()}
    with (
        Trainings([head_job(lr=0.5)], out=tmp_path, workers=1) as trainings,
        pytest.raises(InputError, match="holds a training with other options: choose another folder"),
    ):
        trainings.results()
    assert kept == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "head").iterdir()}


def test_a_worker_that_dies_costs_one_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Worker.run

    def killed(self: Worker, job: HeadJob, folder: Path) -> list[str] | None:
        if job.name == "a":
            self.process.kill()
        return start(self, job, folder)

    monkeypatch.setattr(Worker, "run", killed)
    with Trainings([head_job("a", steps=60), head_job("b")], out=tmp_path, workers=1) as trainings:
        runs, failures, _ = trainings.results()
    assert list(runs) == ["b"]
    assert failures == {"a": "the process ended: exit status -9"}


def test_leaving_early_interrupts_what_runs(tmp_path: Path) -> None:
    start = time.perf_counter()
    endless = [head_job(name, steps=10**9) for name in "abc"]
    with Trainings(endless, out=tmp_path, workers=2) as trainings:
        while not all((tmp_path / name).exists() for name in "ab"):
            time.sleep(0.1)
        time.sleep(3)
    assert time.perf_counter() - start < 30
    assert all(future.done() for future in trainings._futures)
    assert not list(tmp_path.glob("*/run.nc"))
