"""The methods of integration, a file each: found, not listed. The name of the file is that of the method.

A file defines what every other does, and may use the rows K1 to K7 of every state for its stages:

==========================  ==========================================================================================
``ADAPTIVE``                whether it chooses its steps by their errors
``IMPLICIT``                whether it needs the Jacobian
``DISCRETE``                whether it iterates a map, so that time counts its steps
``SAFETY``, ``EXPONENT``,   PI control (Hairer & Wanner, Solving ODEs II, IV.2): safety, exponents of this error and of
``MEMORY``, ``ORDER``       the one before, and of a refused or a first step; read if it is adaptive
``step(a, lanes, p)``       propose YN from Y and K0 in all lanes, with the programs ``p`` of a model
``error(x, h, w)``          the estimated error of one state, once KN is known; if it is not adaptive 0, or nan if
                            anything is not finite
``dense(x, h, w, at)``      one state at ``at`` in [0, 1] of the step
==========================  ==========================================================================================
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Method(NamedTuple):
    """What is known of a method outside of the steppers."""

    name: str
    adaptive: bool
    implicit: bool
    discrete: bool

    @property
    def fixed(self) -> bool:
        """Whether it takes steps of a given size."""
        return not (self.adaptive or self.discrete)


@cache
def methods() -> dict[str, Method]:
    """Return the methods by name. Their files are read and not imported, which would load Numba."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        facts = dict(re.findall(r"^([A-Z]+) = (True|False)\b", path.read_text(encoding="utf-8"), re.MULTILINE))
        found[path.stem] = Method(path.stem, *(facts[fact.upper()] == "True" for fact in Method._fields[1:]))
    return found
