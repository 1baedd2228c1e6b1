"""Parts of a large task on threads or on an executor, how Ctrl-C ends them, and what a lost worker costs."""

import os
import pickle
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from minimodels.errors import InputError, RunFailed, check_whole, shown
from minimodels.work import packed, unreadable

WAITING = 4  # parts that wait or run at a time, for each that can run
LOOK = 10.0  # seconds after which the workers of an executor are counted again


class PartsLost(RuntimeWarning):
    """Parts are missing, for which nobody asked by Ctrl-C."""


class _Lost(Exception):
    """The executor is gone, with the parts that it had."""


def available_threads() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_workers(threads: Any, executor: Any) -> int | None:
    """Return the number of threads, if that and the executor can be what they are given as."""
    if executor is not None and not isinstance(executor, Executor):
        raise InputError(f"`executor` is one of concurrent.futures, of threads or processes; got {shown(executor)}.")
    return None if threads is None else check_whole(threads, "`threads`", high=4096)


def slots(executor: Executor) -> int:
    """Return how many parts an executor runs at a time, as far as it tells."""
    client = getattr(executor, "_client", None)  # of dask.distributed
    if client is not None:
        try:
            return sum(client.nthreads().values())
        except OSError as error:
            raise _Lost(str(error)) from error
    return int(getattr(executor, "_max_workers", 32))


def run_parts(
    function: Callable[..., Any],
    arguments: Callable[[slice], tuple[Any, ...]],
    parts: Iterable[slice],
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    on_done: Callable[[slice, Any], None],
    whole: bool = False,
) -> bool:
    """Call ``function(*arguments(part))`` for every part; return False if some are missing.

    ``on_done`` is called in this thread with what comes back. On threads the function has one argument more, a flag
    that makes running kernels return at once on Ctrl-C: what they got to is handed over. Other executors have the
    function and its arguments pickled; what they are at then is dropped. No more parts wait than keep all workers
    busy. A part whose worker died again and again is left out, and after the loss of all of them (or of a scheduler)
    what is there is kept; a warning says so. Where only the ``whole`` is of use, that is a RunFailed, and Ctrl-C is
    raised again.
    """
    pool = executor or ThreadPoolExecutor(threads or available_threads(), thread_name_prefix="minimodels")
    interrupt = np.zeros(1, dtype=np.uint8)
    here = isinstance(pool, ThreadPoolExecutor)
    waiting: dict[Future[Any], slice] = {}
    left = iter(parts)
    counted, room = -LOOK, 0
    dropped = 0

    def submit(part: slice) -> Future[Any]:
        if here:
            return pool.submit(function, *arguments(part), interrupt)
        task = packed(function, *arguments(part))
        try:
            return pool.submit(pickle.loads, task)
        except (BrokenExecutor, OSError) as error:
            raise _Lost(str(error)) from error

    def hand_over(done: Iterable[Future[Any]]) -> None:
        nonlocal dropped
        gone = None
        for future in sorted(done, key=lambda future: waiting[future].start):
            part = waiting.pop(future)
            try:
                values = future.result()
            except (CancelledError, BrokenExecutor) as error:  # the others may have ended well
                gone = error
                continue
            except Exception as error:
                if type(error).__name__ != "KilledWorker":  # of dask.distributed
                    raise unreadable(error) or error from None
                dropped += 1
                continue
            on_done(part, values)
        if gone is not None:
            raise _Lost(str(gone) or "its scheduler does not answer") from gone

    try:
        while True:
            if time.monotonic() - counted >= LOOK:
                counted, room = time.monotonic(), max(4, WAITING * slots(pool))
            while len(waiting) < room and (part := next(left, None)) is not None:
                waiting[submit(part)] = part
            if not waiting:
                break
            hand_over(wait(waiting, timeout=LOOK, return_when="FIRST_COMPLETED").done)
    except _Lost as error:
        _say(f"the executor was lost ({error})", whole)
        return False
    except KeyboardInterrupt:
        interrupt[0] = 1
        hand_over([future for future in list(waiting) if not future.cancel() and (here or future.done())])
        if whole:
            raise
        return False
    finally:
        interrupt[0] = 1
        for future in waiting:
            future.cancel()
        if executor is None:
            pool.shutdown(wait=True, cancel_futures=True)
    if dropped:
        many = "a part was" if dropped == 1 else f"{dropped} parts were"
        _say(f"{many} left out, whose workers died again and again", whole)
    return not dropped


def _say(what: str, whole: bool) -> None:
    if whole:
        raise RunFailed(f"{what}; call it again, with workers that stay.")
    warnings.warn(
        f"{what}; its points have the status INTERRUPTED, and the same call with `out` goes on from what is there.",
        PartsLost,
        stacklevel=4,
    )
