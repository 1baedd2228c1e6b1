"""Expressions as a graph: every value once, simplified as it is made; SymPy is read into it.

A node is a tuple of an operation and the numbers of its arguments. The safe primitives (`sigmoid`, `softplus`, `lse`,
`softmax`) are operations too, differentiated as they are (`calculus`) and then brought into shifted form (`lowering`).
"""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import reduce

import sympy as sp

from minimodels.errors import InputError, shown
from minimodels.expressions import FUNCTIONS
from minimodels.primitives import LogSumExp, SoftMax, sigmoid, softplus

Node = tuple[object, ...]

# what depends on nothing, on parameters alone, on states
CONSTANT, PARAMETER, STATE = range(3)

UNARY: dict[type, str] = {
    sp.exp: "exp",
    sp.log: "log",
    sp.Abs: "abs",
    sp.sign: "sign",
    sp.floor: "floor",
    sp.ceiling: "ceil",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tan: "tan",
    sp.asin: "asin",
    sp.acos: "acos",
    sp.atan: "atan",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.tanh: "tanh",
    sp.asinh: "asinh",
    sp.acosh: "acosh",
    sp.atanh: "atanh",
    sp.erf: "erf",
    sp.erfc: "erfc",
    sp.gamma: "tgamma",
    sigmoid: "sigmoid",
    softplus: "softplus",
}
LEAVES = ("number", "state", "parameter", "row")
CONDITIONS = ("ogt", "oge", "olt", "ole", "oeq", "une", "and", "or")
RELATIONS: dict[str, str] = {">": "ogt", ">=": "oge", "<": "olt", "<=": "ole", "==": "oeq", "!=": "une"}


