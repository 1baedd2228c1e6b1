"""The programs of a model that belong together, compiled: they share one table of what parameters alone decide."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from minimodels.engine import steppers
from minimodels.engine.assembly import function, module
from minimodels.engine.bounds import Bounds
from minimodels.engine.graph import Graph
from minimodels.engine.leap import leap
from minimodels.engine.lowering import Lowering, once
from minimodels.engine.machine import Code

Floats = NDArray[np.float64]
Outputs = tuple[Sequence[int], Sequence[int]]  # rates of change, other results


class Kernel:
    """Machine code of some programs, for as long as this object lives.

    Parameters
    ----------
    g : Graph
    programs : mapping of str to (rates of change, other results)
        Values of the graph.
    parameters : int
        Columns of the parameter array.
    what : str
        What is compiled, for the one who waits.
    bounds : Bounds
        Of the states; their rows come first in the table.
    """

    def __init__(
        self, g: Graph, programs: Mapping[str, Outputs], parameters: int, what: str, bounds: Bounds | None = None
    ) -> None:
        bounds = bounds or Bounds(g, {})
        lower = Lowering(g).lower
        lowered = {name: (lower(changes), lower(others)) for name, (changes, others) in programs.items()}
        fixed = once(g, [a for changes, others in lowered.values() for a in (*changes, *others)])
        first, table = lower([a for _, a in bounds.rows]), [*(row for row, _ in bounds.rows), *fixed]
        given = [g.parameter(i) for i in range(parameters)]
        functions = {"prepare": function(g, "prepare", given, others=[*first, *fixed])}
        for name, (changes, others) in lowered.items():
            if name == "leap":
                made = leap(g, table, changes, others, bounds.limits)
            else:
                made = function(g, name, table, changes, others)
            if made is not None:
                functions[name] = made
        self.bounded = np.array(bounds.states, dtype=np.int64)
        self._code = Code(module(functions.values()), what)
        self.fingerprint = self._code.fingerprint
        self.address = {name: self._code.address(name) for name in functions}
        self.scratch = max(f.scratch for f in functions.values())
        self.width = {name: len(others) for name, (_, others) in lowered.items()} | {"prepare": len(table)}

    def table(self, par: Floats) -> Floats:
        """Return what the parameters (P, m) alone decide, (P, q)."""
        return self.evaluate("prepare", np.empty((len(par), 0)), par)

    def evaluate(self, name: str, y: Floats, table: Floats) -> Floats:
        """Return the other results of a program at states (P, n); a row of the table serves as many states in turn."""
        out = np.empty((len(y), self.width[name]))
        work = steppers.work(y.shape[1], table.shape[1], 0, self.scratch, more=out.shape[1])
        y, table = np.ascontiguousarray(y), np.ascontiguousarray(table)
        repeat = max(1, len(y) // max(1, len(table)))
        steppers.points().evaluate(self.address[name], self.scratch, y, table, repeat, work, out)
        return out
