"""Work behind a page: one thread that does one part at a time, what is superseded dropped."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

NICE = 10  # of the thread, where the system knows priorities of threads

LATER = object()  # what a task yields to let all others go first

Flag = NDArray[np.uint8]
Steps = Callable[[Flag], Iterator[Any]]


@dataclass
class Task:
    """Work in steps: its flag is 1 once it is superseded, and stops a kernel that runs for it."""

    steps: Steps
    deliver: Callable[[Any], None]
    ready: float
    flag: Flag = field(default_factory=lambda: np.zeros(1, dtype=np.uint8))
    left: Iterator[Any] | None = None
    late: bool = False


class Background:
    """A thread that takes steps of tasks, those of the first key first.

    Parameters
    ----------
    keys : sequence of str
        What may be asked for, the most urgent first.
    failed : callable
        Is told, in that thread, the key and the exception of a task that raised.
    """

    def __init__(self, keys: tuple[str, ...], failed: Callable[[str, Exception], None]) -> None:
        self._keys, self._failed = keys, failed
        self._tasks: dict[str, Task] = {}
        self._changed = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._work, name="minimodels-explore", daemon=True)
        self._thread.start()

    def ask(self, key: str, steps: Steps, deliver: Callable[[Any], None], *, after: float = 0.0) -> None:
        """Do some work after so many seconds, in the place of what was asked for under its key before.

        ``steps(flag)`` yields results, None between parts, `LATER` before what is worth less; ``deliver`` takes each
        result in the thread of the work.
        """
        with self._changed:
            self._drop(key)
            self._tasks[key] = Task(steps, deliver, monotonic() + after)
            self._changed.notify()

    def drop(self, *keys: str) -> None:
        """Forget what was asked for."""
        with self._changed:
            for key in keys:
                self._drop(key)

    def close(self) -> None:
        """End the thread after the part it is at."""
        with self._changed:
            self._open = False
            for key in list(self._tasks):
                self._drop(key)
            self._changed.notify()

    def _drop(self, key: str) -> None:
        task = self._tasks.pop(key, None)
        if task is not None:
            task.flag[0] = 1

    def _next(self) -> tuple[str, Task] | None:
        with self._changed:
            while self._open:
                now = monotonic()
                ready = [k for k in self._keys if k in self._tasks and self._tasks[k].ready <= now]
                if ready:
                    first = min(ready, key=lambda k: self._tasks[k].late)
                    return first, self._tasks[first]
                waiting = [task.ready - now for task in self._tasks.values()]
                self._changed.wait(min(waiting) if waiting else None)
        return None

    def _work(self) -> None:
        with suppress(AttributeError, OSError):  # of this thread alone, where there is such a thing
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while (found := self._next()) is not None:
            key, task = found
            try:
                if task.left is None:
                    task.left = task.steps(task.flag)
                result = next(task.left)
                task.late |= result is LATER
                if result is not None and result is not LATER and not task.flag[0]:
                    task.deliver(result)
            except StopIteration:
                self._done(key, task)
            except Exception as error:
                self._done(key, task)
                if not task.flag[0]:
                    self._failed(key, error)

    def _done(self, key: str, task: Task) -> None:
        with self._changed:
            if self._tasks.get(key) is task:
                del self._tasks[key]
