"""From text to an expression: strings are data, read by a grammar of a few lines and never run as code.

==================  =====================================================================================
numbers             ``2``, ``0.5``, ``1e-3``, ``pi``
names               states, parameters and observables of the statement, whatever they are called
operators           ``+ - * / ** %`` and parentheses
conditions          ``< <= > >= == !=``, ``and``, ``or`` (or ``&``, ``|``), in ``a if x > 0 else b`` or `Piecewise`
functions           those of `FUNCTIONS`; `primitives` by the same spelling, as ``logsumexp((1, a), (w, b))``
==================  =====================================================================================
"""

import ast
import keyword
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from minimodels.errors import InputError, unknown
from minimodels.primitives import logsumexp, sigmoid, softmax, softplus

LONGEST = 100_000  # characters of a text
DEEPEST = 200  # levels of parentheses and operators


def _sinc(x: sp.Expr) -> sp.Expr:
    return sp.Piecewise((sp.sin(x) / x, sp.Ne(x, 0)), (sp.Integer(1), True))


def _piecewise(*pieces: tuple[sp.Expr, Any]) -> sp.Expr:
    """Return a Piecewise as it is written: what SymPy does to simplify nested ones may take forever."""
    kept = [(value, condition) for value, condition in pieces if condition not in (False, sp.false)]
    always = next((i for i, (_, condition) in enumerate(kept) if condition in (True, sp.true)), len(kept))
    if always == 0 and kept:
        return kept[0][0]
    return sp.Piecewise(*kept[: always + 1], evaluate=False) if kept else sp.nan


# name -> (function, fewest and most arguments)
FUNCTIONS: dict[str, tuple[Callable[..., sp.Expr], int, float]] = {
    **{
        name: (getattr(sp, name), 1, 1)
        for name in (
            "exp", "sqrt", "sign", "floor", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
            "asinh", "acosh", "atanh", "sech", "erf", "erfc", "gamma", "loggamma",
        )
    },
    "log": (sp.log, 1, 2),
    "ln": (sp.log, 1, 1),
    "abs": (sp.Abs, 1, 1),
    "Abs": (sp.Abs, 1, 1),
    "ceil": (sp.ceiling, 1, 1),
    "ceiling": (sp.ceiling, 1, 1),
    "sinc": (_sinc, 1, 1),
    "atan2": (sp.atan2, 2, 2),
    "Heaviside": (sp.Heaviside, 1, 2),
    "Mod": (sp.Mod, 2, 2),
    "Max": (sp.Max, 1, math.inf),
    "max": (sp.Max, 1, math.inf),
    "Min": (sp.Min, 1, math.inf),
    "min": (sp.Min, 1, math.inf),
    "sigmoid": (sigmoid, 1, 1),
    "softplus": (softplus, 1, 1),
    "Piecewise": (_piecewise, 1, math.inf),
    "logsumexp": (logsumexp, 1, math.inf),
    "softmax": (softmax, 2, math.inf),
}  # fmt: skip
TAKE_PAIRS = {"Piecewise": 0, "logsumexp": 0, "softmax": 1}  # from which argument on
RELATIONS: dict[type, Callable[[Any, Any], sp.Basic]] = {
    ast.Lt: sp.Lt, ast.LtE: sp.Le, ast.Gt: sp.Gt, ast.GtE: sp.Ge, ast.Eq: sp.Eq, ast.NotEq: sp.Ne,
}  # fmt: skip
OPERATIONS: dict[type, Callable[[Any, Any], sp.Basic]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Mod: sp.Mod,
    ast.Pow: lambda a, b: a**b,
    ast.BitAnd: sp.And,
    ast.BitOr: sp.Or,
}


def parse(text: str, names: Mapping[str, sp.Expr], what: str) -> sp.Expr:
    """Return the expression that a text stands for.

    Parameters
    ----------
    text : str
    names : mapping of str to expression
        What the names in the text mean.
    what : str
        What the text is, for the sentence of an error.

    Raises
    ------
    InputError
        If it is not an expression of the grammar, or a name or a function in it is not known.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> parse("1/(x - 1) + exp(-x)", {"x": x}, "rate")
    exp(-x) + 1/(x - 1)
    """
    if len(text) > LONGEST:
        raise InputError(f"the {what} is {len(text)} characters long; the longest text that is read has {LONGEST}.")
    try:
        tree = ast.parse(_readable(text, names), mode="eval")
    except (RecursionError, MemoryError) as error:
        raise InputError(f"the {what} is too long or nested too deeply for a text; state it with SymPy.") from error
    except (SyntaxError, ValueError) as error:
        raise InputError(f"the {what} is not an expression: {_short(text)}.") from error
    try:
        result = _Reader(names, what, text).read(tree.body, 0)
    except InputError:
        raise
    except (ArithmeticError, TypeError, ValueError, NotImplementedError, RecursionError, MemoryError) as error:
        raise InputError(f"the {what} cannot be worked out as a real number or formula: {_short(text)}.") from error
    if not isinstance(result, sp.Expr):
        raise InputError(f"the {what} is not a number or a formula, but a condition: {_short(text)}.")
    return result


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


_MANGLED = "_keyword_"


def _readable(text: str, names: Mapping[str, sp.Expr]) -> str:
    """Return the text with names that are words of Python's own, as ``lambda``, written differently."""
    words = [name for name in names if keyword.iskeyword(name)]
    if words:
        text = re.sub(rf"\b({'|'.join(words)})\b", rf"{_MANGLED}\1", text)
    return text.strip()


