"""What the public functions of the theory take: bounds and data."""

from collections.abc import Iterable
from typing import Any

from minimodels.errors import InputError, shown

LARGEST = 1e6  # of a start or a rate; beyond it exponentials of the models mean nothing


def check_dataset(data: Any, what: str, needed: Iterable[str], source: str) -> None:
    """Refuse what is no dataset or lacks a variable."""
    import xarray as xr

    if not isinstance(data, xr.Dataset):
        raise InputError(f"`{what}` is an xarray.Dataset, {source}; got {shown(data)}.")
    for name in needed:
        if name not in data:
            raise InputError(f"`{what}` lacks the variable {name!r}; give {source}.")
