"""One exception for bad input: one clear sentence, exit status 2 on the command line."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class InputError(ValueError):
    """Raised for input that cannot be right; its text is one sentence that says what to do."""


class RunFailed(RuntimeError):
    """Raised when a single run does not reach its end; its text says what to change."""


def shown(value: Any) -> str:
    """Return a value as an error shows it, on one line, shortened."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def unknown(kind: str, given: Any, allowed: Iterable[str]) -> InputError:
    """Build the error for an unknown name, with the closest known one as a suggestion."""
    names = list(allowed)
    folded = {name.casefold(): name for name in reversed(names)}
    close = get_close_matches(given.casefold(), folded, n=1, cutoff=0.5) if isinstance(given, str) else []
    hint = f"did you mean {folded[close[0]]!r}?" if close else f"known: {', '.join(names) or 'none'}."
    what, of, where = kind.partition(" in ")  # unknown symbol 'x' in the drift
    return InputError(f"unknown {what} {shown(given)}{of}{where}; {hint}")


def check_whole(value: Any, what: str, low: int = 1, high: int = 2**63 - 1) -> int:
    """Return ``value``, of any integer type, if it is within bounds, or say what is wrong."""
    number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else low - 1
    if number > high:
        raise InputError(f"{what} must be at most {high}; got {shown(value)}.")
    if number < low:
        raise InputError(f"{what} must be a whole number of at least {low}; got {shown(value)}: use {low} or more.")
    return number


def check_steps(value: Any) -> int:
    """Return a number of steps, which may be written as 1e5."""
    whole = isinstance(value, float) and value.is_integer()
    return check_whole(int(value) if whole else value, "`steps`", high=2**53)


def check_choice(value: Any, what: str, allowed: Iterable[str]) -> str:
    """Return ``value`` if it is one of a few words, or say which there are."""
    words = tuple(allowed)
    if not (isinstance(value, str) and value in words):
        raise InputError(f"{what} must be one of {', '.join(map(repr, words))}; got {shown(value)}.")
    return value


def check_array(value: Any, what: str, example: str) -> NDArray[np.float64]:
    """Return a list of finite numbers as an array (n,), or say what it should look like."""
    try:
        array = np.asarray(value)
        numbers = array.astype(np.float64) if array.dtype.kind in "iufO" else np.zeros((0, 0))
    except (TypeError, ValueError, OverflowError):
        numbers = np.zeros((0, 0))
    if numbers.ndim != 1:
        raise InputError(f"{what} must be a list of numbers, as {example}; got {shown(value)}.")
    if not np.isfinite(numbers).all():
        raise InputError(f"{what} must be finite; it holds nan or infinity.")
    return numbers


def check_flag(value: Any, what: str) -> bool:
    """Return ``value`` if it is True or False, or say that it must be."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{what} must be True or False; got {shown(value)}.")
    return bool(value)


def check_path(value: Any, what: str) -> Path:
    """Return the path of a file, or say what is wrong with it."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{what} must be the path of a file; got {shown(value)}.")
    path = Path(value)
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except (OSError, ValueError) as error:  # too long, or with a character that no file's name has
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{what} cannot be {shown(str(path))} ({reason}); choose another.") from error
    return path


def check_names(value: Any, what: str) -> list[str]:
    """Return a list of names, or say that it must be one."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise InputError(f"{what} must be a list of names; got {shown(value)}.")
    return list(value)


def check_memory(size: float, what: str) -> None:
    """Refuse what would not fit into this machine's memory, before any work is done for it; ``size`` in bytes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**40
    if size > memory // 2:
        raise InputError(
            f"{what} would take {size / 1e9:.3g} GB, and there are {memory / 1e9:.3g} GB of memory: ask for less at a "
            "time, fewer points, results or saved times."
        )


def by_name(value: Any, what: str, example: str) -> dict[str, Any]:
    """Return a mapping from names as a dictionary, or say what it should look like."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{what} is a dictionary with names as keys, as {example}; got {shown(value)}.")
    return dict(value)


def check_number(value: Any, what: str) -> float:
    """Return ``value`` as a finite float, or say what is wrong."""
    if isinstance(value, str | bool | np.bool_):
        raise InputError(f"{what} must be a number; got {shown(value)}.")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{what} must be a number; got {shown(value)}.") from error
    if not math.isfinite(number):
        raise InputError(f"{what} must be finite; got {shown(value)}.")
    return number


def check_positive(value: Any, what: str) -> float:
    """Return ``value`` as a finite float above zero, or say what is wrong."""
    number = check_number(value, what)
    if number <= 0:
        raise InputError(f"{what} must be positive; got {number:g}.")
    return number


def check_between(value: Any, what: str, low: float, high: float) -> float:
    """Return ``value`` as a finite float between two bounds, or say what is wrong."""
    number = check_number(value, what)
    if not low <= number <= high:
        raise InputError(f"{what} must lie between {low:g} and {high:g}; got {number:g}.")
    return number


def check_list(values: Any, what: str, example: str) -> list[Any]:
    """Return the members of a list that is not empty, or say what it should look like."""
    if isinstance(values, str | bytes | Mapping) or getattr(values, "ndim", 1) == 0 or not isinstance(values, Iterable):
        raise InputError(f"{what} is a list, as {example}; got {shown(values)}.")
    found = list(values)
    if not found:
        raise InputError(f"{what} is empty; give a list, as {example}.")
    return found


def check_numbers(values: Any, what: str, low: float, high: float) -> NDArray[np.float64]:
    """Return a list of numbers, each between two bounds, as an array (n,)."""
    found = check_list(values, what, "[1, 2]")
    return np.array([check_between(v, f"every number of {what}", low, high) for v in found], dtype=np.float64)


def numbers_by_name(
    given: Any,
    what: str,
    names: Sequence[str],
    *,
    kind: str = "name",
    example: str | None = None,
    low: float = -math.inf,
    high: float = math.inf,
) -> dict[str, float]:
    """Return numbers given by name (None: none), each between two bounds; other names are refused."""
    example = f"{{{names[-1]!r}: 0.1}}" if example is None else example
    found = by_name({} if given is None else given, f"`{what}`", example)
    for name in found:
        if name not in names:
            raise unknown(f"{kind} in {what}", name, names)
    return {name: check_between(value, f"{what}[{name!r}]", low, high) for name, value in found.items()}


def check_setting(value: Any, what: str) -> None:
    """Refuse what is neither a word nor a finite number nor True or False."""
    if isinstance(value, str | bool):
        return
    if not isinstance(value, Real):
        raise InputError(f"{what} is a word, a number, True or False; got {shown(value)}.")
    check_number(value, what)
