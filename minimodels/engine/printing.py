"""Print lowered expressions as the Python that Numba compiles."""

from functools import reduce

import sympy as sp

from minimodels.engine.lower import Inverse, Largest, Log1p, LogSum, Positive, Select
from minimodels.errors import InputError

CALLS = {
    sp.exp: "exp_",
    sp.log: "log_",
    Log1p: "log1p_",
    sp.Abs: "abs",
    sp.tanh: "math.tanh",
    sp.sinh: "math.sinh",
    sp.cosh: "math.cosh",
    sp.sin: "math.sin",
    sp.cos: "math.cos",
    sp.tan: "math.tan",
    sp.atan: "math.atan",
    sp.asinh: "math.asinh",
    sp.erf: "math.erf",
    sp.erfc: "math.erfc",
    sp.floor: "math.floor",
    sp.ceiling: "math.ceil",
}


def code(e: sp.Expr) -> str:
    """Return an expression as source text; a function that cannot be compiled is an InputError."""
    if e.is_Symbol:
        return str(e.name)
    if e is sp.oo or e is -sp.oo:
        return "math.inf" if e is sp.oo else "(-math.inf)"
    if e.is_number and e.is_real and not e.free_symbols and (e.is_Atom or e.is_Rational):
        value = repr(float(e))
        return f"({value})" if value.startswith("-") else value
    if e.is_Add:
        return "(" + " + ".join(code(a) for a in e.args) + ")"
    if e.is_Mul:
        return product(e)
    if e.is_Pow:
        return power(*e.args)
    if isinstance(e, Select | Positive):
        x, a, b = e.args
        return f"{'pick_' if isinstance(e, Select) else 'positive_'}({code(x)}, {code(a)}, {code(b)})"
    if isinstance(e, Inverse):
        return f"(1.0/{code(e.args[0])})"
    if isinstance(e, LogSum):
        first, *rest = map(code, e.args)
        return f"log1p_(({first} - 1.0)" + "".join(f" + {t}" for t in rest) + ")"
    if isinstance(e, Largest | sp.Max):
        return reduce(lambda a, b: f"max_({a}, {b})", map(code, e.args))
    if isinstance(e, sp.Min):
        return reduce(lambda a, b: f"min_({a}, {b})", map(code, e.args))
    if isinstance(e, sp.sign):
        x = code(e.args[0])
        return f"(1.0 if {x} > 0.0 else (-1.0 if {x} < 0.0 else 0.0))"
    if isinstance(e, sp.Heaviside):
        x = code(e.args[0])
        return f"(1.0 if {x} > 0.0 else (0.0 if {x} < 0.0 else 0.5))"
    if isinstance(e, sp.Piecewise):
        return piecewise(e)
    if type(e) in CALLS:
        return f"{CALLS[type(e)]}({code(e.args[0])})"
    known = ", ".join(sorted(f.__name__ for f in CALLS))
    raise InputError(f"{e.func.__name__!r} cannot be compiled; write the model with arithmetic and {known}.")


def product(e: sp.Expr) -> str:
    """Print a product as numerator over denominator."""
    top = [a for a in e.args if not (a.is_Pow and a.exp.is_number and a.exp.is_negative)]
    bottom = [1 / a for a in e.args if a.is_Pow and a.exp.is_number and a.exp.is_negative]
    if top and top[0] is sp.S.NegativeOne and len(top) > 1:
        text = "(-" + "*".join(code(a) for a in top[1:]) + ")"
    else:
        text = "*".join(code(a) for a in top) or "1.0"
    return f"({text}" + "".join(f"/{code(b)}" for b in bottom) + ")"


def power(base: sp.Expr, exponent: sp.Expr) -> str:
    """Print a power; small integer and half-integer exponents avoid the general one."""
    if base is sp.E:
        return f"exp_({code(exponent)})"
    if exponent.is_number and exponent.is_negative:
        return f"(1.0/{power(base, -exponent)})" if exponent != -1 else f"(1.0/{code(base)})"
    if exponent.is_Integer:
        return f"({code(base)}**{int(exponent)})"
    if exponent == sp.Rational(1, 2):
        return f"math.sqrt({code(base)})"
    return f"({code(base)}**{code(exponent)})"


def piecewise(e: sp.Piecewise) -> str:
    """Print a Piecewise with simple conditions as nested conditionals."""
    text = "math.nan"
    for value, condition in reversed(e.args):
        text = code(value) if condition == sp.true else f"({code(value)} if {relation(condition)} else {text})"
    return text


def relation(condition: sp.Basic) -> str:
    """Print a comparison or a combination of comparisons."""
    if isinstance(condition, sp.And | sp.Or):
        return "(" + f" {type(condition).__name__.lower()} ".join(map(relation, condition.args)) + ")"
    if isinstance(condition, sp.core.relational.Relational):
        return f"({code(condition.lhs)} {condition.rel_op} {code(condition.rhs)})"
    raise InputError(f"the condition {condition} cannot be compiled; use comparisons, And and Or.")
