"""Values in eight lanes, and the LLVM instructions that arithmetic on them writes."""

import struct
from typing import Union

WIDTH = 8
DOUBLES, INTEGERS, BITS = (f"<{WIDTH} x {t}>" for t in ("double", "i64", "i1"))
Operand = Union["Value", float]


class Block:
    """Instructions, one a line, each result named once."""

    def __init__(self, prefix: str) -> None:
        self.lines: list[str] = []
        self.prefix = prefix

    def put(self, kind: str, text: str) -> "Value":
        """Write an instruction and return its result."""
        name = f"%{self.prefix}{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, kind, name)

    def two(self, operation: str, kind: str, a: "Operand", b: "Operand", *, returns: str | None = None) -> "Value":
        """Write an instruction on two operands of a kind."""
        return self.put(returns or kind, f"{operation} {kind} {text(a, kind)}, {text(b, kind)}")


class Value:
    """The result of an instruction in eight lanes: doubles, integers or conditions."""

    __slots__ = ("block", "kind", "name")

    def __init__(self, block: Block, kind: str, name: str) -> None:
        self.block, self.kind, self.name = block, kind, name

    def _two(self, operation: str, a: Operand, b: Operand) -> "Value":
        operation = f"f{operation} contract" if self.kind == DOUBLES else operation
        return self.block.two(operation, self.kind, a, b)

    def __add__(self, other: Operand) -> "Value":
        return self._two("add", self, other)

    def __radd__(self, other: float) -> "Value":
        return self._two("add", other, self)

    def __sub__(self, other: Operand) -> "Value":
        return self._two("sub", self, other)

    def __rsub__(self, other: float) -> "Value":
        return self._two("sub", other, self)

    def __mul__(self, other: Operand) -> "Value":
        return self._two("mul", self, other)

    def __rmul__(self, other: float) -> "Value":
        return self._two("mul", other, self)

    def __truediv__(self, other: Operand) -> "Value":
        return self._two("div", self, other)

    def __rtruediv__(self, other: float) -> "Value":
        return self._two("div", other, self)

    def __neg__(self) -> "Value":
        return self.block.put(self.kind, f"fneg {self.kind} {self.name}")

    def __lshift__(self, places: int) -> "Value":
        return self._two("shl", self, places)

    def __rshift__(self, places: int) -> "Value":
        return self._two("ashr", self, places)

    def __gt__(self, other: Operand) -> "Value":
        return self.compare("ogt", other)

    def __ge__(self, other: Operand) -> "Value":
        return self.compare("oge", other)

    def __lt__(self, other: Operand) -> "Value":
        return self.compare("olt", other)

    def compare(self, relation: str, other: Operand) -> "Value":
        """Return a condition."""
        return self.block.two(f"fcmp {relation}", self.kind, self, other, returns=BITS)

    def bits(self) -> "Value":
        """Return the same bits as integers, or as doubles."""
        other = INTEGERS if self.kind == DOUBLES else DOUBLES
        return self.block.put(other, f"bitcast {self.kind} {self.name} to {other}")


def text(a: Operand, kind: str) -> str:
    """Return an operand as LLVM reads it; numbers by their bits, so that none is rounded."""
    if isinstance(a, Value):
        return a.name
    if kind == DOUBLES:
        return f"splat (double 0x{struct.unpack('>Q', struct.pack('>d', a))[0]:016X})"
    return f"splat (i64 {a})"


def where(condition: Value, a: Operand, b: Operand) -> Value:
    """Return a where the condition holds, else b."""
    block = condition.block
    kind = next((v.kind for v in (a, b) if isinstance(v, Value)), DOUBLES)
    return block.put(kind, f"select {BITS} {condition.name}, {kind} {text(a, kind)}, {kind} {text(b, kind)}")
