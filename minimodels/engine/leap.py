"""Write the program that iterates a map: steps in registers, until one of them needs attention.

A program ``leap(y, k, out, table, scratch, lanes)`` takes two groups of lanes at a time, so that the processor has
something to do while one of them waits for its results. ``y`` are the rows of the states (`stepper.layout`), ``k`` the
clock, ``out`` the rows of the events from ``old`` on. In every lane it starts at the next state, in row K1, and goes on
until, in any lane of the two groups, the level of an event that is pending may cross zero, a state or a change is not
finite, or the steps are done that MOVED allows (infinitely many: nobody is in the lane). It leaves that last step as a
proposal: its start in Y, its end in YN, the change there in KN and the state after in K1, the levels before and after
it, and the time and the number of steps before it. A state that would be beyond a bound is put on it. Every step of a
trajectory is made by the same instructions, so that no bit depends on where leaps begin and end.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from minimodels.engine.assembly import POINTERS, Body, Function, Writer
from minimodels.engine.bounds import Limits
from minimodels.engine.graph import Graph
from minimodels.engine.stepper import layout
from minimodels.engine.stepper.layout import LANES, ROWS
from minimodels.engine.values import BITS, DOUBLES, WIDTH, Value, where

LONGEST = 4096  # steps at a time, so that an interrupt is heard
LARGE = 2000  # instructions from which a map is iterated step by step
TWINS = 2
Outputs = tuple[Sequence[int], Sequence[int]]


def row(place: "np.signedinteger[Any]") -> int:
    """Return the number of a row of state 0, or of the clock."""
    return int(place) // LANES - (layout.CLOCK if place >= layout.Y else 0)


class Twin(Body):
    """One of the groups of lanes: what is loaded before its steps, what a step computes, what is stored after them."""

    def __init__(
        self, writer: Writer, prefix: str, states: Sequence[int], outputs: Outputs, limits: Mapping[int, Limits]
    ) -> None:
        super().__init__(writer, prefix)
        self.states, (self.changes, self.levels), self.limits = states, outputs, limits
        self.parts: list[list[str]] = []

    def part(self) -> None:
        """End a part of the text."""
        self.parts.append(self.block.lines[sum(map(len, self.parts)) :])

    def before(self) -> Value:
        """Load the next state and the one behind it, levels and events; return the steps that are allowed."""
        m = len(self.levels)
        self.first = [
            *(self.load("y", i * ROWS + row(layout.K1)) for i in range(len(self.states))),
            *(self.load("y", i * ROWS + row(layout.Y)) for i in range(len(self.states))),
            *(self.load("out", 2 * j) for j in range(m)),
        ]
        self.wanted = [self.load("out", 4 * m + 2 * j) for j in range(m)]
        self.pending = [self.load("out", 6 * m + j) > 0.0 for j in range(m)]
        left = self.load("k", row(layout.MOVED))
        self.someone = left < float("inf")
        self.part()
        return left

    def value(self, a: int) -> Value:
        """Return a value in a register, numbers too."""
        x = self.operand(a)
        return x if isinstance(x, Value) else self.block.two("fadd", DOUBLES, 0.0, x)

    def step(self) -> Value:
        """Compute a step, and return where it needs attention."""
        n, p = len(self.states), self.block.prefix
        here, behind, known = (
            [Value(self.block, DOUBLES, f"%{p}{kind}{i}") for i in range(count)]
            for kind, count in (("x", n), ("y", n), ("g", len(self.levels)))
        )
        self.carried = [*here, *behind, *known]
        self.values |= dict(zip(self.states, here, strict=True))
        for stretch in self.writer.stretches:
            for a in stretch:
                self.compute(a)
        changes = [self.value(a) for a in self.changes]
        after = [x + k for x, k in zip(here, changes, strict=True)]
        for i, (low, high) in self.limits.items():
            for bound, relation in ((low, "ogt"), (high, "olt")):
                if bound is not None:
                    b = self.value(bound)
                    after[i] = where(b.compare(relation, after[i]), b, after[i])
            changes[i] = after[i] - here[i]
        levels = [self.value(a) - wanted for a, wanted in zip(self.levels, self.wanted, strict=True)]
        whole = reduce(lambda a, b: a + b, after)
        nothing = self.block.two("fsub", DOUBLES, whole, whole)  # nan unless all is finite
        odd = self.block.two("fcmp uno", DOUBLES, nothing, nothing, returns=BITS)
        stop = self.block.two("and", BITS, odd, self.someone)
        for old, new, pending in zip(known, levels, self.pending, strict=True):
            close = self.block.two("and", BITS, (old * new).compare("ole", 0.0), pending)
            stop = self.block.two("or", BITS, stop, close)
        self.following = [*after, *here, *levels]
        self.proposed = [*zip(here, changes, after, behind, strict=True)], [*zip(known, levels, strict=True)]
        self.part()
        return stop

    def phis(self) -> list[str]:
        """Return what goes from step to step."""
        rows = zip(self.carried, self.first, self.following, strict=True)
        return [f"  {x.name} = phi {DOUBLES} [{a.name}, %group], [{b.name}, %step]" for x, a, b in rows]

    def after(self) -> None:
        """Store the last step as a proposal, and the clock before it."""
        states, levels = self.proposed
        for i, (here, change, following, behind) in enumerate(states):
            places = ((layout.YN, here), (layout.KN, change), (layout.K1, following), (layout.Y, behind))
            for place, x in places:
                self.write(x, "y", i * ROWS + row(place))
        for j, (old, new) in enumerate(levels):
            self.write(old, "out", 2 * j)
            self.write(new, "out", 2 * (len(levels) + j))
        for place in (layout.T, layout.STEPS):
            self.write(self.load("k", row(place)) + Value(self.block, DOUBLES, "%passed"), "k", row(place))
        self.part()

    def write(self, x: Value, pointer: str, place: int) -> None:
        """Store a value that may be nowhere in the graph."""
        self.block.lines.append(f"  store {DOUBLES} {x.name}, ptr {self.place(pointer, place)}, align 8")


def leap(
    g: Graph, table: Sequence[int], changes: Sequence[int], levels: Sequence[int], limits: Mapping[int, Limits]
) -> Function | None:
    """Return the program for a map's changes, the levels of its events and bounds; none if it is too large for that."""
    writer = Writer(g, table, [*changes, *levels])
    if len(writer.computed) > LARGE:
        return None
    states = [g.state(i) for i in range(len(changes))]
    twins = [Twin(writer, f"t{number}_", states, (changes, levels), limits) for number in range(TWINS)]
    left = [twin.before() for twin in twins]
    stops = [twin.step() for twin in twins]
    for twin in twins:
        twin.after()
    lines = [
        f"define void @leap({', '.join(f'ptr %{p}' for p in POINTERS)}, i64 %lanes) {{",
        "  br label %group",
        "group:",
        "  %lane = phi i64 [0, %0], [%next, %done]",
        *(
            line
            for number, twin in enumerate(twins)
            for line in (
                f"  %t{number}_lane = add i64 %lane, {number * WIDTH}",
                *(f"  %t{number}_{p} = getelementptr double, ptr %{p}, i64 %t{number}_lane" for p in POINTERS),
                *twin.parts[0],
                f"  %least{number} = call double @llvm.vector.reduce.fmin.v{WIDTH}f64({DOUBLES} {left[number].name})",
            )
        ),
        f"  %fewer = fcmp olt double %least0, %least{TWINS - 1}",
        f"  %least = select i1 %fewer, double %least0, double %least{TWINS - 1}",
        f"  %bounded = fcmp olt double %least, {float(LONGEST)}",
        f"  %allowed = select i1 %bounded, double %least, double {float(LONGEST)}",
        "  %most = fptosi double %allowed to i64",
        "  br label %step",
        "step:",
        "  %count = phi i64 [1, %group], [%more, %step]",
        *(line for twin in twins for line in twin.phis()),
        *(line for twin in twins for line in twin.parts[1]),
        f"  %look = or {BITS} {stops[0].name}, {stops[-1].name}",
        f"  %bits = bitcast {BITS} %look to i{WIDTH}",
        f"  %seen = icmp ne i{WIDTH} %bits, 0",
        "  %over = icmp sge i64 %count, %most",
        "  %stop = or i1 %seen, %over",
        "  %more = add i64 %count, 1",
        "  br i1 %stop, label %done, label %step",
        "done:",
        "  %before = sub i64 %count, 1",
        "  %number = sitofp i64 %before to double",
        f"  %one = insertelement {DOUBLES} poison, double %number, i64 0",
        f"  %passed = shufflevector {DOUBLES} %one, {DOUBLES} poison, <{WIDTH} x i32> zeroinitializer",
        *(line for twin in twins for line in twin.parts[2]),
        f"  %next = add i64 %lane, {TWINS * WIDTH}",
        "  %go = icmp ult i64 %next, %lanes",
        "  br i1 %go, label %group, label %end",
        "end:",
        "  ret void",
        "}",
    ]
    return Function("\n".join(lines), 0)
