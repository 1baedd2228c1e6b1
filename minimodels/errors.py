"""One exception for bad input: one clear sentence, exit status 2 on the command line."""

from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral
from typing import Any


class InputError(ValueError):
    """Raised for input that cannot be right; its text is one sentence that says what to do."""


class RunFailed(RuntimeError):
    """Raised when a single run does not reach its end; its text says what to change."""


def unknown(kind: str, given: str, allowed: Iterable[str]) -> InputError:
    """Build the error for an unknown name, with the closest known one as a suggestion."""
    names = list(allowed)
    folded = {name.casefold(): name for name in reversed(names)}
    close = get_close_matches(given.casefold(), folded, n=1, cutoff=0.5)
    hint = f"did you mean {folded[close[0]]!r}?" if close else f"known: {', '.join(names) or 'none'}."
    return InputError(f"unknown {kind} {given!r}; {hint}")


def check_whole(value: Any, what: str, *, low: int, high: int | None = None) -> int:
    """Return ``value`` as a whole number within bounds, or say what is wrong."""
    allowed = f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high}"
    if not isinstance(value, Integral) or isinstance(value, bool):
        text = " ".join(repr(value).split())
        raise InputError(f"{what} must be {allowed}; got {text if len(text) <= 80 else text[:77] + '...'}.")
    number = int(value)
    if number < low or (high is not None and number > high):
        text = str(number) if abs(number) < 10**20 else "a number of more than 20 digits"
        raise InputError(f"{what} must be {allowed}; got {text}.")
    return number
