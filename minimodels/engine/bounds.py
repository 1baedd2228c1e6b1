"""Bounds of states in the programs of a flow or a map.

Of every bounded state the table begins with rows that the stepper reads and changes (`stepper.box`): its bounds,
whether it is free, where the programs stop to follow it, and which state it is. A flow has a level more for each, its
*switch*, positive until the state changes between free and held: of a free state the room that is left to its bounds,
of a held one how hard the drift pushes outwards.
"""

import math
from collections.abc import Mapping, Sequence

from minimodels.engine.calculus import tangents
from minimodels.engine.graph import Graph
from minimodels.engine.stepper.layout import BOX

Limits = tuple[int | None, int | None]  # values of the graph; None where there is no bound


class Bounds:
    """The bounds of some states: number of a state -> lower and upper bound."""

    def __init__(self, g: Graph, limits: Mapping[int, Limits]) -> None:
        self.g = g
        self.states = list(limits)
        self.rows: list[tuple[int, int]] = []  # a row, and what it is at first
        self.limits: dict[int, Limits] = {}
        self.free: dict[int, int] = {}
        self.followed: dict[int, Limits] = {}
        for number, (state, (low, high)) in enumerate(limits.items()):
            first = [low, high, g.number(1), None, None, g.number(state)]
            infinite = [-math.inf, math.inf, 0.0, -math.inf, math.inf, 0.0]
            rows = [g.row(BOX * number + i) for i in range(BOX)]
            initial = [g.number(far) if a is None else a for a, far in zip(first, infinite, strict=True)]
            self.rows += zip(rows, initial, strict=True)
            below, above = low is not None, high is not None
            self.limits[state] = (rows[0] if below else None, rows[1] if above else None)
            self.free[state] = rows[2]
            self.followed[state] = (rows[3] if below else None, rows[4] if above else None)

    def seen(self, i: int) -> int:
        """Return a state as the programs see it: followed beyond its bounds, unless the stepper forbids that."""
        g, x = self.g, self.g.state(i)
        below, above = self.followed.get(i, (None, None))
        x = x if below is None else g.node("max", below, x)  # in this order nan stays nan
        return x if above is None else g.node("min", above, x)

    def held(self, drift: Sequence[int]) -> list[int]:
        """Return the drift with that of held states 0."""
        return [self.g.mul(self.free[i], f) if i in self.free else f for i, f in enumerate(drift)]

    def switches(self, drift: Sequence[int]) -> list[tuple[int, int]]:
        """Return level and slope of the switch of every bounded state, by the drift that knows of no bounds."""
        g, moves = self.g, self.held(drift)
        seen = [self.seen(i) for i in range(len(drift))]
        found = []
        for i, (low, high) in self.limits.items():
            x, up, down = g.state(i), g.number(1), g.number(-1)
            if low is None or high is None:
                side = up if low is None else down
                room = g.sub(x, low) if low is not None else g.sub(high, x)  # type: ignore[arg-type]
                gain = g.neg(side)
            else:
                left, right = g.sub(x, low), g.sub(high, x)
                side = g.select(g.compare("olt", left, right), down, up)
                room, gain = g.mul(left, right), g.sub(right, left)
            push = g.mul(side, drift[i])
            change = g.total([g.mul(d, k) for d, k in zip(tangents(g, [push], seen)[0], moves, strict=True)])
            free = g.compare("ogt", self.free[i], g.number(0))
            found.append((g.select(free, room, push), g.select(free, g.mul(gain, moves[i]), change)))
        return found
