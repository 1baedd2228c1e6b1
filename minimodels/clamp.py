"""Windows in time, of clamps and schedules: when something is held, when a parameter has another value.

One grammar for models, the induction head and networks: a value (for all times), a window ``(value, start, end)``, or
several of them. What is a value differs: a number, an expression of the parameters that a state is held at, or the name
of an attention pattern.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from minimodels.errors import InputError, by_name, check_number, shown, unknown

T = TypeVar("T")
Window = tuple[float, float, float]  # value, from, until
Windows = float | str | tuple[float | str, float, float] | Sequence[float] | Sequence[tuple[float | str, float, float]]


def windows(
    given: Mapping[str, Any] | None, names: Sequence[str], what: str, kind: str, example: str = "{'x': 0.5}"
) -> dict[str, tuple[Window, ...]]:
    """Return the windows of every name, with numbers for values; see `windows_of`."""
    return windows_of(given, names, what, kind, check_number, example)


def windows_of(
    given: Mapping[str, Any] | None, names: Sequence[str], what: str, kind: str, check: Callable[[Any, str], T],
    example: str,
) -> dict[str, tuple[tuple[T, float, float], ...]]:  # fmt: skip
    """Return the windows of every name, in order of time; ``check`` returns a value or says what is wrong with it.

    Raises
    ------
    InputError
        For a name that is not among ``names``, windows that overlap or are none.
    """
    found = {}
    for key, value in by_name({} if given is None else given, f"`{what}`", example).items():
        if key not in names:
            raise unknown(f"{kind} in {what}", key, names)
        several = _is_sequence(value) and any(map(_is_sequence, value))
        made = sorted(
            (_window(w, f"{what}[{key!r}]", check) for w in (value if several else [value])), key=lambda w: w[1]
        )
        for earlier, later in pairwise(made):
            if later[1] < earlier[2]:
                raise InputError(f"two windows of {what}[{key!r}] overlap: {earlier} and {later}.")
        found[key] = tuple(made)
    return found


def active(held: Mapping[str, Sequence[tuple[T, float, float]]], step: int) -> dict[str, T]:
    """Return the values that hold in a step, counted from 0."""
    return {key: value for key, found in held.items() for value, start, end in found if start <= step < end}


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _window(given: Any, what: str, check: Callable[[Any, str], T]) -> tuple[T, float, float]:
    try:
        value, *times = given if _is_sequence(given) else (given, 0.0, math.inf)
        if any(isinstance(time, str | bool) for time in times):
            raise TypeError
        start, end = map(float, times)
    except (TypeError, ValueError):
        start = end = math.nan
    if not 0 <= start < end:
        raise InputError(
            f"{what} must be a value or (value, start, end) with start < end, or several; got {shown(given)}."
        )
    return check(value, what), start, end