class Graph:
    """Values by number; the same operation on the same arguments is the same number."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.depends: list[int] = []
        self._numbers: dict[Node, int] = {}

    def node(self, operation: str, *arguments: int) -> int:
        """Return the number of an operation on values."""
        return self._intern((operation, *arguments), max((self.depends[a] for a in arguments), default=CONSTANT))

    def _intern(self, node: Node, depends: int) -> int:
        number = self._numbers.setdefault(node, len(self.nodes))
        if number == len(self.nodes):
            self.nodes.append(node)
            self.depends.append(depends)
        return number

    def state(self, index: int) -> int:
        """Return the value of a state variable."""
        return self._intern(("state", index), STATE)

    def parameter(self, index: int) -> int:
        """Return the value of a parameter."""
        return self._intern(("parameter", index), PARAMETER)

    def row(self, index: int) -> int:
        """Return the value of a row of the table that a stepper may change between steps, so that nothing is folded."""
        return self._intern(("row", index), STATE)

    def number(self, value: float) -> int:
        """Return a constant."""
        return self._intern(("number", float(value) + 0.0), CONSTANT)

    def value(self, a: int) -> float | None:
        """Return the value of a constant, None for anything else."""
        node = self.nodes[a]
        return node[1] if node[0] == "number" else None  # type: ignore[return-value]

    def arguments(self, a: int) -> tuple[int, ...]:
        """Return the numbers of a node's arguments."""
        operation, *rest = self.nodes[a]
        return () if operation in LEAVES else tuple(rest)  # type: ignore[arg-type]

    def neg(self, a: int) -> int:
        """Return -a."""
        if (x := self.value(a)) is not None:
            return self.number(-x)
        operation, *rest = self.nodes[a]
        if operation == "neg":
            return rest[0]  # type: ignore[return-value]
        return self.node("sub", rest[1], rest[0]) if operation == "sub" else self.node("neg", a)  # type: ignore[arg-type]

    def add(self, a: int, b: int) -> int:
        """Return a + b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x + y)
        if x == 0 or y == 0:
            return b if x == 0 else a
        for one, other in ((a, b), (b, a)):
            if self.nodes[other][0] == "neg":
                return self.sub(one, self.arguments(other)[0])
        return self.node("add", *sorted((a, b)))

    def sub(self, a: int, b: int) -> int:
        """Return a - b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x - y)
        if y == 0 or x == 0:
            return a if y == 0 else self.neg(b)
        if self.nodes[b][0] == "neg":
            return self.add(a, self.arguments(b)[0])
        if self.nodes[a][0] == "neg":
            return self.neg(self.add(self.arguments(a)[0], b))
        return self.node("sub", a, b)

    def mul(self, a: int, b: int) -> int:
        """Return a b; a factor 0 wins over anything, as in SymPy."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x * y)
        for factor, other in ((x, b), (y, a)):
            if factor == 0:
                return self.number(0)
            if factor == 1:
                return other
            if factor == -1:
                return self.neg(other)
        for one, other in ((a, b), (b, a)):
            if self.nodes[other][0] == "neg":
                return self.neg(self.mul(one, self.arguments(other)[0]))
        return self.node("mul", *sorted((a, b)))

    def inv(self, a: int) -> int:
        """Return 1/a; a node of its own, so that everything divided by ``a`` shares one division."""
        x = self.value(a)
        if x is not None:
            return self.number(1 / x if x else math.copysign(math.inf, x))
        return self.arguments(a)[0] if self.nodes[a][0] == "inv" else self.node("inv", a)

    def total(self, values: Iterable[int]) -> int:
        """Return a sum, in pairs; constants first, then what parameters decide, then the rest."""
        terms = sorted(values, key=self.depends.__getitem__)
        if len(terms) <= 4:
            return reduce(self.add, terms, self.number(0))
        half = len(terms) // 2
        return self.add(self.total(terms[:half]), self.total(terms[half:]))

    def product(self, values: Iterable[int]) -> int:
        """Return a product, in the same order."""
        return reduce(self.mul, sorted(values, key=self.depends.__getitem__), self.number(1))

    def power(self, a: int, n: int) -> int:
        """Return a to a whole power, not negative, by squaring."""
        result, square = self.number(1), a
        while n:
            result = self.mul(result, square) if n % 2 else result
            n //= 2
            square = self.mul(square, square) if n else square
        return result

    def raised(self, a: int, b: int) -> int:
        """Return a to the power b; half-integer exponents by a root."""
        n = self.value(b)
        if n is not None and abs(n) <= 64 and 2 * n == int(2 * n):
            whole = self.power(a, abs(int(n)))
            result = whole if n == int(n) else self.mul(whole, self.node("sqrt", a))
            return result if n > 0 else self.inv(result)
        return self.node("pow", a, b)

    def size(self, a: int) -> int:
        """Return abs(a), the same for a and -a."""
        operation = self.nodes[a][0]
        if operation == "neg":
            return self.size(*self.arguments(a))
        return self.node("abs", self.node("sub", *sorted(self.arguments(a))) if operation == "sub" else a)

    def exp(self, a: int) -> int:
        """Return e to the power a."""
        return self.number(1) if self.value(a) == 0 else self.node("exp", a)

    def select(self, condition: int, a: int, b: int) -> int:
        """Return a where the condition holds, else b."""
        return a if a == b else self.node("select", condition, a, b)

    def heaviside(self, a: int, at: float = 0.5) -> int:
        """Return 1 where a > 0, 0 below, and ``at`` at zero."""
        return self.node("heaviside", a, self.number(at))

    def digamma(self, x: int) -> int:
        """Return the slope of log gamma(x): from x + 12 on by Stirling's series, below one half by reflection."""
        one, half = self.number(1), self.compare("ogt", x, self.number(0.5))
        t = self.select(half, x, self.sub(one, x))
        z = self.add(t, self.number(12))
        inverse = self.inv(self.mul(z, z))
        series = self.number(0)
        for b in (691 / 32760, -1 / 132, 1 / 240, -1 / 252, 1 / 120, -1 / 12):  # -B_2k/2k, from k = 6 down
            series = self.mul(inverse, self.add(self.number(b), series))
        tail = self.add(self.sub(self.node("log", z), self.mul(self.number(0.5), self.inv(z))), series)
        value = self.sub(tail, self.total(self.inv(self.add(t, self.number(k))) for k in range(12)))
        turn = self.mul(self.number(math.pi), self.inv(self.node("tan", self.mul(self.number(math.pi), x))))
        return self.select(half, value, self.sub(value, turn))

    def compare(self, relation: str, a: int, b: int) -> int:
        """Return a condition, ``ogt`` or another of LLVM's names."""
        return self.node(relation, a, b)

    def reachable(self, outputs: Sequence[int], given: Container[int] = ()) -> list[int]:
        """Return what the outputs need and is not given, arguments before results, close to where it is used."""
        done: dict[int, None] = {}
        stack = [(a, False) for a in reversed(outputs)]
        while stack:
            a, ready = stack.pop()
            if a in done or a in given:
                continue
            if ready:
                done[a] = None
            else:
                stack.append((a, True))
                stack += [(b, False) for b in reversed(self.arguments(a))]
        return list(done)


