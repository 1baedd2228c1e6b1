"""What all tests share, and how they are spread over processes."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

MOST = 4  # processes: each takes a gigabyte
# Numba may mix up two types of arguments of one function that two processes compile in the same moment. These files
# call the compiled passes of the induction head in either precision: one process runs them all.
HEAD = ("test_generated.py", "test_head_training.py", "test_induction_head.py", "test_read_out.py")
PLANTED = "test_planted_errors.py"  # few tests, each long, which share nothing
FIRST = (PLANTED, "test_rooms.py")  # the longest: at the end of all they would leave a processor idle

if "PYTEST_XDIST_WORKER" in os.environ:  # before NumPy and PyTorch load: the processors are taken by the processes
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return a process for each processor, and none beside this one where tests are named."""
    if config.args_source != pytest.Config.ArgsSource.TESTPATHS:
        return 0
    from minimodels.pool import available_threads

    return min(MOST, available_threads())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return what hands whole files to the processes, so that fixtures and compiled models of a file are shared."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = super()._split_scope(nodeid)
            file = path.rpartition("/")[2]
            return nodeid if file == PLANTED else "head" if file in HEAD else path

    config.option.loadscopereorder = False  # in the order of the next function
    return Files(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest, where several processes share the tests."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.path.name not in FIRST)


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> Iterator[None]:
    """Let Ctrl-C through, to this process and to those it starts, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
