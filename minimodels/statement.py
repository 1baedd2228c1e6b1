"""What a statement is made of: parameters, states, events, conditions, and the mark that tells one from another."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias
from uuid import uuid4
from weakref import WeakValueDictionary

import numpy as np
import sympy as sp

from minimodels.errors import InputError, shown

Statement: TypeAlias = "sp.Expr | str | float"


@dataclass(frozen=True)
class Parameter:
    """A real parameter: default, meaning, and the closed interval it may lie in.

    The default may be an expression of parameters stated before it (``M`` follows ``N``).
    """

    default: float | str
    meaning: str = ""
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class State:
    """A state variable: its initial value and its meaning."""

    init: float
    meaning: str = ""


@dataclass(frozen=True)
class Event:
    """The crossing of ``expr`` through ``level``; direction +1 up, -1 down, 0 either way."""

    expr: Statement
    level: float = 0.0
    direction: int = 1

    def __post_init__(self) -> None:
        whole = isinstance(self.direction, int | np.integer) and not isinstance(self.direction, bool)
        if not whole or self.direction not in (-1, 0, 1):
            raise InputError(f"an event's direction is +1 (up), -1 (down) or 0 (either); got {shown(self.direction)}.")


@dataclass(frozen=True)
class Constraint:
    """A condition ``expr >= 0`` on the parameters, with the sentence that says what to do."""

    expr: Statement
    sentence: str


class Identity:
    """Tells which models are one statement: copies with other values and rates share it, in other processes too."""

    known: ClassVar["WeakValueDictionary[str, Identity]"] = WeakValueDictionary()
    recent: ClassVar["deque[Identity]"] = deque(maxlen=8)  # of those that came from another process

    def __init__(self, token: str | None = None) -> None:
        self.token = token or uuid4().hex
        self.known[self.token] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return Identity.of, (self.token,)

    @classmethod
    def of(cls, token: str) -> "Identity":
        """Return the identity with a token; what was compiled for it a moment ago is still there."""
        found = cls.known.get(token) or cls(token)
        cls.recent.append(found)
        return found
