"""What the public functions say about an argument that cannot be: one sentence, with what was given."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, by_name, check_number, shown, unknown

LARGEST = 1e6  # of a start or a rate; beyond it exponentials of the models mean nothing
T = TypeVar("T")


def numbers_by_name(given: Any, what: str, names: Sequence[str], *, low: float = -LARGEST) -> dict[str, float]:
    """Return numbers given by name (None: none), each between ``low`` and `LARGEST`; other names are refused."""
    found = by_name({} if given is None else given, f"`{what}`", f"{{{names[-1]!r}: 0.1}}")
    for name in found:
        if name not in names:
            raise unknown(f"name in {what}", name, names)
    return {name: within(value, f"{what}[{name!r}]", low=low) for name, value in found.items()}


def within(value: Any, what: str, *, low: float = -LARGEST, high: float = LARGEST) -> float:
    """Return a number between two bounds."""
    number = check_number(value, what)
    if not low <= number <= high:
        raise InputError(f"{what} must lie between {low:g} and {high:g}; got {number:g}.")
    return number


def several(values: Any, what: str, *, low: float = -LARGEST, high: float = LARGEST) -> NDArray[np.float64]:
    """Return a list of numbers, each between two bounds."""
    found = listed(values, what, "[1, 2]")
    return np.array([within(v, f"every number of {what}", low=low, high=high) for v in found], dtype=np.float64)


def listed(values: Any, what: str, example: str) -> list[Any]:
    """Return the members of a list, or say what it should look like."""
    if isinstance(values, str | bytes | Mapping) or getattr(values, "ndim", 1) == 0 or not isinstance(values, Iterable):
        raise InputError(f"{what} is a list, as {example}; got {shown(values)}.")
    found = list(values)
    if not found:
        raise InputError(f"{what} is empty; give a list, as {example}.")
    return found


def named(items: Sequence[T], names: Sequence[str], key: Any, what: str) -> T:
    """Return one of some items by position or by name."""
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        if not -len(items) <= key < len(items):
            raise InputError(f"there are {len(items)} of every {what}, counted from 0; got {shown(key)}.")
        return items[int(key)]
    if not isinstance(key, str):
        raise InputError(f"a {what} is asked for by name or position; got {shown(key)}.")
    if key not in names:
        raise unknown(what, key, names)
    return items[names.index(key)]


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse an option of a built-in model that is neither a word nor a finite number."""
    for key, value in options.items():
        if isinstance(value, str):
            continue
        if not isinstance(value, Real) or isinstance(value, bool):
            raise InputError(f"the option `{key}` of {name!r} is a word or a number; got {shown(value)}.")
        check_number(value, f"the option `{key}` of {name!r}")


def check_dataset(data: Any, what: str, needed: Iterable[str], source: str) -> None:
    """Refuse what is no dataset or lacks a variable."""
    import xarray as xr

    if not isinstance(data, xr.Dataset):
        raise InputError(f"`{what}` is an xarray.Dataset, {source}; got {shown(data)}.")
    for name in needed:
        if name not in data:
            raise InputError(f"`{what}` lacks the variable {name!r}; give {source}.")
