"""The workers of a cluster, by the address of its scheduler."""

import json
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from minimodels.errors import InputError
from minimodels.notices import notice

PATIENCE = 10  # seconds in which a scheduler has to answer


@contextmanager
def executor_at(address: str | None) -> Iterator[Executor | None]:
    """Yield the executor of a scheduler of `dask.distributed`, by its address or the file it wrote; None of None.

    Raises
    ------
    InputError
        If nobody answers there, or the extra ``[cluster]`` is missing.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ImportError as error:
        raise InputError("a cluster needs dask.distributed: pip install 'minimodels[cluster]'.") from error
    try:
        at = str(json.loads(Path(address).read_bytes())["address"]) if address.endswith(".json") else address
        get_address_host_port(at, strict=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = "the address of a scheduler is as tcp://127.0.0.1:8786, or the file (.json) that it wrote"
        raise InputError(f"{what}; got {address!r} ({error}).") from error
    try:  # not the default client: xarray would use it for work of its own
        client = Client(at, timeout=PATIENCE, set_as_default=False)
    except OSError as error:
        raise InputError(
            f"no scheduler answers at {at!r} within {PATIENCE} s: start one (`dask scheduler`), or correct the address."
        ) from error
    with client:
        if not client.nthreads():
            with notice(f"waiting for the first worker of {address}"):
                client.wait_for_workers(1)
        yield client.get_executor()
