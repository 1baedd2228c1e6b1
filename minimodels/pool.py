"""Parts of a large task on threads or on an executor, and how Ctrl-C ends them."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

AHEAD = 256  # parts that wait or run at a time


def available_threads() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_parts(
    function: Callable[..., Any],
    arguments: Callable[[slice], tuple[Any, ...]],
    parts: Iterable[slice],
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    on_done: Callable[[slice, Any], None],
) -> bool:
    """Call ``function(*arguments(part))`` for every part; return False if Ctrl-C stopped it.

    ``on_done`` is called in this thread with what comes back. On threads the function has one argument more, a flag
    that makes running kernels return at once on Ctrl-C: what they got to is handed over. Other executors have the
    function and its arguments pickled; what they are at then is dropped.
    """
    pool = executor or ThreadPoolExecutor(threads or available_threads(), thread_name_prefix="minimodels")
    interrupt = np.zeros(1, dtype=np.uint8)
    flag = (interrupt,) if isinstance(pool, ThreadPoolExecutor) else ()
    waiting: dict[Future[Any], slice] = {}
    left = iter(parts)

    def hand_over(done: Iterable[Future[Any]]) -> None:
        for future in sorted(done, key=lambda future: waiting[future].start):
            part = waiting.pop(future)
            on_done(part, future.result())

    try:
        while True:
            for part in left:
                waiting[pool.submit(function, *arguments(part), *flag)] = part
                if len(waiting) >= AHEAD:
                    break
            if not waiting:
                return True
            hand_over(wait(waiting, return_when="FIRST_COMPLETED").done)
    except KeyboardInterrupt:
        interrupt[0] = 1
        hand_over([future for future in list(waiting) if not future.cancel() and (flag or future.done())])
        return False
    finally:
        interrupt[0] = 1
        for future in waiting:
            future.cancel()
        if executor is None:
            pool.shutdown(wait=True, cancel_futures=True)
