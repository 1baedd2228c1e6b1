"""The settings of trainings in words: what is common once, what varies as lists, what is usual not at all."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

ROWS = 6  # combinations that are written out; of more the values of each setting are


class Setting(NamedTuple):
    """A value, and whether it is the usual one, which is not said where all have it."""

    value: Any
    usual: bool = False


def in_words(settings: Sequence[Mapping[str, Setting]]) -> str:
    """Return the settings of several trainings as one line.

    Examples
    --------
    >>> each = [{"N": Setting(n), "L": Setting(8), "B": Setting(1, usual=True), "steps": Setting(40)} for n in (2, 4)]
    >>> in_words(each)
    'N = 2, 4; L = 8, 40 steps'
    >>> in_words([{"N": Setting(2), "L": Setting(8)}, {"N": Setting(4), "L": Setting(16)}])
    '(N, L) = (2, 8), (4, 16)'
    """
    names = list(dict.fromkeys(name for each in settings for name in each))
    columns = {name: [_text(each[name].value) if name in each else "none" for each in settings] for name in names}
    varying = [name for name in names if len(set(columns[name])) > 1]
    rows = list(dict.fromkeys(zip(*(columns[name] for name in varying), strict=True)))
    apart = [list(dict.fromkeys(columns[name])) for name in varying]
    parts = [f"{name} = {_listed(values)}" for name, values in zip(varying, apart, strict=True)]
    if len(varying) > 1 and set(product(*apart)) != set(rows):
        written = ", ".join(f"({', '.join(row)})" for row in rows)
        few = [f"({', '.join(varying)}) = {written}"]
        parts = few if len(rows) <= ROWS else [f"{len(rows)} of {parts[0]}", *parts[1:]]
    said = [name for name in names if name not in varying and not all(name in e and e[name].usual for e in settings)]
    common = [_clause(name, columns[name][0]) for name in said]
    return "; ".join([*parts, *([", ".join(common)] if common else [])])


def _listed(values: list[str]) -> str:
    numbers = sorted(float(v) for v in values if v.replace(".", "", 1).isdigit())
    if len(values) > ROWS and len(numbers) == len(values):
        return f"{numbers[0]:g} to {numbers[-1]:g}"
    return ", ".join(values)


def _clause(name: str, value: str) -> str:
    if name in ("network", "optimiser", "head"):
        return value
    if name in ("steps", "seeds"):
        return f"{value} {name if value != '1' else name[:-1]}"
    return f"{name} {value}" if name in ("batch", "before") else f"{name} = {value}"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
