"""Windows in time, of clamps and schedules: when a state is held, when a parameter has another value."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from minimodels.errors import InputError, by_name, check_number, shown, unknown

Window = tuple[float, float, float]  # value, from, until
Windows = float | Window | Sequence[float] | Sequence[Window]


def windows(
    given: Mapping[str, Any] | None, names: Sequence[str], what: str, kind: str
) -> dict[str, tuple[Window, ...]]:
    """Return the windows of every name, in order of time.

    What is given for a name is a value (for all times), one window ``(value, start, end)``, or a sequence of windows.

    Raises
    ------
    InputError
        For a name that is not among ``names``, windows that overlap or are none.
    """
    found = {}
    for key, value in by_name({} if given is None else given, f"`{what}`", "{'x': 0.5}").items():
        if key not in names:
            raise unknown(f"{kind} in {what}", key, names)
        several = _is_sequence(value) and any(map(_is_sequence, value))
        made = sorted((_window(w, f"{what}[{key!r}]") for w in (value if several else [value])), key=lambda w: w[1])
        for earlier, later in pairwise(made):
            if later[1] < earlier[2]:
                raise InputError(f"two windows of {what}[{key!r}] overlap: {earlier} and {later}.")
        found[key] = tuple(made)
    return found


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _window(given: Any, what: str) -> Window:
    try:
        value, *times = given if _is_sequence(given) else (given, 0.0, math.inf)
        start, end = map(float, times)
    except (TypeError, ValueError):
        start = end = math.nan
    if not 0 <= start < end:
        raise InputError(
            f"{what} must be a value or (value, start, end) with start < end, or several; got {shown(given)}."
        )
    return check_number(value, what), start, end
