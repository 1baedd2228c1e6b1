"""Names of a statement: which may be, and that none is given twice."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from minimodels.errors import InputError, shown

RESULTS = (  # names of results, and of their dimensions
    "loss", "time", "step", "seed", "status", "steps", "stop_time", "point", "crossing", "crossing_time",
    "crossing_event",
)  # fmt: skip
LONGEST = 250  # letters of a name


def check_name(name: Any) -> str:
    """Return the name of a model, or say what one is."""
    if not isinstance(name, str) or not name.isidentifier() or len(name) > LONGEST:
        raise InputError(f"a model's name must be a Python identifier of at most {LONGEST} letters; got {shown(name)}.")
    return name


def namespace(
    model: str, state: Sequence[str], parameters: Iterable[str], observables: Sequence[str], events: Iterable[str]
) -> dict[str, str]:
    """Return every name of a result, an axis or a kernel with what it is; two of one name are refused."""
    found = dict.fromkeys(RESULTS, "the name of a result")
    groups = [
        *((k, "a state") for k in state),
        *((k, "a parameter") for k in parameters),
        *((k, "an observable") for k in observables),
        *((f"{k}_0", f"the axis of initial values of {k!r}") for k in state),
        *((f"rate_{k}", f"the axis of rates of {k!r}") for k in state),
        *((f"{k}_at_crossing", f"the value of {k!r} at events") for k in (*state, *observables, "loss")),
    ]
    for name, what in groups:
        _add(found, name, what, model)
    for name in events:
        add_event(found, name, model)
    return found


def add_event(found: dict[str, str], name: str, model: str) -> None:
    """Add the names that come with an event."""
    _add(found, name, "an event", model)
    _add(found, f"{name}_censored", f"the mark of {name!r} not having happened, a result", model)


def _add(found: dict[str, str], name: str, what: str, model: str) -> None:
    proper = name.isidentifier() and unicodedata.normalize("NFKC", name) == name
    if not proper or len(name) > LONGEST + len("_at_crossing"):
        raise InputError(f"{shown(name)} cannot be the name of {what} of {model!r}; use letters, digits and _.")
    if name in found:
        raise InputError(f"{name!r} is both {found[name]} and {what} of {model!r}; rename one.")
    found[name] = what
