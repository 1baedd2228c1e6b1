"""Trainings that claims ask for, run side by side by worker processes of one thread each.

A worker is ``python -m validation.jobs``: it takes trainings from its standard input, so a script that runs claims
needs no main guard, and libraries are imported once. It ends at once when that input ends, in the middle of a training
too: however the process that started it ended, none is left. What one that was cut off goes on from is its affair.

On an executor, as of a cluster, each training is a task that starts such a worker where it runs, in a folder that all
machines share. A file in it says that the results are still waited for.
"""

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from socket import gethostname
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Event, Thread
from uuid import uuid4

import xarray as xr

from minimodels.errors import InputError, RunFailed
from minimodels.results import load
from minimodels.work import packed, unreadable
from validation.protocols import Training
from validation.spelled import read, spell

Place = tuple[str, Training]  # the paper, and what is trained: their folder is PAPER/NAME
Ended = tuple[list[str] | None, float, list[str]]  # kind and text of what went wrong, seconds, files that are there


@dataclass(frozen=True)
class Trained:
    """A training that has ended: what it left by file ("run", and its analyses), or why there is nothing."""

    paper: str
    training: Training
    seconds: float
    results: dict[str, xr.Dataset] = field(default_factory=dict)
    failure: str = ""


class Trainings:
    """Trainings that are run in the background from entering to leaving this context, `workers` at a time.

    With `out`, every one keeps its folder PAPER/NAME below it, and one that is finished there is not run again. Leaving
    early ends what runs. With an `executor`, its workers run them, as many as it has.
    """

    def __init__(
        self,
        places: Iterable[Place],
        *,
        out: str | os.PathLike[str] | None,
        workers: int,
        executor: Executor | None = None,
    ) -> None:
        self.places, self.out, self.workers, self.executor = list(places), out, workers, executor

    def __enter__(self) -> "Trainings":
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(TemporaryDirectory()) if self.out is None else self.out)
        self._free: SimpleQueue[Worker] = SimpleQueue()
        self._busy: set[Worker] = set()
        self._left = False
        self._pool = ThreadPoolExecutor(self.workers)
        self._futures: dict[Future[Ended], Place] = {}
        longest_first = sorted(self.places, key=lambda place: place[1].cost, reverse=True)
        try:
            if self.executor is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._waited_for = self._folder.resolve() / f".{uuid4().hex}.waiting"
                self._waited_for.touch()
                self._stack.callback(self._waited_for.unlink, missing_ok=True)
            for place in longest_first:
                self._futures[self._submitted(*place)] = place
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._left = True
        for future in self._futures:
            future.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in list(self._busy):
            worker.process.kill()
        self._pool.shutdown()
        while not self._free.empty():
            self._free.get().close()
        self._stack.close()

    def finished(self) -> Iterator[Trained]:
        """Yield every training as soon as it has ended.

        Raises
        ------
        InputError
            If the folder of a training holds something else, or is damaged.
        """
        for future in as_completed(self._futures):
            paper, training = self._futures[future]
            try:
                error, seconds, files = future.result()
            except InputError:
                raise
            except Exception as lost:  # with its worker, or its scheduler
                if (sentence := unreadable(lost)) is not None:
                    raise sentence from None
                error, seconds, files = [type(lost).__name__, "its worker is lost"], 0.0, []
            if error is None:
                paths = [self._folder / paper / training.name / file for file in files]
                seen(paths)
                yield Trained(paper, training, seconds, {path.stem: load(path) for path in paths})
            elif error[0] == InputError.__name__:
                raise InputError(error[1])
            else:
                yield Trained(paper, training, seconds, failure=": ".join(error))

    def _submitted(self, paper: str, training: Training) -> "Future[Ended]":
        if self.executor is None:
            return self._pool.submit(self._run, paper, training)
        spelled = json.dumps(spell(training))
        packages = ("minimodels", "theory", "validation")
        task = packed(run_there, str(self._waited_for), paper, training.name, spelled, packages=packages)
        return self.executor.submit(pickle.loads, task)

    def _run(self, paper: str, training: Training) -> "Ended":
        folder = self._folder / paper / training.name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            worker = self._free.get_nowait()
        except Empty:
            worker = Worker()
        self._busy.add(worker)
        start = time.perf_counter()
        spelled = json.dumps(spell(training))
        error = [RunFailed.__name__, "interrupted"] if self._left else worker.run(spelled, folder)
        self._busy.remove(worker)
        if worker.process.poll() is None:
            self._free.put(worker)
        else:
            worker.close()
        return error, time.perf_counter() - start, results_in(folder)


def run_there(waited_for: str, paper: str, name: str, spelled: str) -> Ended:
    """Run a training where this is, beside the file that says it is waited for; without that it is given up.

    Raises
    ------
    InputError
        If the file is not seen here.
    """
    mark = Path(waited_for)
    if not mark.exists():
        raise InputError(
            f"a worker on {gethostname()} does not see {str(mark.parent)!r}: name a folder for the trainings that all "
            "machines share."
        )
    folder, start = mark.parent / paper / name, time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    worker, ended = Worker(), Event()

    def watch() -> None:
        while not ended.wait(1.0):
            if not mark.exists():
                worker.process.kill()
                return

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        error = worker.run(spelled, folder)
    finally:
        ended.set()
        watcher.join()
        worker.close()
    return error, time.perf_counter() - start, results_in(folder)


def results_in(folder: Path) -> list[str]:
    """Return the names of the files that a training left."""
    return sorted(path.name for path in folder.glob("*.nc"))


def seen(paths: Sequence[Path], patience: float = 60.0) -> None:
    """Wait until files are there that another machine wrote: a shared folder may lag behind."""
    until = time.monotonic() + patience
    while not all(path.exists() for path in paths) and time.monotonic() < until:
        time.sleep(0.5)


class Worker:
    """A process that runs one training after another."""

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

    def run(self, spelled: str, folder: Path) -> list[str] | None:
        """Run one training, spelled as JSON; None, or kind and text of what went wrong."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            print(f"[{json.dumps(str(folder))}, {spelled}]", file=self.process.stdin, flush=True)
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
    """Run the trainings given on standard input, one on each line; answer each with null or what went wrong."""
    answers, sys.stdout = sys.stdout, sys.stderr
    lines: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    Thread(target=listen, daemon=True).start()
    while True:
        folder, training = json.loads(lines.get())
        error = None
        try:
            read(training).run(Path(folder))
        except Exception as raised:
            error = [type(raised).__name__, str(raised)]
        print(json.dumps(error), file=answers, flush=True)


if __name__ == "__main__":
    _serve()