class _Reader:
    def __init__(self, names: Mapping[str, sp.Expr], what: str, text: str) -> None:
        self.names, self.what, self.text = names, what, text

    def refuse(self, reason: str) -> InputError:
        return InputError(f"the {self.what} {reason}: {_short(self.text)}.")

    def read(self, node: ast.expr, depth: int) -> Any:
        if depth > DEEPEST:
            raise self.refuse(f"is nested more than {DEEPEST} levels deep")
        read = lambda part: self.read(part, depth + 1)  # noqa: E731
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self.number(value)
            case ast.Name(id=name):
                return self.name(name.removeprefix(_MANGLED))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.formula(read(operand))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.formula(read(operand))
            case ast.BinOp(op=op) if type(op) in OPERATIONS:
                return self.chain(node, depth + 1)
            case ast.BoolOp(op=op, values=values):
                kind = sp.And if isinstance(op, ast.And) else sp.Or
                return kind(*(self.condition(read(v)) for v in values))
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in RELATIONS for op in ops):
                sides = [self.formula(read(side)) for side in (left, *others)]
                return sp.And(*(RELATIONS[type(op)](sides[i], sides[i + 1]) for i, op in enumerate(ops)))
            case ast.IfExp(test=test, body=body, orelse=other):
                pieces = (self.formula(read(body)), self.condition(read(test))), (self.formula(read(other)), True)
                return _piecewise(*pieces)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, arguments, depth + 1)
        raise self.refuse(f"may hold numbers, names, + - * / ** and functions, not {ast.unparse(node)[:40]!r}")

    def chain(self, node: ast.expr, depth: int) -> Any:
        """Read a sum or product of many terms, which Python nests to the left, in a loop."""
        links = []
        while isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            links.append((node.op, node.right))
            node = node.left
        value = self.read(node, depth)
        for op, right in reversed(links):
            value = self.combine(op, value, self.read(right, depth))
        return value

    def number(self, value: float) -> sp.Expr:
        if isinstance(value, int):
            return sp.Integer(value) if abs(value) < 2**63 else sp.Float(float(value)) if value < 1e308 else self.huge()
        return sp.Float(value, 17) if math.isfinite(value) else self.huge()

    def huge(self) -> sp.Expr:
        raise self.refuse("holds a number beyond 1e308")

    def name(self, name: str) -> sp.Expr:
        if name in self.names:
            return self.names[name]
        if name == "pi":
            return sp.pi
        if name in FUNCTIONS:
            raise self.refuse(f"uses the function {name!r} without arguments")
        raise unknown(f"symbol in the {self.what}", name, self.names)

    def formula(self, value: Any) -> sp.Expr:
        if not isinstance(value, sp.Expr):
            raise self.refuse("has a condition where a number belongs")
        return value

    def condition(self, value: Any) -> Any:
        if isinstance(value, sp.Expr):
            raise self.refuse("has a number where a condition belongs")
        return value

    def combine(self, op: ast.operator, left: Any, right: Any) -> Any:
        if isinstance(op, ast.BitAnd | ast.BitOr):
            return OPERATIONS[type(op)](self.condition(left), self.condition(right))
        a, b = self.formula(left), self.formula(right)
        if isinstance(op, ast.Pow) and a.is_Number and b.is_Number:  # else 9**9**9 is worked out digit by digit
            try:
                large = a != 0 and abs(float(b) * math.log2(abs(float(a)))) > 1000
            except OverflowError:
                large = True
            if large:
                self.huge()
        return self.finite(OPERATIONS[type(op)](a, b), "divides by zero")

    def finite(self, result: Any, reason: str) -> sp.Expr:
        if not isinstance(result, sp.Expr) or result.has(sp.zoo, sp.nan, sp.oo):
            raise self.refuse(reason)
        if result.is_Number and abs(result) > 1e308:
            self.huge()
        return result

    def call(self, name: str, arguments: list[ast.expr], depth: int) -> sp.Expr:
        if name not in FUNCTIONS:
            raise unknown(f"function in the {self.what}", name, FUNCTIONS)
        function, fewest, most = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            count = (
                f"{fewest}" if fewest == most else f"{fewest} or more" if most == math.inf else f"{fewest} or {most}"
            )
            raise self.refuse(f"gives {name} {len(arguments)} arguments instead of {count}")
        first_pair = TAKE_PAIRS.get(name, len(arguments))
        values: list[Any] = []
        for i, argument in enumerate(arguments):
            if i < first_pair:
                values.append(self.formula(self.read(argument, depth)))
            elif isinstance(argument, ast.Tuple) and len(argument.elts) == 2:
                first, second = argument.elts
                values.append(self.pair(name, first, second, depth))
            else:
                raise self.refuse(f"gives {name} something else than pairs in parentheses")
        if name == "softmax":
            if not (values[0].is_Integer and 0 <= values[0] < len(values) - 1):
                raise self.refuse("lacks the number of the term, from 0 on, as first argument of softmax")
            values[0] = int(values[0])
        # a factorial or a sine of many digits is a matter of floats
        values = [sp.Float(v) if isinstance(v, sp.Integer) and abs(v) > 10_000 else v for v in values]
        try:
            result = function(*values)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self.refuse(f"cannot be worked out at {name}") from error
        return self.finite(result, f"has no value at {name}")

    def pair(self, name: str, first: ast.expr, second: ast.expr, depth: int) -> tuple[Any, Any]:
        a = self.formula(self.read(first, depth))
        if name != "Piecewise":
            return a, self.formula(self.read(second, depth))
        if isinstance(second, ast.Constant) and second.value is True:
            return a, True
        return a, self.condition(self.read(second, depth))
