"""Sweeps on dask.distributed: equal to threads, and what a lost worker, a lost scheduler and other code cost."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("distributed")

import distributed

import minimodels as mm
from minimodels import pool, work
from minimodels import sweep as sweep_function
from minimodels.cli.entry import run
from minimodels.cluster import executor_at
from tests.minimodels.systems import two_factors

HERE = Path(__file__).parent.parent.parent
MODULE = sys.modules[sweep_function.__module__]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning:distributed", "ignore::ResourceWarning:asyncio")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Return two worker processes of one thread on loopback."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as made:
        yield made


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    with distributed.Client(cluster) as made:
        made.wait_for_workers(2, timeout=60)
        yield made


def small(t_end: float = 20.0, **options: Any) -> xr.Dataset:
    return mm.sweep(
        two_factors(), {"s": np.linspace(0.5, 3, 40), "a_0": np.linspace(-0.5, 0.5, 40)}, t_end=t_end,
        keep=["a", "loss", "learnt", "steps"], **options,
    )  # fmt: skip


def same(one: xr.Dataset, other: xr.Dataset) -> bool:
    return all(one[name].values.tobytes() == other[name].values.tobytes() for name in one)


class Counting(Executor):
    """Hands on to another executor, and counts what it has to do at a time."""

    def __init__(self, executor: Executor) -> None:
        self.executor, self.most, self.sizes = executor, 0, list[int]()
        self.open: set[Future[Any]] = set()
        self._client = executor._client  # type: ignore[attr-defined]

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> "Future[Any]":
        self.open = {future for future in self.open if not future.done()}
        future = self.executor.submit(function, *arguments, **options)
        self.open.add(future)
        self.most = max(self.most, len(self.open))
        self.sizes.append(len(arguments[0]))
        return future


def test_a_cluster_gives_what_threads_give_and_few_small_tasks_wait(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "CHUNK", 16)
    counting = Counting(client.get_executor())
    assert same(small(executor=counting), small(threads=2))
    assert len(counting.sizes) >= 100
    assert 2 <= counting.most <= 8  # four for each worker
    assert max(counting.sizes) < 10_000  # a statement and some points, nothing compiled


def test_a_killed_worker_costs_nothing_but_time(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "CHUNK", 100)
    whole = small(threads=1)
    killed = list[int]()
    write = MODULE.Shards.write

    def kill_one(self: Any, part: slice, values: Any) -> None:
        write(self, part, values)
        if not killed:
            killed.append(client.submit(os.getpid, pure=False).result())
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(MODULE.Shards, "write", kill_one)
    assert same(small(executor=client.get_executor(), out=tmp_path / "grid.nc"), whole)
    assert killed
    assert same(mm.load(tmp_path / "grid.nc"), whole)


def test_ctrl_c_cancels_what_waits_and_keeps_what_is_finished(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "CHUNK", 50)
    counting, out = Counting(client.get_executor()), tmp_path / "grid.nc"
    write = MODULE.Shards.write

    def interrupted(self: Any, part: slice, values: Any) -> None:
        write(self, part, values)
        if part.start == 300:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MODULE.Shards, "write", interrupted)
        part = small(executor=counting, out=out)
    assert all(future.done() for future in counting.open)
    assert len(counting.sizes) < 32
    kept = list((tmp_path / "grid.nc.shards").glob("*.npz"))
    assert 1 <= len(kept) < 32  # in any order
    assert (part.status != mm.Status.INTERRUPTED).sum() == 50 * len(kept)
    assert same(small(out=out), small())


def test_a_part_that_kills_its_workers_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "CHUNK", 100)

    class Killing(Executor):
        """Runs a task at once; the third kills its workers, or the executor is gone from there on."""

        def __init__(self, error: BaseException, *, gone: bool) -> None:
            self.error, self.gone, self.count = error, gone, 0

        def submit(self, function: Callable[..., Any], /, *arguments: Any, **_: Any) -> "Future[Any]":
            self.count += 1
            future: Future[Any] = Future()
            if self.count == 3 or (self.gone and self.count > 3):
                future.set_exception(self.error)
            else:
                future.set_result(function(*arguments))
            return future

    out = tmp_path / "grid.nc"
    killed = distributed.KilledWorker("a part", SimpleNamespace(address="tcp://127.0.0.1:1"), 3)
    with pytest.warns(RuntimeWarning, match=r"a part was left out, whose workers died .* the same call with `out`"):
        part = small(executor=Killing(killed, gone=False), out=out)
    assert (part.status == mm.Status.INTERRUPTED).sum() == 100
    assert not out.exists()
    assert len(list((tmp_path / "grid.nc.shards").glob("*.npz"))) == 15
    with pytest.warns(RuntimeWarning, match="the executor was lost"):
        small(executor=Killing(CancelledError(), gone=True))
    assert same(small(out=out), small())


def test_a_lost_scheduler_costs_nothing_that_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "CHUNK", 100)
    file, out = tmp_path / "scheduler.json", tmp_path / "grid.nc"
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    environment = os.environ | {"PYTHONPATH": str(HERE)}

    def start(what: str, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *common, *options]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    scheduler = start("scheduler", "--port", "0", "--no-show")
    worker = None
    try:
        for _ in range(600):
            if file.exists():
                break
            time.sleep(0.1)
        worker = start("worker", "--nworkers", "1", "--nthreads", "1", "--no-nanny", "--death-timeout", "20")
        with distributed.Client(scheduler_file=str(file), timeout=20) as client:
            client.wait_for_workers(1, timeout=60)
            write = MODULE.Shards.write

            def kill(self: Any, part: slice, values: Any) -> None:
                write(self, part, values)
                if scheduler.poll() is None and part.start >= 400:
                    scheduler.kill()
                    scheduler.wait()

            with monkeypatch.context() as patch:
                patch.setattr(MODULE.Shards, "write", kill)
                with pytest.warns(RuntimeWarning, match="the executor was lost"):
                    part = small(executor=client.get_executor(), out=out)
    finally:
        for process in (scheduler, worker):
            if process is not None:
                process.kill()
                process.wait()
    kept = sorted((tmp_path / "grid.nc.shards").glob("*.npz"))
    assert 5 <= len(kept) < 16
    assert (part.status != mm.Status.INTERRUPTED).sum() == 100 * len(kept)
    assert same(small(out=out, threads=1), small())


def test_a_worker_with_other_code_is_refused(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "code", lambda packages: "minimodels 0.0.9 (12345678)")
    with pytest.raises(mm.InputError, match=r"a worker on .* runs minimodels .*, and this process minimodels 0\.0\.9"):
        small(executor=client.get_executor())


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'minimodels'", name="minimodels"),
        AttributeError("Can't get attribute 'run' on <module 'minimodels.work'>"),
    ],
)
def test_a_worker_without_this_package_is_named(error: Exception) -> None:
    class Empty(Executor):
        def submit(self, function: Callable[..., Any], /, *arguments: Any, **_: Any) -> "Future[Any]":
            future: Future[Any] = Future()
            future.set_exception(error)
            return future

    with pytest.raises(mm.InputError, match=r"a worker cannot read a task .*: install minimodels .* there"):
        small(executor=Empty())


def test_the_workers_of_a_lost_cluster_cannot_be_counted() -> None:
    class Gone:
        def nthreads(self) -> dict[str, int]:
            raise OSError("Timed out trying to connect")

    class Of(Executor):
        _client = Gone()

    with pytest.raises(pool._Lost, match="Timed out"):
        pool.slots(Of())
    with pytest.warns(RuntimeWarning, match="the executor was lost"):
        assert (small(executor=Of()).status == mm.Status.INTERRUPTED).all()


def test_the_command_line_runs_on_a_cluster(cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = ["sweep", "nested_logit", "--axis", "N=2:16:20", "L=16:64:20", "--t-end", "50"]
    address = cluster.scheduler_address
    assert run([*sweep, "--cluster", address, "--out", str(tmp_path / "grid.zarr")]) == 0
    said = capsys.readouterr().out
    assert re.search(r"loss +[\d.]+ to [\d.]+, number: 400\n", said)
    assert run([*sweep, "--threads", "1", "--out", str(tmp_path / "grid.nc")]) == 0
    assert mm.open_sweep(tmp_path / "grid.zarr").equals(mm.load(tmp_path / "grid.nc"))
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"address": address}))
    assert run([*sweep, "--cluster", str(file), "--out", str(tmp_path / "again.nc")]) == 0
    assert mm.load(tmp_path / "again.nc").equals(mm.load(tmp_path / "grid.nc"))


@pytest.mark.parametrize("address", ["nowhere", "foo://127.0.0.1:1", "none.json", ""])
def test_what_is_no_address_is_said(address: str) -> None:
    with (
        pytest.raises(mm.InputError, match="the address of a scheduler is as tcp://127"),
        executor_at(address),
    ):
        pass


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minimodels.cluster.PATIENCE", 1)
    with (
        pytest.raises(mm.InputError, match=r"no scheduler answers at 'tcp://127\.0\.0\.1:1' within 1 s"),
        executor_at("tcp://127.0.0.1:1"),
    ):
        pass


def test_without_the_extra_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(mm.InputError, match=r"pip install 'minimodels\[cluster\]'"), executor_at("tcp://127.0.0.1:1"):
        pass
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(mm.InputError, match=r"pip install 'minimodels\[cluster\]'"):
        small(out=tmp_path / "grid.zarr")