class Reader:
    """Reads SymPy expressions into a graph, every shared part once."""

    def __init__(self, graph: Graph, symbols: Mapping[sp.Symbol, int]) -> None:
        self.graph = graph
        self.known: dict[sp.Basic, int] = dict(symbols)

    def read(self, expression: sp.Expr) -> int:
        """Return the value of an expression; what cannot be compiled is an InputError that names it."""
        stack: list[tuple[sp.Basic, bool]] = [(expression, False)]
        while stack:
            e, ready = stack.pop()
            if e in self.known:
                continue
            if ready:
                self.known[e] = self.made(e)
            elif e.is_number and not isinstance(e, sp.core.relational.Relational):
                self.known[e] = self.constant(e)
            else:
                stack.append((e, True))
                stack += [(a, False) for a in self.parts(e) if a not in self.known]
        return self.known[expression]

    @staticmethod
    def parts(e: sp.Basic) -> list[sp.Basic]:
        """Return the arguments that must be read first."""
        if isinstance(e, sp.Piecewise):
            return [part for pair in e.args for part in (pair.expr, pair.cond)]
        if isinstance(e, SoftMax):
            return list(e.args[1:])
        if isinstance(e, sp.ITE | sp.Not | sp.Xor | sp.Implies):
            return [e.to_nnf(simplify=False)]
        if e.is_Pow and e.base is sp.E:
            return [e.exp]
        return list(e.args)

    def constant(self, e: sp.Expr) -> int:
        """Return the number that an expression without symbols stands for."""
        try:
            value = float(e)
        except TypeError:
            raise InputError(f"{e} is not a real number; a model is made of real expressions.") from None
        if (value == 0.0 and e.is_zero is False) or not math.isfinite(value):
            raise InputError(f"the constant {shown(e)} lies beyond the floating-point numbers; scale the model.")
        return self.graph.number(value)

    def made(self, e: sp.Basic) -> int:
        """Return the value of an expression whose parts are known."""
        g, known = self.graph, self.known
        values = [known[a] for a in self.parts(e)]
        if isinstance(e, sp.ITE | sp.Not | sp.Xor | sp.Implies):
            return values[0]
        if e.is_Add:
            return g.total(values)
        if e.is_Mul:
            return g.product(values)
        if e.is_Pow:
            return g.exp(values[0]) if e.base is sp.E else g.raised(*values)
        if isinstance(e, LogSumExp):
            return g.node("lse", *values)
        if isinstance(e, SoftMax):
            return g.node("softmax", g.number(int(e.args[0])), *values)
        if isinstance(e, sp.Max | sp.Min):
            operation = "max" if isinstance(e, sp.Max) else "min"
            return reduce(lambda a, b: g.node(operation, a, b), values)
        if isinstance(e, sp.atan2):
            return g.node("atan2", *values)
        if isinstance(e, sp.Piecewise):
            result = g.number(math.nan)
            for value, condition in zip(reversed(values[::2]), reversed(e.args), strict=True):
                result = value if condition.cond == sp.true else g.select(known[condition.cond], value, result)
            return result
        if isinstance(e, sp.And | sp.Or):
            return reduce(lambda a, b: g.node("and" if isinstance(e, sp.And) else "or", a, b), values)
        if isinstance(e, sp.core.relational.Relational):
            return g.compare(RELATIONS[e.rel_op], *values)
        if e in (sp.true, sp.false):
            return g.compare("oeq", g.number(0), g.number(0 if e == sp.true else 1))
        if isinstance(e, sp.Heaviside):
            return g.node("heaviside", *values)
        if isinstance(e, sp.Mod):
            return g.sub(values[0], g.mul(values[1], g.node("floor", g.mul(values[0], g.inv(values[1])))))
        if isinstance(e, sp.sech):
            return g.inv(g.node("cosh", values[0]))
        if isinstance(e, sp.loggamma):
            positive = g.compare("ogt", values[0], g.number(0))
            return g.select(positive, g.node("lgamma", values[0]), g.number(math.nan))
        if isinstance(e, sp.polygamma) and e.args[0] == 0:
            return g.digamma(values[1])
        if isinstance(e, sp.exp):
            return g.exp(values[0])
        if isinstance(e, sp.Abs):
            return g.size(values[0])
        if type(e) in UNARY:
            return g.node(UNARY[type(e)], values[0])
        raise InputError(
            f"{e.func.__name__!r} cannot be compiled; write the model with arithmetic and {', '.join(FUNCTIONS)}."
        )
