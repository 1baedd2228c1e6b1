"""What the functions of the wing take: shares, numbers that may be lists, spectra."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError, check_array, check_number, shown

Array = NDArray[np.float64]
HUGE = 1e30


def check_share(value: Any, what: str = "`f`") -> float:
    """Return a share of the training tokens, below 1, or say what is wrong."""
    share = check_number(value, what)
    if not 0 <= share < 1:
        raise InputError(f"{what} is a share of the training tokens, from 0 to below 1; got {share:g}.")
    return share


def check_values(value: Any, what: str, low: float = 0.0, high: float = HUGE) -> Array:
    """Return a number or a list of numbers, each between two bounds, as an array of its own shape."""
    try:
        array = np.asarray(value)
        found = array.astype(np.float64) if array.dtype.kind in "iuf" else None
    except (TypeError, ValueError, OverflowError):
        found = None
    if found is None:  # SymPy's numbers and others that know their value
        found = check_array(value, what, "[1, 2]") if np.ndim(value) else np.array(check_number(value, what))
    if not found.size:
        raise InputError(f"{what} is empty; give a number or a list of numbers.")
    wrong = ~((found >= low) & (found <= high))
    if wrong.any():
        raise InputError(f"{what} must lie between {low:g} and {high:g}; got {found[wrong].flat[0]:g}.")
    return found


def check_above(value: Any, what: str, high: float = HUGE) -> float:
    """Return a number above 0, or say what is wrong."""
    number = check_number(value, what)
    if not 0 < number <= high:
        raise InputError(f"{what} must be above 0 and at most {high:g}; got {number:g}.")
    return number


def plain(values: Any) -> Any:
    """Return an array without dimensions as a number."""
    array = np.asarray(values)
    return float(array) if array.ndim == 0 else array


def check_variances(value: Any, what: str) -> Array:
    """Return the eigenvalues of a covariance, all above 0, or say what is wrong."""
    found = check_array(value, what, "[1.0, 0.5]")
    if not found.size or not found.min() >= 1 / HUGE or not found.max() <= HUGE:
        raise InputError(f"{what} are eigenvalues of a covariance, from {1 / HUGE:g} to {HUGE:g}; got {shown(value)}.")
    return found
