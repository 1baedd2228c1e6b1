"""What a terminal is told: what one waits for, and where something is."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
    shown = sys.stderr is not None and sys.stderr.isatty()
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
