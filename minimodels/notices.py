"""What a terminal is told: how far long work is, what compiles, and where something is."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

PLACE = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit}"
BAR = f"{{desc}}{PLACE} [{{elapsed}}, {{remaining}} left, {{rate_noinv_fmt}}{{postfix}}]"
MANY = 100_000  # from here on numbers are written as 1.2M
_quiet = threading.Event()
logger = logging.getLogger("minimodels")


def tell(what: str) -> None:
    """Say something on a terminal, elsewhere in the log."""
    logger.info("%s", what)
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"minimodels: {what}\n")
        sys.stderr.flush()


@contextmanager
def notice(what: str | None) -> Iterator[None]:
    """Say on a terminal what goes on and how long it took; elsewhere in the log, and nothing if ``what`` is None."""
    if what is None:
        yield
        return
    shown = sys.stderr is not None and sys.stderr.isatty() and not _quiet.is_set()
    start = time.perf_counter()
    if shown:
        sys.stderr.write(f"minimodels: {what} ...")
        sys.stderr.flush()
    try:
        yield
    finally:
        seconds = time.perf_counter() - start
        logger.info("%s took %.2f s", what, seconds)
        if shown:
            sys.stderr.write(f" {seconds:.2g} s\n")


@contextmanager
def unsaid() -> Iterator[None]:
    """Let compilations go to the log only, where a bar tells of them."""
    _quiet.set()
    try:
        yield
    finally:
        _quiet.clear()


def bar(total: int, unit: str, progress: bool | None, *, done: int = 0, leave: bool = False) -> "tqdm":
    """Return a bar with what is done, the rate and the time that is left; on terminals unless told.

    ``done`` was done before: it does not count in the rate.
    """
    from tqdm import tqdm

    return tqdm(
        total=total, initial=done, unit=f" {unit}", unit_scale=total >= MANY, bar_format=BAR, dynamic_ncols=True,
        leave=leave, disable=None if progress is None else not progress,
    )  # fmt: skip
