"""Trainings in worker processes: finished ones are kept, failures stay single, leaving interrupts."""

import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

pytest.importorskip("torch")

from minimodels.errors import InputError
from minimodels.results import load
from tests.validation.toy import SMALL, SMALLER
from validation import SGD, claims
from validation.jobs import Trained, Trainings, Worker, run_there


def ended(trainings: Trainings) -> dict[str, Trained]:
    return {one.training.name: one for one in trainings.finished()}


def test_trainings_run_in_processes_of_their_own_and_resume(tmp_path: Path) -> None:
    bad = replace(SMALLER, name="bad", optimiser=SGD(lr=1e9), analyses=())
    with Trainings([("toy", SMALL), ("toy", bad)], out=tmp_path, workers=2) as trainings:
        first = ended(trainings)
    assert first["size-0.1"].results["run"].step.values[[0, -1]].tolist() == [0, 150]
    assert set(first["size-0.1"].results) == {"run", "weights"}
    assert first["size-0.1"].paper == "toy"
    assert "the loss of every seed is not finite" in first["bad"].failure
    assert min(one.seconds for one in first.values()) > 0.1
    kept = tmp_path / "toy" / "size-0.1"
    before = (kept / "checkpoint.json").stat().st_mtime_ns
    with Trainings([("toy", SMALL)], out=tmp_path, workers=1) as trainings:
        again = ended(trainings)
    xr.testing.assert_identical(again["size-0.1"].results["run"], first["size-0.1"].results["run"])
    assert (kept / "checkpoint.json").stat().st_mtime_ns == before


def test_analyses_are_those_of_the_last_step(tmp_path: Path) -> None:
    replace(SMALL, steps=10).run(tmp_path)
    early = load(tmp_path / "weights.nc")
    SMALL.run(tmp_path)
    late, written = load(tmp_path / "weights.nc"), (tmp_path / "weights.nc").stat().st_mtime_ns
    assert (early.attrs["trained_to"], late.attrs["trained_to"]) == (10, 150)
    assert (late["u"] > early["u"]).all()
    SMALL.run(tmp_path)
    assert (tmp_path / "weights.nc").stat().st_mtime_ns == written


def test_a_folder_with_another_training_is_refused(tmp_path: Path) -> None:
    short = replace(SMALL, steps=5)
    with Trainings([("toy", short)], out=tmp_path, workers=1) as trainings:
        ended(trainings)
    other = replace(short, network=replace(SMALL.network, size=0.3))
    with (
        Trainings([("toy", other)], out=tmp_path, workers=1) as trainings,
        pytest.raises(InputError, match=r"holds a run with size=0\.1, not 0\.3: choose another folder"),
    ):
        ended(trainings)


def test_a_worker_that_dies_costs_one_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Worker.run

    def killed(self: Worker, spelled: str, folder: Path) -> list[str] | None:
        if folder.name == SMALL.name:
            self.process.kill()
        return start(self, spelled, folder)

    monkeypatch.setattr(Worker, "run", killed)
    longer = replace(SMALL, steps=200)
    with Trainings([("toy", longer), ("toy", SMALLER)], out=tmp_path, workers=1) as trainings:
        found = ended(trainings)
    assert found[SMALL.name].failure == "the process ended: exit status -9"
    assert not found[SMALLER.name].failure


def test_leaving_early_interrupts_what_runs(tmp_path: Path) -> None:
    endless = [("toy", replace(SMALL, name=name, steps=10**9, record_every=10**6)) for name in "abc"]
    with Trainings(endless, out=tmp_path, workers=2) as trainings:
        while not all((tmp_path / "toy" / name).exists() for name in "ab"):
            time.sleep(0.1)
        time.sleep(3)
        start = time.perf_counter()
    assert time.perf_counter() - start < 20
    assert all(future.done() for future in trainings._futures)
    assert not list(tmp_path.glob("*/*/run.nc"))


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    """Return two worker processes of a cluster on loopback."""
    distributed = pytest.importorskip("distributed")
    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(2, **options) as cluster, distributed.Client(cluster) as client:
        yield client.get_executor()


def test_trainings_on_a_cluster_are_those_of_this_machine(tmp_path: Path, executor: Executor) -> None:
    bad = replace(SMALLER, name="bad", optimiser=SGD(lr=1e9), analyses=())
    out = tmp_path / "shared"
    with Trainings([("toy", SMALL), ("toy", bad)], out=out, workers=1, executor=executor) as trainings:
        found = ended(trainings)
    SMALL.run(tmp_path / "here")
    for name in ("run", "weights"):
        xr.testing.assert_equal(found[SMALL.name].results[name], load(tmp_path / "here" / f"{name}.nc"))
    assert "the loss of every seed is not finite" in found["bad"].failure
    assert sorted(path.name for path in out.iterdir()) == ["toy"]


def test_leaving_early_ends_what_a_cluster_runs(tmp_path: Path, executor: Executor) -> None:
    endless = [("toy", replace(SMALL, name=name, steps=10**9, record_every=10**6)) for name in "abc"]
    with Trainings(endless, out=tmp_path, workers=1, executor=executor) as trainings:
        while not all((tmp_path / "toy" / name).exists() for name in "ab"):
            time.sleep(0.1)
        futures = list(trainings._futures)
    assert all(future.done() for future in futures)
    start = time.perf_counter()
    with Trainings([("toy", replace(SMALL, steps=5))], out=tmp_path, workers=1, executor=executor) as trainings:
        assert not ended(trainings)[SMALL.name].failure  # there is a worker for it
    assert time.perf_counter() - start < 60


def test_what_a_cluster_cannot_do_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not see .*: name a folder for the trainings that all machines share"):
        run_there(str(tmp_path / "none" / ".a.waiting"), "toy", "size-0.1", "{}")
    with ThreadPoolExecutor(1) as pool, pytest.raises(InputError, match="`workers` are processes of this machine"):
        claims("oswald", only=["O1"], workers=1, executor=pool)
    with pytest.raises(InputError, match="`executor` is one of concurrent"):
        claims("oswald", only=["O1"], executor=3)  # type: ignore[arg-type]

    class Dying(Executor):
        def submit(self, *_: Any, **__: Any) -> "Future[Any]":
            future: Future[Any] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with Trainings([("toy", SMALL)], out=tmp_path, workers=1, executor=Dying()) as trainings:
        assert ended(trainings)[SMALL.name].failure == "CancelledError: its worker is lost"
