"""One exception for bad input: one clear sentence, exit status 2 on the command line."""

from collections.abc import Iterable
from difflib import get_close_matches


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
