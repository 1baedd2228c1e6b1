"""Write a program in LLVM's assembly: eight lanes an instruction, in loops over the lanes.

A program is a function ``f(y, k, out, table, scratch, lanes)`` of rows of `LANES` doubles, a column a trajectory:

===========  ========================================================================
``y``        states, number i in row ``i*ROWS``
``k``        rates of change, spaced likewise
``out``      other results, row by row
``table``    what parameters alone decide, row by row
``scratch``  rows of its own
===========  ========================================================================
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from minimodels.engine import lane_math
from minimodels.engine.graph import CONDITIONS, Graph
from minimodels.engine.stepper.layout import LANES, ROWS
from minimodels.engine.values import BITS, DOUBLES, WIDTH, Block, Operand, Value, text, where

# Long dependent chains leave the processor waiting: in short loops, independent lanes overlap.
STRETCH = 28
STRETCHES = 100  # at most: every loop costs time to compile
COST = {"exp": 22, "decay": 20, "log": 30, "log1p": 36, "inv": 4, "sqrt": 4}
LIBRARY = {
    **dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh"), 1),
    **dict.fromkeys(("atanh", "erf", "erfc", "tgamma", "lgamma"), 1),
    **dict.fromkeys(("pow", "atan2"), 2),
}
INTRINSICS = {"abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil"}
POINTERS = ("y", "k", "out", "table", "scratch")


@dataclass(frozen=True)
class Function:
    """The text of a program, and how many rows of scratch it needs."""

    text: str
    scratch: int


class Writer:
    """Writes one program: which value lies where, and in which loop it is computed."""

    def __init__(self, g: Graph, table: Sequence[int], outputs: Sequence[int]) -> None:
        self.g = g
        self.table = {a: row for row, a in enumerate(table)}
        order = g.reachable(outputs, self.table)
        uses = Counter([*outputs, *(b for a in order for b in g.arguments(a))])
        # a product with 1/b that nothing else needs is a division
        self.divisors = {
            b: g.arguments(b)[0]
            for a in order if g.nodes[a][0] == "mul"
            for b in g.arguments(a) if g.nodes[b][0] == "inv" and uses[b] == 1 and b not in self.table
        }  # fmt: skip
        for a in order:  # one division is enough
            if g.nodes[a][0] == "mul" and all(b in self.divisors for b in g.arguments(a)):
                del self.divisors[g.arguments(a)[0]]
        skipped = ("number", "state", *CONDITIONS)
        self.stretches = self.cut([a for a in order if g.nodes[a][0] not in skipped and a not in self.divisors])
        self.computed = {a for stretch in self.stretches for a in stretch}
        self.scratch = self.placed()

    def needs(self, a: int) -> Iterator[int]:
        """Yield the values that computing ``a`` reads; conditions are formed where they are needed."""
        for b in self.g.arguments(a):
            if b in self.divisors:
                yield self.divisors[b]
            elif self.g.nodes[b][0] in CONDITIONS:
                yield from self.needs(b)
            else:
                yield b

    def cut(self, order: Sequence[int]) -> list[list[int]]:
        """Return the computation in stretches of about equal cost."""
        costs = [COST.get(str(self.g.nodes[a][0]), 1) for a in order]
        whole = max(1, sum(costs))
        count = max(1, round(whole / max(STRETCH, whole // STRETCHES)))
        stretches: list[list[int]] = [[] for _ in range(count)]
        spent = 0
        for a, cost in zip(order, costs, strict=True):
            stretches[spent * count // whole].append(a)
            spent += cost
        return [s for s in stretches if s]

    def placed(self) -> dict[int, int]:
        """Return the scratch row of every value that a later stretch reads; rows are used again."""
        made = {a: number for number, stretch in enumerate(self.stretches) for a in stretch}
        last: dict[int, int] = {}
        for number, stretch in enumerate(self.stretches):
            for a in stretch:
                last |= {b: number for b in self.needs(a) if made.get(b, number) < number}
        rows: dict[int, int] = {}
        free: list[int] = []
        ending: dict[int, list[int]] = {}
        self.rows = 0
        for number, stretch in enumerate(self.stretches):
            for a in stretch:
                if a in last:
                    if not free:
                        free.append(self.rows)
                        self.rows += 1
                    rows[a] = free.pop()
                    ending.setdefault(last[a], []).append(rows[a])
            free += ending.get(number, [])
        return rows


class Body:
    """The instructions of one loop over the lanes."""

    def __init__(self, writer: Writer, prefix: str) -> None:
        self.writer, self.g = writer, writer.g
        self.block = Block(prefix)
        self.values: dict[int, Value] = {}

    def operand(self, a: int) -> Operand:
        """Return a value: a number, what was computed here, or what is loaded."""
        operation, *rest = self.g.nodes[a]
        if operation == "number":
            return float(rest[0])  # type: ignore[arg-type]
        if a not in self.values:
            if a in self.writer.table:
                self.values[a] = self.load("table", self.writer.table[a])
            elif operation == "state":
                self.values[a] = self.load("y", int(rest[0]) * ROWS)  # type: ignore[call-overload]
            elif operation in CONDITIONS:
                self.compute(a)
            else:
                self.values[a] = self.load("scratch", self.writer.scratch[a])
        return self.values[a]

    def place(self, pointer: str, row: int) -> str:
        """Return the address of a row in these lanes."""
        return self.block.put("ptr", f"getelementptr double, ptr %{self.block.prefix}{pointer}, i64 {row * LANES}").name

    def load(self, pointer: str, row: int) -> Value:
        """Return a row."""
        return self.block.put(DOUBLES, f"load {DOUBLES}, ptr {self.place(pointer, row)}, align 8")

    def store(self, a: int, pointer: str, row: int) -> None:
        """Write a value to a row."""
        x = text(self.operand(a), DOUBLES)
        self.block.lines.append(f"  store {DOUBLES} {x}, ptr {self.place(pointer, row)}, align 8")

    def compute(self, a: int) -> None:
        """Write the instructions of a value."""
        operation = str(self.g.nodes[a][0])
        arguments = self.g.arguments(a)
        for b, other in (arguments, arguments[::-1]) if operation == "mul" else ():
            if b in self.writer.divisors:
                self.values[a] = self.result("div", [self.operand(other), self.operand(self.writer.divisors[b])])
                return
        self.values[a] = self.result(operation, [self.operand(b) for b in arguments])

    def result(self, operation: str, x: Sequence[Operand]) -> Value:
        """Return the result of an operation on operands."""
        block = self.block
        match operation:
            case "add" | "sub" | "mul" | "div":
                return block.two(f"f{operation} contract", DOUBLES, *x)
            case "neg":
                return block.put(DOUBLES, f"fneg {DOUBLES} {text(x[0], DOUBLES)}")
            case "inv":
                return block.two("fdiv contract", DOUBLES, 1.0, *x)
            case "max" | "min":
                relation = "ogt" if operation == "max" else "olt"
                return where(block.two(f"fcmp {relation}", DOUBLES, *x, returns=BITS), *x)
            case "select":
                return where(*x)  # type: ignore[arg-type]
            case "and" | "or":
                return block.two(operation, BITS, *x)
            case "exp" | "decay" | "log" | "log1p":
                # a number comes in a register too
                argument = x[0] if isinstance(x[0], Value) else block.two("fadd", DOUBLES, 0.0, x[0])
                function: Callable[[Value], Value] = getattr(lane_math, operation)
                return function(argument)
        if operation in CONDITIONS:
            return block.two(f"fcmp {operation}", DOUBLES, *x, returns=BITS)
        name = f"@llvm.{INTRINSICS[operation]}.v{WIDTH}f64" if operation in INTRINSICS else f"@{operation}_lanes"
        return block.put(DOUBLES, f"call {DOUBLES} {name}({', '.join(f'{DOUBLES} {text(v, DOUBLES)}' for v in x)})")

    def lines(self, following: str) -> list[str]:
        """Return the loop around the instructions."""
        p = self.block.prefix
        head = [f"{p}loop:", f"  %{p}lane = phi i64 [0, %{p}entry], [%{p}next, %{p}loop]"]
        head += [f"  %{p}{name} = getelementptr double, ptr %{name}, i64 %{p}lane" for name in POINTERS]
        tail = [f"  %{p}next = add i64 %{p}lane, {WIDTH}", f"  %{p}more = icmp ult i64 %{p}next, %lanes"]
        jump = f"  br i1 %{p}more, label %{p}loop, label %{following}"
        return [f"{p}entry:", f"  br label %{p}loop", *head, *self.block.lines, *tail, jump]


def function(
    g: Graph, name: str, table: Sequence[int], changes: Sequence[int] = (), others: Sequence[int] = ()
) -> Function:
    """Return the program that computes rates of change and other results from states and ``table``."""
    writer = Writer(g, table, [*changes, *others])
    targets: dict[int, list[tuple[str, int]]] = {}
    for pointer, spacing, outputs in (("k", ROWS, changes), ("out", 1, others)):
        for row, a in enumerate(outputs):
            targets.setdefault(a, []).append((pointer, row * spacing))
    for a, row in writer.scratch.items():
        targets.setdefault(a, []).append(("scratch", row))
    bodies: list[Body] = []
    for stretch in [*writer.stretches, [a for a in targets if a not in writer.computed]]:
        body = Body(writer, f"l{len(bodies)}_")
        for a in stretch:
            if a in writer.computed:
                body.compute(a)
            for pointer, row in targets.get(a, ()):
                body.store(a, pointer, row)
        if stretch:
            bodies.append(body)
    labels = [*(f"{body.block.prefix}entry" for body in bodies), "end"]
    lines = [
        f"define void @{name}({', '.join(f'ptr %{p}' for p in POINTERS)}, i64 %lanes) {{",
        f"  br label %{labels[0]}",
    ]
    for body, following in zip(bodies, labels[1:], strict=True):
        lines += body.lines(following)
    return Function("\n".join([*lines, "end:", "  ret void", "}"]), writer.rows)


def module(functions: Iterable[Function]) -> str:
    """Return the text of a module: declarations of what the programs call, then the programs."""
    texts = [f.text for f in functions]
    called = sorted({name for t in texts for name in re.findall(r"@([\w.]+)\(", t)})
    declared = []
    for name in called:
        if name.startswith("llvm.vector.reduce"):
            declared.append(f"declare double @{name}({DOUBLES})")
        elif name.startswith("llvm."):
            declared.append(f"declare {DOUBLES} @{name}({DOUBLES})")
        elif name.endswith("_lanes"):
            declared.append(one_by_one(name.removesuffix("_lanes")))
    return "\n\n".join([*declared, *texts]) + "\n"


def one_by_one(name: str) -> str:
    """Return the function that calls the mathematical library lane by lane."""
    count = LIBRARY[name]
    inputs = [f"%x{i}" for i in range(count)]
    lines = [
        f"declare double @{name}({', '.join(['double'] * count)})",
        f"define internal {DOUBLES} @{name}_lanes({', '.join(f'{DOUBLES} {x}' for x in inputs)}) {{",
    ]
    result = f"{DOUBLES} poison"
    for lane in range(WIDTH):
        parts = [f"{x}_{lane}" for x in inputs]
        lines += [f"  {p} = extractelement {DOUBLES} {x}, i64 {lane}" for p, x in zip(parts, inputs, strict=True)]
        lines.append(f"  %y{lane} = call double @{name}({', '.join(f'double {p}' for p in parts)})")
        lines.append(f"  %z{lane} = insertelement {result}, double %y{lane}, i64 {lane}")
        result = f"{DOUBLES} %z{lane}"
    return "\n".join([*lines, f"  ret {result}", "}"])
